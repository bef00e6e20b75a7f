"""The binary on a terminal: progress drawn in place, reviews put to the person, Ctrl-C."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

import harness

SLOW = '''name: slow
steps:
  - {id: first, call: shell, with: {argv: ["true"]}}
  - {id: second, call: shell, with: {argv: [sleep, "30"]}}
'''
REVIEWED = '''name: reviewed
steps:
  - {id: check, type: human_review, data: {text: "proposal one"}}
output: ${ .steps.check.output | {approved, reviewer, feedback, data} }
'''
WIDE = '''name: wide
steps:
  - id: all
    type: parallel
    steps:
''' + ''.join(f'      - {{id: step_with_a_long_name_{i}, call: shell, with: {{argv: [sleep, "0.3"]}}}}\n' for i in range(40))


class Terminal:
    """A process on a pseudo-terminal of a given size."""

    def __init__(self, case, words, columns=80, rows=24, **env):
        self.main, follower = pty.openpty()
        self.resize(columns, rows)
        full = {**case.env, 'TERM': 'xterm', **env}
        self.process = subprocess.Popen([harness.BINARY, *words], stdin=follower, stdout=follower, stderr=follower, env=full,
                                        cwd=case.dir, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(follower)
        self.text = ''
        case.addCleanup(self.close)

    def resize(self, columns, rows):
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def read_until(self, pattern, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if re.search(pattern, self.text):
                return self.text
            ready, _, _ = select.select([self.main], [], [], 0.1)
            if not ready:
                continue
            try:
                data = os.read(self.main, 65536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode('utf-8', 'replace')
        if re.search(pattern, self.text):
            return self.text
        raise AssertionError(f'{pattern!r} did not come; there is:\n{self.text}')

    def type(self, text):
        os.write(self.main, text.encode())

    def end(self, seconds=20):
        """Reads to the end; the exit code."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self.main], [], [], 0.1)
            if ready:
                try:
                    data = os.read(self.main, 65536)
                except OSError:
                    data = b''
                if data:
                    self.text += data.decode('utf-8', 'replace')
                    continue
            if self.process.poll() is not None:
                return self.process.returncode
        raise AssertionError(f'did not end; there is:\n{self.text}')

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.main)


class OnATerminal(harness.Case):
    def run_on(self, text, *words, **more):
        return Terminal(self, ['run', self.write('flow.yaml', text), '--id', 'r', *words], **more)

    def test_progress_is_drawn_in_place(self):
        terminal = self.run_on(WIDE)
        self.assertEqual(terminal.end(), 0)
        self.assertIn('\x1b[J', terminal.text, 'frames are drawn over each other')
        self.assertIn('completed in', terminal.text)
        self.assertIn('more steps are not shown', terminal.text)

    def test_lines_fit_the_terminal(self):
        terminal = self.run_on(WIDE, columns=30, rows=10)
        self.assertEqual(terminal.end(), 0)
        frames = terminal.text.split('\x1b[J')[:-1]
        self.assertGreater(len(frames), 1)
        for frame in frames[1:]:
            lines = re.sub(r'\x1b\[[0-9;]*[A-Za-z]', '', frame).replace('\r', '').split('\n')
            self.assertLessEqual(len(lines), 10, frame)
            for line in lines:
                self.assertLess(len(line), 30, frame)

    def test_colors_are_heeded(self):
        self.assertRegex(self.colored(), r'\x1b\[\d+m')
        self.assertNotRegex(self.colored(NO_COLOR='1'), r'\x1b\[\d+m')
        self.assertNotIn('\x1b', self.colored(TERM='dumb'))

    def colored(self, **env):
        terminal = Terminal(self, ['run', self.write('t.yaml', 'name: t\nsteps:\n  - {id: a, set: {x: 1}}\n')], **env)
        self.assertEqual(terminal.end(), 0, terminal.text)
        return terminal.text

    def test_ctrl_c_leaves_the_run_and_says_how_to_go_on(self):
        terminal = self.run_on(SLOW)
        terminal.read_until(r'second')
        terminal.type('\x03')
        self.assertEqual(terminal.end(10), 130, terminal.text)
        self.assertIn('perdure resume r', terminal.text)
        self.assertIn(self.show('r')['status'], ('running', 'waiting'))
        self.perdure('terminate', 'r', want=0)
        self.assertEqual(self.show('r')['status'], 'terminated')

    def test_ctrl_c_of_a_pipe_too(self):
        process = self.spawn('run', self.write('flow.yaml', SLOW), '--id', 'p')
        harness.until(lambda: 'second' in process.stdout.readline(), what='the second step')
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(10), 130)
        self.assertIn('perdure resume p', process.stdout.read())

    def test_a_review_is_put_to_the_person(self):
        terminal = self.run_on(REVIEWED, '--as', 'ann')
        terminal.read_until(r'\[a\].*pprove')
        self.assertIn('proposal one', terminal.text)
        terminal.type('a\n')
        terminal.read_until('comment')
        terminal.type('well done\n')
        self.assertEqual(terminal.end(), 0, terminal.text)
        view = self.show('r')
        self.assertEqual(view['output'], {'approved': True, 'reviewer': 'ann', 'feedback': 'well done',
                                          'data': {'text': 'proposal one'}})

    def test_a_review_is_edited(self):
        editor = self.write('edit.sh', '#!/bin/sh\nprintf \'{"text": "edited"}\' > "$1"\n')
        os.chmod(editor, 0o755)
        terminal = self.run_on(REVIEWED, EDITOR=editor)
        terminal.read_until(r'\[a\].*pprove')
        terminal.type('e\n')
        terminal.read_until(r'edited')
        terminal.type('a\n')
        terminal.read_until('comment')
        terminal.type('\n')
        self.assertEqual(terminal.end(), 0, terminal.text)
        self.assertEqual(self.show('r')['output']['data'], {'text': 'edited'})

    def test_a_review_put_off_waits(self):
        terminal = self.run_on(REVIEWED)
        terminal.read_until(r'\[a\].*pprove')
        terminal.type('l\n')
        self.assertEqual(terminal.end(), 3, terminal.text)
        self.assertIn('perdure review approve r', terminal.text)
        self.perdure('review', 'approve', 'r', want=0)
        self.assertEqual(self.show('r')['status'], 'completed')


if __name__ == '__main__':
    unittest.main()
