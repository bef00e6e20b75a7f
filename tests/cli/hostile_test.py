"""Hostile files, arguments and stores through the real binary: a clear error, quickly, in little memory, exit code 2 (or
1 for what is no mistake of the command line), never a crash."""
import os
import resource
import subprocess
import time
import unittest

import harness

OK = '''name: ok
steps:
  - {id: a, set: {x: 1}}
'''
LIMIT_BYTES = 1 << 30
SANITIZED = any(name in os.environ for name in ('ASAN_OPTIONS', 'TSAN_OPTIONS'))


def bomb():
    lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    lines += [f'a{i}: &a{i} [{", ".join([f"*a{i - 1}"] * 10)}]' for i in range(1, 10)]
    return 'name: bomb\nmetadata:\n' + ''.join(f'  {line}\n' for line in lines) + 'steps: [{id: a, set: {x: 1}}]\n'


FILES = {
    'empty': '',
    'blank': '\n\n',
    'null': 'null\n',
    'a list': '- a\n',
    'a scalar': 'hello\n',
    'alias bomb': bomb(),
    'self reference': 'name: &a [*a]\n',
    'deep flow nesting': 'name: x\nmetadata: ' + '[' * 100_000 + ']' * 100_000 + '\n',
    'deep block nesting': 'name: x\nmetadata:\n' + ''.join(' ' * i + 'a:\n' for i in range(1, 2_000)),
    'unclosed nesting': '{' * 1_000_000,
    'scalar of 10 MB': 'name: x\nmetadata: {a: ' + 'y' * 10_000_000 + '}\nsteps: [{id: a, cal: shell}]\n',
    'expression of 10 MB': 'name: x\nsteps: [{id: a, set: {x: "${ ' + '1+' * 5_000_000 + '1 }"}}]\n',
    'deep expression': 'name: x\nsteps: [{id: a, set: {x: "${ ' + '[' * 100_000 + ' }"}}]\n',
    'name of 1 MB': 'name: ' + 'n' * 1_000_000 + '\nsteps: [{id: a, set: {x: 1}}]\n',
    'step id of 1 MB': 'name: x\nsteps: [{id: ' + 'n' * 1_000_000 + ', set: {x: 1}}]\n',
    'too large a file': 'name: x\n# ' + 'x' * (17 << 20) + '\n',
    'not UTF-8': b'name: \xff\xfe\xc3(\nsteps: [{id: a, set: {x: 1}}]\n',
    'UTF-16': 'name: x\n'.encode('utf-16'),
    'null bytes': b'name: a\x00b\nsteps: []\n',
    'random bytes': bytes(range(256)) * 100,
    'terminal escapes': 'name: x\nsteps:\n  - {id: a, "\\e[2J\\e]0;hacked\\a": 1, set: {x: 1}}\n',
    'two documents': 'name: a\nsteps: [{id: a, set: {x: 1}}]\n---\nname: b\n',
    'a million errors': 'name: x\nsteps:\n' + '  - {idd: a}\n' * 150_000,
    'tabs': 'name: x\nsteps:\n\t- {id: a}\n',
    'cycle': 'name: x\nsteps:\n  - {id: a, depends_on: [b], set: {x: 1}}\n  - {id: b, depends_on: [a], set: {x: 1}}\n',
}


