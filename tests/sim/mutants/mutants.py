#!/usr/bin/env python3
"""Planted bugs for the simulator to find: one list, one binary with all of them, one at a time alive.

  files            the sources that mutants touch, relative to src/
  generate DIR     their mutated copies, under DIR
  check            that every text is found exactly once
  run BINARY       judges the simulator: each mutant until it is found or its share of CPU time is over
     [--minutes N] CPU minutes in all, default 10     [--jobs N] at a time     [NAME...] only these

The lists are *.mutants beside this file, or those named by --list, which comes first. An entry:

  mutant NAME
  why WHAT A PERSON WAS THINKING
  file PATH              relative to src/
  - TEXT                 found exactly once in the file, of one or more lines
  + TEXT                 that stands for it when the mutant is alive; none: nothing does

`file`, `-`, `+` may come again. A text that ends in ; or } is a statement, any other an expression: the copy asks at run
time which of the two it is. So the sources of the product know nothing of this.
"""
import argparse
import glob
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.path.normpath(os.path.join(HERE, '../../../src'))
MEMORY_BYTES_MAX = 4 << 30  # of a mutant that runs away
FIRST_SHARE_SECONDS = 4
LEFT_SECONDS_MIN = 5
UNMUTATED_SECONDS = 10
FOUND_SHARE_MIN = 0.95
KEPT = sorted(glob.glob(os.path.join(HERE, '../seeds/*.scenario')))


class Mutant:
    def __init__(self, name, place):
        self.name, self.place, self.why, self.edits = name, place, '', []


lists = sorted(glob.glob(os.path.join(HERE, '*.mutants')))


def read_lists():
    mutants = []
    for path in lists:
        with open(path) as file:
            for number, line in enumerate(file, 1):
                place = f'{os.path.relpath(path)}:{number}'
                word, _, rest = line.rstrip('\n').partition(' ')
                if word == 'mutant':
                    mutants.append(Mutant(rest, place))
                elif word == 'why':
                    mutants[-1].why = rest
                elif word == 'file':
                    file_name, last = rest, 'file'
                elif word == '-':
                    if last != '-':
                        mutants[-1].edits.append({'file': file_name, 'old': [], 'new': []})
                    mutants[-1].edits[-1]['old'].append(rest)
                    last = '-'
                elif word == '+':
                    mutants[-1].edits[-1]['new'].append(rest)
                    last = '+'
                elif line.strip() and not line.startswith('#'):
                    sys.exit(f'{place}: neither mutant, why, file, -, + nor a comment')
    names = [m.name for m in mutants]
    for m in mutants:
        if names.count(m.name) > 1 or not m.edits or not m.why:
            sys.exit(f'{m.place}: mutant {m.name} has no edit or no reason, or is there twice')
    return mutants


def replacement(old, variants):
    """`variants`: (number, text) of the mutants that change this text."""
    if old.rstrip()[-1] in ';}':
        return '{ ' + ''.join(f'if (::perdure::mutant({n})) {{ {new} }} else ' for n, new in variants) + f'{{ {old} }} }}'
    for number, new in variants:
        old = f'(::perdure::mutant({number}) ? ({new}) : ({old}))'
    return old


def mutated_sources(mutants):
    """{path: text}; ends with a message when a text is not there exactly once, or two mutants overlap."""
    texts, changes, wrong = {}, {}, []
    for number, m in enumerate(mutants, 1):
        for edit in m.edits:
            path, old = edit['file'], '\n'.join(edit['old'])
            if path not in texts:
                with open(os.path.join(SRC, path)) as file:
                    texts[path] = file.read()
            found = texts[path].count(old)
            if found == 1:
                changes.setdefault(path, {}).setdefault(old, []).append((number, '\n'.join(edit['new'])))
            else:
                wrong.append(f'{m.place}: mutant {m.name}: its text is {found} times in {path}:\n  {old}')
    for path, edits in changes.items():
        text = texts[path]
        places = sorted((text.index(old), old, variants) for old, variants in edits.items())
        for (at, old, variants), after in zip(places, places[1:]):
            if at + len(old) > after[0]:
                names = [mutants[n - 1].name for n in (variants[0][0], after[2][0][0])]
                wrong.append(f'{path}: mutants {names[0]} and {names[1]} overlap')
        for at, old, variants in reversed(places):
            text = text[:at] + replacement(old, variants) + text[at + len(old):]
        texts[path] = text
    if wrong:
        sys.exit('\n'.join(wrong))
    return texts


def generate(directory):
    for path, text in mutated_sources(read_lists()).items():
        target = os.path.join(directory, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, 'w') as file:
            file.write(f'#include "sim/mutants/mutant.h"\n#line 1 "src/{path}"\n{text}')


def by(seed, how):
    return f's{seed}' if '--store' in how else 'kept' if seed == 0 else str(seed)


