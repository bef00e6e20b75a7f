"""The reference: expressions, texts, durations, faults."""
import datetime
import json
import re
import subprocess

ERRORS = 'https://open-workflow-specification.org/spec/1.0.0/errors/'


class NotThere(Exception):
    """The reference does not know this."""


class Fault(Exception):
    def __init__(self, error):
        super().__init__(error)
        self.error = error


class End(Exception):
    """`then: end` on its way outward with what the last task gave."""

    def __init__(self, output):
        super().__init__()
        self.output = output


def fault(kind, status, at, title, detail='-'):
    return Fault({'type': ERRORS + kind, 'status': status, 'title': title, 'detail': detail, 'instance': at})


def jq(source, value, variables):
    words = ['jq', '-c', f'[limit(1; {source})] | .[0]']
    for name, bound in variables.items():
        words += ['--argjson', name, json.dumps(bound)]
    done = subprocess.run(words, input=json.dumps(value), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ValueError(done.stderr.strip())
    return json.loads(done.stdout)


def as_text(value):
    return value if isinstance(value, str) else json.dumps(value, separators=(',', ':'))


def closing(text, begin):
    """The place of the brace that ends the expression from `begin`."""
    depth, quoted, i = 0, False, begin
    nested = []
    while i < len(text):
        c = text[i]
        if quoted:
            if text.startswith('\\(', i):
                nested.append(depth)
                quoted, i = False, i + 1
                depth += 1
            elif c == '\\':
                i += 1
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c in '{(':
            depth += 1
        elif c in '})':
            if c == '}' and depth == 0:
                return i
            depth -= 1
            if nested and depth == nested[-1]:
                nested.pop()
                quoted = True
        i += 1
    raise NotThere(f'no end of the expression in {text}')


def parts(text):
    """A text as literals and expressions: [(is_expression, text)]."""
    found, at = [], 0
    while (begin := text.find('${', at)) >= 0:
        if begin > 0 and text[begin - 1] == '$':
            found.append((False, text[at:begin - 1] + '${'))
            at = begin + 2
            continue
        end = closing(text, begin + 2)
        found += [(False, text[at:begin]), (True, text[begin + 2:end])]
        at = end + 1
    return [p for p in [*found, (False, text[at:])] if p[0] or p[1]]


DURATION = re.compile(r'^P(?!$)(?:([\d.]+)Y)?(?:([\d.]+)M)?(?:([\d.]+)W)?(?:([\d.]+)D)?'
                      r'(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$')


def seconds(value):
    if isinstance(value, dict):
        return sum(value.get(n, 0) * s for n, s in (('days', 86400), ('hours', 3600), ('minutes', 60), ('seconds', 1),
                                                    ('milliseconds', 0.001)))
    match = DURATION.match(value) if isinstance(value, str) else None
    if not match:
        raise ValueError(f'{value!r} is no duration')
    return sum(float(n or 0) * s for n, s in zip(match.groups(), (365 * 86400, 30 * 86400, 7 * 86400, 86400, 3600, 60, 1)))


def moment():
    now = datetime.datetime.now(datetime.timezone.utc)
    ms = int(now.timestamp() * 1000)
    return {'iso8601': now.isoformat(timespec='milliseconds').replace('+00:00', 'Z'),
            'epoch': {'seconds': ms // 1000, 'milliseconds': ms}}


def contained(expected, actual):
    if isinstance(expected, dict):
        return isinstance(actual, dict) and all(k in actual and contained(v, actual[k]) for k, v in expected.items())
    return expected == actual
