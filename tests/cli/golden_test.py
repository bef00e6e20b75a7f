"""Command lines as text: each tests/cli/cases/*.case is a folder of files, commands, and what they print.

    file NAME          a file in the case's folder; its text follows, indented by two blanks
    env NAME=VALUE     for the commands below
    $ WORDS            a command of the binary, split as a shell would; its expectations follow:
    in                 its standard input
    out, err           what it must print, indented by two blanks (left out: nothing)
    exit CODE          default 0

Times, durations, hashes, sizes and made-up ids are replaced before comparing: <time> <took> <hash> <bytes> <id>.
`golden_test.py --rewrite [NAME…]` writes what the binary prints now into the cases.
"""
import glob
import os
import re
import shlex
import subprocess
import sys
import unittest

import harness

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'cases')
REWRITE = False


class Command:
    def __init__(self, line, at):
        self.line, self.at, self.end = line, at, at + 1
        self.expected = {'in': None, 'out': '', 'err': '', 'exit': 0}


def parse(path):
    """The case's lines, and its parts: ('file', name, text), ('env', name, value), ('command', Command)."""
    with open(path, encoding='utf-8') as f:
        lines = f.read().split('\n')
    parts, at = [], 0

    def block(start):
        end, text = start, []
        while end < len(lines) and (lines[end].startswith('  ') or (lines[end] == '' and end + 1 < len(lines)
                                                                   and lines[end + 1].startswith('  '))):
            text.append(lines[end][2:])
            end += 1
        return ''.join(line + '\n' for line in text), end

    command = None
    while at < len(lines):
        line = lines[at]
        word, _, rest = line.partition(' ')
        if word == 'file':
            text, at = block(at + 1)
            parts.append(('file', rest, text))
        elif word == 'env':
            parts.append(('env', *rest.split('=', 1)))
            at += 1
        elif word == '$':
            command = Command(rest, at)
            parts.append(('command', command))
            at += 1
        elif word in ('in', 'out', 'err') and command:
            command.expected[word], at = block(at + 1)
            command.end = at
        elif word == 'exit' and command:
            command.expected['exit'] = int(rest)
            at += 1
            command.end = at
        elif line == '' or line.startswith('#'):
            at += 1
        else:
            raise ValueError(f'{path}:{at + 1}: what is "{line}"?')
    return lines, parts


def steady(text, folder):
    text = text.replace(folder, '<dir>')
    text = re.sub(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z', '<time>', text)
    text = re.sub(r'\b\d+ (d \d+ h|h \d\d m|m \d\d s)|\b\d+(\.\d)? (ms|s)\b', '<took>', text)
    text = re.sub(r'\b[0-9a-f]{64}\b', '<hash>', text)
    text = re.sub(r'\brun_[0-9A-Za-z]{10,}\b', '<id>', text)
    text = re.sub(r'\b[0-9a-f]{12}\b', '<hash>', text)
    text = re.sub(r'^(bytes +)\d+$', r'\1<bytes>', text, flags=re.M)
    # Columns are as wide as their times.
    lines = text.split('\n')
    for i, line in enumerate(lines):
        if re.search('<took>|<time>|<hash>', line) or (line.isupper() and not line.startswith('{')):
            line = re.sub(r'^ *(?=\+?<took>|AT )', '  ', line)
            lines[i] = re.sub(r'(?<=\S) {2,}| (?=<took>)', '  ', line)
    return '\n'.join(lines)


def written(command, found):
    """The command's lines as a case has them."""
    lines = [f'$ {command.line}']
    for name in ('in', 'out', 'err'):
        text = command.expected['in'] if name == 'in' else found[name]
        if text:
            lines.append(name)
            lines += ['  ' + line if line else '' for line in text.rstrip('\n').split('\n')]
    if found['exit']:
        lines.append(f'exit {found["exit"]}')
    return lines


class Golden(harness.Case):
    def command(self, words, text):
        done = subprocess.run([harness.BINARY, *words], env=self.env, capture_output=True, text=True, timeout=120, check=False,
                              input=text or '', cwd=self.dir)
        return harness.Outcome(words, done.returncode, done.stdout, done.stderr)

    def check(self, path):
        lines, parts = parse(path)
        made, done = [], 0
        for kind, *rest in parts:
            if kind == 'file':
                self.write(rest[0], rest[1])
            elif kind == 'env':
                self.env[rest[0]] = rest[1].replace('<dir>', self.dir)
            else:
                command = rest[0]
                ran = self.command(shlex.split(command.line.replace('<dir>', self.dir)), command.expected['in'])
                found = {'out': steady(ran.out, self.dir), 'err': steady(ran.err, self.dir), 'exit': ran.code}
                made += lines[done:command.at] + written(command, found)
                done = command.end
                if not REWRITE:
                    for name in ('exit', 'out', 'err'):
                        want = command.expected[name]
                        have = found[name]
                        if isinstance(want, str):  # lines of a case have no blanks at their ends
                            want, have = ('\n'.join(x.rstrip() for x in t.rstrip('\n').split('\n')) for t in (want, have))
                        self.assertEqual(want, have, f'{os.path.relpath(path, harness.ROOT)}:{command.at + 1}: {name} of: '
                                                     f'perdure {command.line}\n{ran}')
        if REWRITE:
            with open(path, 'w', encoding='utf-8') as f:
                f.write('\n'.join(line.rstrip() for line in made + lines[done:]))


def add(path):
    name = os.path.splitext(os.path.basename(path))[0]
    setattr(Golden, 'test_' + name, lambda self: self.check(path))


ALL = sorted(glob.glob(os.path.join(CASES, '*.case')))
for one in ALL:
    add(one)
assert ALL, 'no cases: this would test nothing'

if __name__ == '__main__':
    if '--rewrite' in sys.argv:
        REWRITE = True
        names = [a for a in sys.argv[1:] if a != '--rewrite']
        sys.argv[1:] = [f'Golden.test_{n}' for n in names]
    unittest.main()
