#!/usr/bin/env python3
"""Validates every workflow of the scenarios, and every function of the services, against the official JSON Schema.

usage: schema_check.py [FOLDER…]   (default: conformance/ows)

The schema is schema/workflow.yaml of PERDURE_OWS_DIR (default ../shared/ows); where it is not to be had there is nothing to
do. Scenarios tagged @not-in-schema are left out.
"""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(ROOT, 'conformance/ows')]

import ctk  # noqa: E402
import service  # noqa: E402
import yaml12  # noqa: E402

DEFINITIONS = ('a workflow with definition:', 'given a registered workflow with definition:')


def why(error):
    """The deepest of the errors that lead to this one."""
    while error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    return f'/{"/".join(map(str, error.absolute_path))}: {error.message[:300]}'


def main(words):
    path = os.path.join(ctk.KIT, 'schema/workflow.yaml')
    if not os.path.exists(path):
        print(f'no schema at {path}: nothing was checked')
        return 0
    import jsonschema
    with open(path, encoding='utf-8') as file:
        schema = yaml12.load(file.read())
    validator = jsonschema.Draft202012Validator(schema)
    function = jsonschema.Draft202012Validator({**schema, 'type': 'object', 'required': [], 'properties': {},
                                                '$ref': '#/$defs/task'})
    wrong = count = 0
    for scenario in ctk.scenarios_of(ctk.arguments_of([*(words or [os.path.join(ROOT, 'conformance/ows')])])):
        if '@not-in-schema' in scenario.tags:
            continue
        for step in scenario.steps:
            if step.text in DEFINITIONS:
                count += 1
                errors = list(validator.iter_errors(yaml12.load(step.doc)))
                wrong += bool(errors)
                for error in errors[:2]:
                    print(f'{scenario.file}:{step.line}: {scenario.name}: {why(error)}')
    for error in function.iter_errors(yaml12.load(service.FUNCTION)):
        wrong += 1
        print(f'service.FUNCTION: {why(error)}')
    print(f'{count} documents, {wrong} not valid')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
