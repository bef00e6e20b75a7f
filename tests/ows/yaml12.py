"""YAML by the rules of version 1.2 (PyYAML reads 1.1: there `on` is true and 0o17 a text), to plain values."""
import re

import yaml


class Loader(yaml.SafeLoader):
    pass


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
        ('bool', r'true|True|TRUE|false|False|FALSE', 'tTfF'),
        ('null', r'~|null|Null|NULL|', ['~', 'n', 'N', '']),
        ('int', r'[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+', '-+0123456789'),
        ('float', r'[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)',
         '-+0123456789.')):
    Loader.add_implicit_resolver(f'tag:yaml.org,2002:{tag}', re.compile(f'^(?:{pattern})$'), list(first))


def integer(loader, node):
    text = node.value
    return int(text[2:], {'o': 8, 'x': 16}[text[1]]) if text[:2] in ('0o', '0x') else int(text)


def mapping(loader, node, deep=True):
    seen = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.constructor.ConstructorError(None, None, f'the key {key.value!r} comes twice', key.start_mark)
        seen.add(key.value)
    return {str(k) if not isinstance(k, str) else k: v for k, v in loader.construct_mapping(node, deep=True).items()}


Loader.add_constructor('tag:yaml.org,2002:int', integer)
Loader.add_constructor('tag:yaml.org,2002:map', mapping)


def load(text):
    return yaml.load(text, Loader)  # noqa: S506: a subclass of SafeLoader
