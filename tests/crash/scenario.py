"""The scenario that the crash tests break at every call: its commands, and what must be true of it afterwards."""
import concurrent.futures
import json
import os
import queue
import random
import shutil
import tempfile
import time

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
SHIM = os.path.join(os.path.dirname(os.path.dirname(harness.BINARY)), 'lib/fault_shim.so')
FORWARD = ['first', 'reserve', 'charge', 'refund', 'release', 'spread', 'spread', 'spread', 'stamp', 'last']
RUN = 'scenario'


class Scenario:
    """The scenario on a store and a shop of its own, which can be put back to the moment before any of its commands."""

    def __init__(self, case):
        self.case = case
        self.dir = tempfile.mkdtemp(prefix='perdure-crash-')
        self.store = os.path.join(self.dir, 'store')
        self.shop = harness.Shop()
        self.shop.fail('ship', 422)
        self.shop.fail('first', 503, times=2)
        self.books = {}
        self.counts = {}
        inputs = json.dumps({'shop': self.shop.url, 'order': 'o'})
        # A user recovers by the same command again, so each may be run twice.
        self.commands = {  # name: (words, exit code when nothing is broken)
            'register': (['register', os.path.join(HERE, 'child.yaml')], 0),
            'run': (['run', os.path.join(HERE, 'scenario.yaml'), '--id', RUN, '--input', inputs], 3),
            'approve': (['review', 'approve', RUN, '--as', 'ann', '--no-drive'], 0),
            'resume': (['resume', RUN], 3),
            'signal': (['signal', RUN, 'paid', '--data', '{"sum": 7}', '--key', 'k1'], 0),
            'finish': (['resume', RUN], 0),
        }

    def close(self):
        self.shop.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def perdure(self, words, fault=None):
        """fault: (kind, at), or ('count', path). While a disk fails for good the engine waits for it: Ctrl-C after 3 s."""
        env = {'PERDURE_STORE': self.store}
        if fault:
            env.update({'LD_PRELOAD': SHIM, 'PERDURE_FAULT_DIR': self.store})
            if fault[0] == 'count':
                env['PERDURE_FAULT_COUNT'] = fault[1]
            else:
                env.update({'PERDURE_FAULT_KIND': fault[0], 'PERDURE_FAULT_AT': str(fault[1])})
        return self.case.perdure(*words, prefix=['env', *(f'{k}={v}' for k, v in env.items())], timeout=60,
                                 interrupt_after=3 if fault and fault[0].endswith('+') else None)

    def prepare(self):
        """Runs all to its end, keeping the moment before each command, and counts each command's calls."""
        for name, (words, code) in self.commands.items():
            if os.path.exists(self.store):
                shutil.copytree(self.store, os.path.join(self.dir, name))
            self.books[name] = self.shop.books()
            path = os.path.join(self.dir, 'count')
            outcome = self.perdure(words, ('count', path))
            self.case.assertEqual(outcome.code, code, str(outcome))
            with open(path, encoding='utf-8') as f:
                self.counts[name] = int(f.read().split()[-1])
            os.remove(path)
        self.check_end()

    def break_at(self, name, kind, at):
        """The command from its moment, with that call broken."""
        shutil.rmtree(self.store, ignore_errors=True)
        if os.path.exists(os.path.join(self.dir, name)):
            shutil.copytree(os.path.join(self.dir, name), self.store)
        self.shop.restore(self.books[name])
        return self.perdure(self.commands[name][0], (kind, at))

    def finish_after(self, broken):
        """The user's recovery after the command `broken` was cut off: the same command again, then the rest."""
        names = list(self.commands)
        for name in names[names.index(broken):]:
            words, code = self.commands[name]
            outcome = self.perdure(words)
            if name == broken and name in ('approve', 'signal') and outcome.code == 1:
                continue  # the message had been recorded before the kill, and the run no longer waits for one
            self.case.assertEqual(outcome.code, code, f'after {broken} was cut off: {outcome}')
        self.check_end()

    def check_end(self):
        """Completed, every effect once by key, the saga's undone in reverse, replay and doctor content."""
        case = self.case
        view = self.perdure(['show', RUN, '--json'])
        case.assertEqual(view.code, 0, str(view))
        case.assertEqual(view.json['status'], 'completed', str(view))
        case.assertEqual(view.json['output'], {'paid': {'sum': 7}, 'caught': 'http.422'})
        case.assertEqual(self.shop.actions(), FORWARD)
        case.assert_once_by_key(self.shop)
        for words in (['replay', RUN], ['doctor']):
            outcome = self.perdure(words)
            case.assertEqual(outcome.code, 0, str(outcome))


def break_everywhere(case, kinds, seconds, check):
    """check(scenario, outcome, name) after each call of each command was broken in each way, in a mixed order that is the
    same each time, until the seconds are over (0: all of them). Several scenarios at once: most of it waits for the disk.
    Gives (points tried, all points); fails with every point that failed."""
    lanes = queue.Queue()
    scenarios = [Scenario(case) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        for scenario in scenarios:
            scenario.prepare()
            lanes.put(scenario)
        counts = scenarios[0].counts
        print('calls that change the store, by command:', counts, flush=True)
        case.assertGreater(min(counts.values()), 0, 'the shim sees no calls: it tests nothing')
        points = [(name, kind, at) for name, calls in counts.items() for at in range(1, calls + 1) for kind in kinds]
        random.Random(1).shuffle(points)
        deadline = time.monotonic() + seconds if seconds else float('inf')
        failures = []

        def attempt(point):
            if time.monotonic() > deadline or len(failures) >= 5:
                return 0
            scenario = lanes.get()
            try:
                check(scenario, scenario.break_at(*point), point[0])
            except Exception as error:  # pylint: disable=broad-except
                failures.append(f'{point}: {error}')
            finally:
                lanes.put(scenario)
            return 1
        with concurrent.futures.ThreadPoolExecutor(len(scenarios)) as pool:
            tried = sum(pool.map(attempt, points))
    finally:
        for scenario in scenarios:
            scenario.close()
    print(f'{tried} of {len(points)} points{"" if tried == len(points) else " (all of them with --seconds 0)"}', flush=True)
    case.assertFalse(failures, '\n\n'.join(failures))