class Hostile(harness.Case):
    def bounded(self, *words, seconds=10, stdin=None):
        """Runs within memory and time; gives the outcome."""
        def limits():
            if not SANITIZED:
                resource.setrlimit(resource.RLIMIT_AS, (LIMIT_BYTES, LIMIT_BYTES))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        start = time.monotonic()
        done = subprocess.run([harness.BINARY, *words], env=self.env, cwd=self.dir, capture_output=True, check=False,
                              timeout=60, preexec_fn=limits, **({'input': stdin} if stdin else {'stdin': subprocess.DEVNULL}))
        took = time.monotonic() - start
        outcome = harness.Outcome(words, done.returncode, done.stdout.decode('utf-8', 'strict')[:1 << 20],
                                  done.stderr.decode('utf-8', 'strict')[:4000])
        self.assertGreaterEqual(done.returncode, 0, f'died of a signal: {outcome}')
        if not SANITIZED:
            self.assertLess(took, seconds, str(outcome)[:2000])
        self.assertLess(len(done.stderr), 64 << 20)
        self.assertNotIn('\x1b', outcome.err)
        self.assertFalse('\x1b' in outcome.out, str(outcome)[:2000])
        self.assertNotRegex(outcome.err, r'terminate called|what\(\)|CHECK|std::|\.cc:\d')
        return outcome

    def test_files(self):
        for name, text in FILES.items():
            with self.subTest(name):
                path = os.path.join(self.dir, 'flow.yaml')
                with open(path, 'wb') as f:
                    f.write(text if isinstance(text, bytes) else text.encode())
                self.assertIn(self.bounded('fmt', path).code, (0, 2))  # what is YAML can be indented
                for words in (['validate', path], ['run', path], ['plan', path], ['graph', path], ['register', path],
                              ['diff', path, path]):
                    outcome = self.bounded(*words)
                    self.assertEqual(outcome.code, 2, str(outcome)[:2000])
                    self.assertTrue(outcome.err.strip(), f'fails without a word: {str(outcome)[:2000]}')
                json = self.bounded('validate', '--json', path)
                self.assertFalse(json.json['valid'])

    def test_no_store_is_made_for_what_is_invalid(self):
        path = self.write('bad.yaml', 'name: x\nsteps: [{id: a, cal: shell}]\n')
        self.assertEqual(self.bounded('run', path).code, 2)
        self.assertFalse(os.path.exists(self.store))

    def test_paths(self):
        os.mkfifo(os.path.join(self.dir, 'pipe.yaml'))
        os.symlink('loop.yaml', os.path.join(self.dir, 'loop.yaml'))
        for path in (self.dir, '/dev/zero', '/dev/full', '/proc/self/mem', os.path.join(self.dir, 'loop.yaml'),
                     os.path.join(self.dir, 'pipe.yaml'), './' + 'x' * 5000 + '.yaml', './none.yaml', '/etc/shadow/x.yaml'):
            with self.subTest(path):
                outcome = self.bounded('run', path)
                self.assertIn(outcome.code, (1, 2), str(outcome))
                self.assertTrue(outcome.err.startswith('perdure: error: ') or ': error: ' in outcome.err, str(outcome))

    def test_inputs(self):
        path = self.write('ok.yaml', OK)
        big = '[' * 100_000
        for given in ('{', big, '"' + '\\ud800' * 10, '{"a":1}x', '', 'nan', '1e999999x', '{"a"'):
            with self.subTest(given[:20]):
                outcome = self.bounded('run', path, '--input', given)
                self.assertEqual(outcome.code, 2, str(outcome)[:500])
        self.assertEqual(self.bounded('run', path, '--input', '-', stdin=b'\xff\xfe').code, 2)
        self.assertEqual(self.bounded('run', path, '--input', '@' + self.dir).code, 2)
        self.assertEqual(self.bounded('run', path, '--input', 'k=' + 'v' * 100_000).code, 0)

    def test_stores(self):
        path = self.write('ok.yaml', OK)
        file = self.write('a_file', 'x')
        readonly = os.path.join(self.dir, 'readonly')
        os.mkdir(readonly, 0o500)
        cases = [file, file + '/below', '/proc/perdure', '/dev/null', '\x01store/' + 'x' * 300]
        if os.geteuid() != 0:
            cases.append(os.path.join(readonly, 'store'))
        for store in cases:
            with self.subTest(store[:40]):
                outcome = self.bounded('run', path, '--store', store)
                self.assertIn(outcome.code, (1, 2), str(outcome))
                self.assertTrue(outcome.err.startswith('perdure: error: '), str(outcome))

    def test_a_store_that_is_held_names_its_holder(self):
        slow = self.write('slow.yaml', 'name: slow\nsteps:\n  - {id: a, call: shell, with: {argv: [sleep, "30"]}}\n')
        process = self.spawn('run', slow, '--id', 'held')
        harness.until(lambda: 'a  started' in process.stdout.readline(), what='the step')
        for words in (['run', self.write('ok.yaml', OK)], ['signal', 'held', 'x'], ['cancel', 'held'], ['list']):
            outcome = self.bounded(*words)
            self.assertEqual(outcome.code, 1, str(outcome))
            self.assertIn(str(process.pid), outcome.err, 'the holder is named')

    def test_stopping_begins_nothing_anew(self):
        """What was in flight when the process died is not begun once more by the verb that stops the run."""
        slow = self.write('slow.yaml', """
name: slow
steps:
  - {id: a, call: shell, with: {argv: [sh, -c, "echo began >> began; exec sleep 30"], cwd: "${ .input.dir }"}, compensation: {call: shell, with: {argv: ["true"]}}}
""")
        began = os.path.join(self.dir, 'began')
        for verb, status in (('cancel', 'cancelled'), ('terminate', 'terminated'), ('pause', 'paused')):
            with self.subTest(verb):
                process = self.spawn('run', slow, '--id', verb, '--input', 'dir=' + self.dir)
                harness.until(lambda: os.path.exists(began), what='the step')
                process.kill()
                process.wait()
                self.assertEqual(self.bounded(verb, verb).code, 0)
                with open(began, encoding='utf-8') as file:
                    self.assertEqual(file.read(), 'began\n', 'one attempt')
                self.assertEqual(self.bounded('show', verb, '--json').json['status'], status)
                os.remove(began)

    def test_resume_all(self):
        timed = 'name: timed\nsteps: [{id: z, wait: 5s}]\n'
        for name, text in (('good', timed), ('bad', timed[:-2] + ', {id: r, raise: {type: no}}]\n'), ('paused', timed),
                           ('asks', 'name: asks\nsteps: [{id: l, listen: x}]\n')):
            self.perdure('run', self.write(name + '.yaml', text), '--id', name, '--until-idle', want=harness.WAITING)
        self.perdure('pause', 'paused', want=0)
        outcome = self.bounded('resume', '--all')
        self.assertEqual(outcome.code, harness.FAILED, str(outcome))
        self.assertIn('3 runs: 1 completed, 1 wait for somebody, 1 did not end well', outcome.err)
        self.assertEqual({r['run']: r['status'] for r in self.bounded('list', '--json').json['runs']},
                         {'good': 'completed', 'bad': 'failed', 'asks': 'waiting', 'paused': 'paused'})
        self.assertEqual(self.bounded('resume', '--all').code, harness.WAITING)
        self.perdure('cancel', 'asks', want=0)
        self.assertEqual(self.bounded('resume', '--all').code, 0)
        self.assertEqual(self.bounded('resume').code, harness.INVALID)
        self.assertEqual(self.bounded('resume', '--all', 'good').code, harness.INVALID)

    def test_unknown_runs(self):
        self.run_file(self.write('ok.yaml', OK), 'there', want=0)
        for words in (['show', 'nope'], ['history', 'nope'], ['resume', 'nope'], ['signal', 'nope', 'x'], ['query', 'there', 'x'],
                      ['update', 'there', 'x'], ['review', 'approve', 'there'], ['review', 'show', 'there'], ['pause', 'there'],
                      ['retry', 'there'], ['restart', 'there', '--from', 'nope'], ['replay', 'nope'], ['export', 'nope'],
                      ['signal', 'there', 'x']):
            with self.subTest(' '.join(words)):
                outcome = self.bounded(*words)
                self.assertIn(outcome.code, (1, 2), str(outcome))
                self.assertTrue(outcome.err.startswith('perdure: error: '), str(outcome))

    def test_hostile_exports(self):
        for text in ('', '{', '[]', '{}', '{"format": 1}', '{"plan": "AAAA", "batches": ["AAAA"]}', '[' * 100_000):
            path = self.write('export.json', text)
            for verb in ('import', 'replay'):
                with self.subTest(text[:20], verb=verb):
                    outcome = self.bounded(verb, path)
                    self.assertIn(outcome.code, (1, 2), str(outcome))
                    self.assertTrue(outcome.err.startswith('perdure: error: '), str(outcome))

    def test_output_that_goes_nowhere(self):
        path = self.write('ok.yaml', OK)
        with open('/dev/full', 'w', encoding='utf-8') as full:
            done = subprocess.run([harness.BINARY, 'run', path], env=self.env, cwd=self.dir, stdout=full, stderr=subprocess.PIPE,
                                  text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn('standard output could not be written', done.stderr)
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run([harness.BINARY, 'list', '--help'], env=self.env, stdout=writer, stderr=subprocess.PIPE, check=False)
        os.close(writer)
        self.assertEqual(done.returncode, 0, 'a reader that left is no failure')


if __name__ == '__main__':
    unittest.main()
