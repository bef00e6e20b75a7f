"""What the tests through the real binary share: a store in a temporary folder, the command line, the shop."""
import copy
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get('PERDURE_BIN') or os.path.join(ROOT, 'build/dev/bin/perdure')
COMPLETED, FAILED, INVALID, WAITING = 0, 1, 2, 3


def load_shop():
    spec = importlib.util.spec_from_file_location('shop', os.path.join(ROOT, 'examples/servers/shop.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Shop:
    """examples/servers/shop.py on a free port, in this process."""

    def __init__(self):
        self.server, self.ledger, self.url = load_shop().serve()
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def fail(self, action, status=422, times=-1, **more):
        with self.ledger.lock:
            self.ledger.faults.append({'action': action, 'status': status, 'times': times, **more})

    def lose_answer(self, action, times=1):
        with self.ledger.lock:
            self.ledger.faults.append({'action': action, 'lose_answer': True, 'times': times})

    def heal(self):
        with self.ledger.lock:
            self.ledger.faults.clear()

    def books(self):
        """All the shop knows, to be put back by restore()."""
        with self.ledger.lock:
            return copy.deepcopy((self.ledger.effects, self.ledger.faults))

    def restore(self, books):
        with self.ledger.lock:
            self.ledger.effects, self.ledger.faults = copy.deepcopy(books)
            self.ledger.by_key = {(e['action'], e['key']): e for e in self.ledger.effects if e['key']}

    def effects(self, subject=None):
        return [e for e in self.ledger.snapshot() if subject is None or e['subject'] == subject]

    def actions(self, subject=None):
        return [e['action'] for e in self.effects(subject)]


class Outcome:
    """How a command ended."""

    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    @property
    def json(self):
        try:
            return json.loads(self.out)
        except ValueError as error:
            raise AssertionError(f'no JSON from {self}') from error

    def __str__(self):
        return f'perdure {" ".join(self.words)}\nexit {self.code}\nstdout: {self.out}\nstderr: {self.err}'


class Case(unittest.TestCase):
    """A test with a temporary folder, a store in it, and the binary."""
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='perdure-test-')
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.store = os.path.join(self.dir, 'store')
        self.env = {'PATH': os.environ.get('PATH', '/usr/bin:/bin'), 'HOME': self.dir, 'PERDURE_STORE': self.store,
                    'LANG': 'C.UTF-8'}
        for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS', 'TSAN_OPTIONS'):
            if name in os.environ:
                self.env[name] = os.environ[name]

    def start_shop(self):
        shop = Shop()
        self.addCleanup(shop.close)
        return shop

    def perdure(self, *words, timeout=120, prefix=(), want=None, interrupt_after=None):
        """Runs one command. `want`: the exit code it must have; `interrupt_after`: Ctrl-C after so many seconds."""
        process = subprocess.Popen([*prefix, BINARY, *words], env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=self.dir)
        with process:
            try:
                out, err = process.communicate(timeout=interrupt_after or timeout)
            except subprocess.TimeoutExpired as late:
                process.send_signal(signal.SIGINT if interrupt_after else signal.SIGABRT)
                try:
                    out, err = process.communicate(timeout=timeout)
                except subprocess.TimeoutExpired:
                    process.kill()
                    raise late from None
        outcome = Outcome(words, process.returncode, out, err)
        if want is not None:
            self.assertEqual(outcome.code, want, str(outcome))
        return outcome

    def spawn(self, *words, prefix=()):
        """A command in the background, its own process group; killed when the test ends."""
        process = subprocess.Popen([*prefix, BINARY, *words], env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=self.dir,
                                   start_new_session=True)

        def end():
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
        self.addCleanup(end)
        return process

    def run_file(self, file, run_id, inputs=None, want=None, **more):
        """perdure run of a file (examples/… or absolute)."""
        path = file if os.path.isabs(file) else os.path.join(ROOT, file)
        return self.perdure('run', path, '--id', run_id, '--input', json.dumps(inputs or {}), want=want, **more)

    def show(self, run_id):
        return self.perdure('show', run_id, '--json', want=0).json

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as f:
            f.write(text)
        return path

    def read(self, name):
        with open(os.path.join(self.dir, name), encoding='utf-8') as f:
            return f.read()

    def assert_once_by_key(self, shop):
        """No two effects of one action share a key, and every effect has one."""
        seen = set()
        for effect in shop.effects():
            self.assertTrue(effect['key'], f'an effect without an idempotency key: {effect}')
            self.assertNotIn((effect['action'], effect['key']), seen)
            seen.add((effect['action'], effect['key']))

    def assert_sound(self):
        """No orphaned run, lost timer or broken history; every run replays to its state."""
        report = self.perdure('doctor', '--json')
        self.assertEqual(report.code, 0, str(report))


def until(condition, seconds=20, what='the condition'):
    """Polls; a real process is being watched here."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.01)
    raise AssertionError(f'{what} did not come true in {seconds} s')


def http_json(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)
