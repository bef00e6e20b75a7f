#!/usr/bin/env python3
"""Verifies the Spin models of this folder exhaustively: what is right must hold, and what is broken on purpose must be
refuted. See README.md.

usage: tests/models/run.py [MODEL…] [--long] [--trail MODEL:BROKEN]
  --long   more crashes, more commits: minutes instead of seconds
  --trail  the shortest way found to where a broken variant fails, step by step
"""
import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ASSERTS = 'asserts'  # assertions and deadlocks; else the name of an ltl property, with weak fairness


class Model:
    def __init__(self, properties, broken, long_form):
        self.properties = properties  # what holds
        self.broken = broken          # macro -> what refutes it
        self.long_form = long_form    # macros of the larger bounds


MODELS = {
    'dispatch': Model(
        [ASSERTS, 'closes', 'stays_told'],
        {
            'ACT_BEFORE_COMMIT': ASSERTS,
            'ACK_BEFORE_SYNC': 'stays_told',
            'LATE_RESULT_APPLIED': ASSERTS,
            'KEY_PER_ATTEMPT': ASSERTS,
            'TIMER_NOT_IN_COMMIT': 'closes',
            'TIMER_NOT_CHECKED': ASSERTS,
            'LOST_FORGOTTEN': 'closes',
        },
        ['CRASHES=3']),
    'saga': Model(
        [ASSERTS, 'closes'],
        {
            'RECORD_AFTER_ACT': ASSERTS,
            'RECORD_LATER': ASSERTS,
            'UNKNOWN_IGNORED': ASSERTS,
            'FORWARD_ORDER': ASSERTS,
            'UNDO_BEFORE_SETTLED': ASSERTS,
            'UNDO_NOT_REPEATED': ASSERTS,
            'DONE_BEFORE_UNDONE': ASSERTS,
            'PARTY_FORGETS_KEYS': ASSERTS,
        },
        ['CRASHES=3', 'ATTEMPTS_MAX=3']),
    'journal': Model(
        [ASSERTS],
        {
            'ACK_BEFORE_SYNC': ASSERTS,
            'NO_WRITE_AGAIN': ASSERTS,
            'DRAIN_BEFORE_DURABLE': ASSERTS,
            'RELEASE_EARLY': ASSERTS,
            'STALE_ACCEPTED': ASSERTS,
            'HEAD_HIDES': ASSERTS,
            'TORN_ACCEPTED': ASSERTS,
            'RECOVER_SKIPS': ASSERTS,
        },
        ['DOWNS=3']),
}


class Outcome:
    def __init__(self, output):
        errors = re.search(r'errors: (\d+)', output)
        states = re.search(r'(\d+(?:\.\d+e\+\d+)?) states, stored', output)
        violation = re.search(r'pan:\d*:? ?(assertion violated .*|invalid end state|acceptance cycle)', output)
        self.finished = errors is not None and 'max search depth too small' not in output and 'out of memory' not in output
        self.refuted = errors is not None and errors.group(1) != '0'
        self.states = int(float(states.group(1))) if states else 0
        self.how = re.sub(r' \(at depth.*', '', violation.group(1)) if violation else ''
        self.output = output


def call(command, folder):
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


def build(folder, model, macros, prove, optimize):
    """A verifier of the model in the folder; its command."""
    made = call(['spin', *[f'-D{m}' for m in macros], '-a', os.path.join(HERE, model + '.pml')], folder)
    if made.returncode != 0 or 'rror' in made.stdout:
        sys.exit(f'models: spin does not take {model}.pml:\n{made.stdout}{made.stderr}')
    options = ['-DNOCLAIM', '-DSAFETY'] if prove == ASSERTS else ['-DNFAIR=3']
    made = call([os.environ.get('CC', 'cc'), optimize, '-w', '-DVECTORSZ=2048', *options, '-o', 'pan', 'pan.c'], folder)
    if made.returncode != 0:
        sys.exit(f'models: the verifier of {model}.pml does not compile:\n{made.stderr}')
    return ['./pan', '-m2000000'] + ([] if prove == ASSERTS else ['-a', '-f', '-N', prove])


def verify(model, macros, prove, optimize):
    with tempfile.TemporaryDirectory() as folder:
        return Outcome(call(build(folder, model, macros, prove, optimize), folder).stdout)


def show_trail(model, broken):
    with tempfile.TemporaryDirectory() as folder:
        verifier = build(folder, model, [broken], MODELS[model].broken[broken], '-O0')
        call(verifier + ['-i', '-m2000'], folder)  # shorter and shorter ones
        trail = os.path.join(folder, model + '.pml.trail')
        if not os.path.exists(trail):
            sys.exit(f'models: {model} with {broken} is not refuted')
        steps = call(['spin', f'-D{broken}', '-p', '-k', trail, os.path.join(HERE, model + '.pml')], folder).stdout
        print(re.sub(re.escape(HERE) + '/', '', steps))


def report(good, name, outcome, what):
    seconds = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f'{"ok  " if good else "FAIL"} {name:34} {outcome.states:>9} states  {what}'
          f'  [{seconds.ru_utime + seconds.ru_stime:.0f} s of CPU so far]', flush=True)
    if not good:
        print(outcome.output)
    return good


def check(name, model, long_form):
    macros = model.long_form if long_form else []
    good = True
    for prove in model.properties:
        outcome = verify(name, macros, prove, '-O1')
        good &= report(outcome.finished and not outcome.refuted, f'{name} {prove}', outcome, outcome.how or 'holds')
    for broken, prove in model.broken.items():
        outcome = verify(name, [broken], prove, '-O0')  # compiling takes longer than refuting
        good &= report(outcome.refuted and outcome.how != '', f'{name} {broken}', outcome,
                       f'refuted: {outcome.how}' if outcome.refuted else 'NOT REFUTED')
    return good


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument('models', nargs='*', metavar='MODEL')
    parser.add_argument('--long', action='store_true')
    parser.add_argument('--trail', metavar='MODEL:BROKEN')
    arguments = parser.parse_args()
    if not shutil.which('spin'):
        sys.exit('models: spin is not installed; ./dev setup installs it')
    if arguments.trail:
        return show_trail(*arguments.trail.split(':'))
    unknown = [m for m in arguments.models if m not in MODELS]
    if unknown:
        sys.exit(f'models: no model {", ".join(unknown)}; there are: {", ".join(MODELS)}')
    results = [check(name, model, arguments.long) for name, model in MODELS.items()
               if not arguments.models or name in arguments.models]
    sys.exit(0 if all(results) else 1)


main()
