"""The scenario that the crash tests break at every call: its commands, and what must be true of it afterwards."""
import json
import os
import random
import shutil
import tempfile
import time

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
SHIM = os.path.join(os.path.dirname(os.path.dirname(harness.BINARY)), 'lib/fault_shim.so')
FORWARD = ['first', 'reserve', 'charge', 'refund', 'release', 'spread', 'spread', 'spread', 'stamp', 'last']


class Scenario:
    """The scenario on a store of its own. Each command may be run again: that is how a user recovers."""
    RUN = 'scenario'

    def __init__(self, case):
        self.case = case
        self.dir = tempfile.mkdtemp(prefix='perdure-crash-')
        self.store = os.path.join(self.dir, 'store')
        self.shop = harness.Shop()
        self.shop.fail('ship', 422)
        self.shop.fail('first', 503, times=2)
        self.inputs = json.dumps({'shop': self.shop.url, 'order': 'o'})

    def close(self):
        self.shop.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def commands(self):
        """(name, words, exit codes when nothing is broken)."""
        return [
            ('register', ['register', os.path.join(HERE, 'child.yaml')], (0,)),
            ('run', ['run', os.path.join(HERE, 'scenario.yaml'), '--id', self.RUN, '--input', self.inputs], (3,)),
            ('approve', ['review', 'approve', self.RUN, '--as', 'ann', '--no-drive'], (0,)),
            ('resume', ['resume', self.RUN], (3,)),
            ('signal', ['signal', self.RUN, 'paid', '--data', '{"sum": 7}', '--key', 'k1'], (0,)),
            ('finish', ['resume', self.RUN], (0,)),
        ]

    def perdure(self, words, fault=None):
        """fault: (kind, at), or ('count', path)."""
        env = {}
        if fault:
            env = {'LD_PRELOAD': SHIM, 'PERDURE_FAULT_DIR': self.store}
            if fault[0] == 'count':
                env['PERDURE_FAULT_COUNT'] = fault[1]
            else:
                env.update({'PERDURE_FAULT_KIND': fault[0], 'PERDURE_FAULT_AT': str(fault[1])})
        prefix = ['env', f'PERDURE_STORE={self.store}', *(f'{k}={v}' for k, v in env.items())]
        return self.case.perdure(*words, prefix=prefix, timeout=60)

    def count(self):
        """Runs all to its end and gives {command: calls that change the store}."""
        counts = {}
        for name, words, codes in self.commands():
            path = os.path.join(self.dir, 'count')
            outcome = self.perdure(words, ('count', path))
            self.case.assertIn(outcome.code, codes, str(outcome))
            with open(path, encoding='utf-8') as f:
                counts[name] = int(f.read().split()[-1])
            os.remove(path)
        self.check_end()
        return counts

    def finish_after(self, broken):
        """The user's recovery after the command `broken` was cut off: the same command again, then the rest."""
        names = [name for name, _, _ in self.commands()]
        for name, words, codes in self.commands()[names.index(broken):]:
            outcome = self.perdure(words)
            if name == broken and name in ('approve', 'signal') and outcome.code == 1:
                continue  # the message had been recorded before the kill, and the run no longer waits for one
            self.case.assertIn(outcome.code, codes, f'after {broken} was cut off: {outcome}')
        self.check_end()

    def check_end(self):
        """Completed, every effect once by key, the saga's undone in reverse, replay and doctor content."""
        case = self.case
        view = self.perdure(['show', self.RUN, '--json'])
        case.assertEqual(view.code, 0, str(view))
        case.assertEqual(view.json['status'], 'completed', str(view))
        case.assertEqual(view.json['output'], {'paid': {'sum': 7}, 'caught': 'http.422'})
        case.assertEqual(self.shop.actions(), FORWARD)
        case.assert_once_by_key(self.shop)
        replay = self.perdure(['replay', self.RUN])
        case.assertEqual(replay.code, 0, str(replay))
        doctor = self.perdure(['doctor'])
        case.assertEqual(doctor.code, 0, str(doctor))


def shuffled_until(points, seconds):
    """The points in a mixed order that is the same each time, until the seconds are over (0: all of them)."""
    points = list(points)
    random.Random(1).shuffle(points)
    deadline = time.monotonic() + seconds if seconds else None
    done = 0
    for point in points:
        if deadline and time.monotonic() > deadline:
            break
        done += 1
        yield point
    print(f'{done} of {len(points)} points{"" if done == len(points) else " (the rest with --seconds 0)"}', flush=True)