class Run:
    """One mutant's way through the kept worlds and seeds, and after the first round, if it is in the store, through lists
    of operations on the store alone."""
    def __init__(self, number, name, in_store=False):
        self.number, self.name, self.in_store = number, name, in_store
        self.seed, self.list, self.cpu, self.found, self.reached = 1, 1, 0.0, None, False

    def live(self, binary, seconds, again=False):
        if again and self.in_store:
            self.live_on(binary, seconds, ['--store'], self.list)
        else:
            self.live_on(binary, seconds, [] if again or self.number == 0 else KEPT, self.seed)
        return self

    def live_on(self, binary, seconds, how, first):
        def limit():
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with tempfile.TemporaryFile('w+', errors='replace') as errors:
            process = subprocess.Popen([binary, str(self.number), str(first), str(seconds), *how], text=True,
                                       stdout=subprocess.PIPE, stderr=errors, preexec_fn=limit, errors='replace')
            out = process.stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            said = errors.read().strip().splitlines()
        self.cpu += usage.ru_utime + usage.ru_stime
        lines = out.splitlines()
        seeds = [int(line[5:]) for line in lines if line.startswith('seed ')]
        last = lines[-1] if lines else ''
        if process.returncode == 1 and last.startswith('found '):
            _, invariant, text = last.split(' ', 2)
            self.found = (by(seeds[-1], how), invariant, text)
        elif process.returncode == 0 and last.startswith('survived'):
            if '--store' in how and seeds:
                self.list = seeds[-1] + 1
            elif seeds:
                self.seed = seeds[-1] + 1
            self.reached = self.reached or last == 'survived'
        elif process.returncode == -signal.SIGPROF:
            self.found = (by(seeds[-1], how), 'hang', 'the engine does not come to rest')
        else:
            self.found = (by(seeds[-1] if seeds else first, how), 'crash',
                          said[-1] if said else f'signal {-process.returncode}')

    def row(self):
        if self.found:
            return f'{self.name:44} found     {self.found[0]:>6} {self.found[1]:>5} {self.cpu:8.1f}'
        what = 'passed' if self.number == 0 else 'SURVIVED' if self.reached else 'UNREACHED'
        lived = f's{self.list - 1}' if self.list > 1 else str(self.seed - 1)
        return f'{self.name:44} {what:9} {lived:>6}       {self.cpu:8.1f}'


def judge(binary, minutes, jobs, names, verbose):
    mutants = read_lists()
    in_store = [bool(KEPT) and m.edits[0]['file'].startswith('storage/') for m in mutants]
    runs = [Run(n, m.name, in_store[n - 1]) for n, m in enumerate(mutants, 1) if not names or m.name in names]
    began = time.monotonic()
    none = Run(0, '(none)').live(binary, UNMUTATED_SECONDS)
    print(f'{"mutant":44} {"":9} {"seed":>6} {"inv.":>5} {"CPU s":>8}')
    print(none.row(), flush=True)
    if none.found:
        print(f'without any mutant: {none.found[2]}')
        return 1
    left = minutes * 60 - none.cpu
    alive, first = runs, True
    with ThreadPoolExecutor(jobs) as pool:
        # A short first round, so that those hard to find share what the others leave, again and again.
        while alive and left > LEFT_SECONDS_MIN:
            share = min(FIRST_SHARE_SECONDS, left / len(alive)) if first else left / len(alive)
            before = sum(run.cpu for run in runs)
            for run in pool.map(lambda run: run.live(binary, share, not first), alive):
                if run.found:
                    print(run.row() + (f'  {run.found[2][:150]}' if verbose else ''), flush=True)
            left -= sum(run.cpu for run in runs) - before
            alive, first = [run for run in runs if not run.found], False
    for run in alive:
        print(run.row())
    found = sum(1 for run in runs if run.found)
    cpu = sum(run.cpu for run in runs) + none.cpu
    print(f'{found} of {len(runs)} mutants found in {cpu:.0f} s of CPU, {time.monotonic() - began:.0f} s')
    return 0 if found >= FOUND_SHARE_MIN * len(runs) else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--list', action='append')
    commands = parser.add_subparsers(dest='command', required=True)
    commands.add_parser('files')
    commands.add_parser('check')
    commands.add_parser('generate').add_argument('directory')
    run = commands.add_parser('run')
    run.add_argument('binary')
    run.add_argument('--minutes', type=float, default=10)
    run.add_argument('--jobs', type=int, default=os.cpu_count())
    run.add_argument('--verbose', action='store_true')
    run.add_argument('names', nargs='*')
    given = parser.parse_args()
    if given.list:  # of the store alone, whose binary knows no worlds
        lists[:] = given.list
        KEPT.clear()
    if given.command == 'files':
        print('\n'.join(sorted({edit['file'] for m in read_lists() for edit in m.edits})))
    elif given.command == 'check':
        print(f'{len(read_lists())} mutants, in {len(mutated_sources(read_lists()))} sources')
    elif given.command == 'generate':
        generate(given.directory)
    else:
        sys.exit(judge(given.binary, given.minutes, given.jobs, given.names, given.verbose))


if __name__ == '__main__':
    main()
