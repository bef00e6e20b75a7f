"""Cycles of kill -9 at random moments against an external ledger of effects. Each cycle starts an order (some are told to
fail at a step, to be flaky, or to lose an answer) while the process also goes on with what earlier kills left behind.
Afterwards every acknowledged order must have ended, each effect once by key, compensations exactly those owed and in
reverse order.

usage: random_kill.py [--cycles N] [--seed S]
"""
import argparse
import json
import os
import random
import signal
import sys
import time
import unittest

import harness

CYCLES, SEED = 25, 1
FORWARD = ['reserve', 'charge', 'ship', 'confirm']
UNDO = {'reserve': 'release', 'charge': 'refund', 'ship': 'cancel_shipment'}


def expected(fate, step, lost):
    """The ledger of an order by what the shop was told to do with it. `lost`: an attempt of the step went down with the
    process, so its outcome is unknown and it is undone as well, although the shop then refused it."""
    if fate != 'refuse':
        return FORWARD
    done = FORWARD[:FORWARD.index(step)]
    owed = done + [step] if lost and step in UNDO else done
    return done + [UNDO[a] for a in reversed(owed)]


class RandomKill(harness.Case):
    def order(self, order_id):
        return ['run', os.path.join(harness.ROOT, 'examples/order_saga.yaml'), '--id', order_id, '--json', '--input',
                json.dumps({'order': order_id, 'sku': 'lamp', 'amount': 40, 'shop': self.shop.url})]

    def cycle(self, order_id, longest_s):
        """Whether the start was acknowledged before the kill, and whether the kill came before the end."""
        process = self.spawn(*self.order(order_id))
        time.sleep(self.random.uniform(0, longest_s))
        killed = process.poll() is None
        if killed:
            os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        if not killed:
            self.assertIn(process.returncode, (0, 1), said)
        return '"seq"' in said, killed  # the first event was printed: it is durable

    def test_cycles(self):
        self.random = random.Random(SEED)
        self.shop = self.start_shop()
        with self.shop.ledger.lock:
            self.shop.ledger.faults += [{'action': action, 'delay_ms': 4, 'times': -1} for action in FORWARD]
        started = time.monotonic()
        self.perdure(*self.order('warm'), want=0)
        longest_s = 2 * (time.monotonic() - started)

        fates, acknowledged, kills = {'warm': ('fine', '')}, {'warm'}, 0
        for n in range(CYCLES):
            order_id = f'o-{n}'
            fate = self.random.choice(['fine', 'refuse', 'flaky', 'lost'])
            step = self.random.choice(FORWARD)
            if fate != 'fine':
                fault = {'refuse': {'status': 422, 'times': -1}, 'flaky': {'status': 503, 'times': 1},
                         'lost': {'lose_answer': True, 'times': 1}}[fate]
                with self.shop.ledger.lock:
                    self.shop.ledger.faults.insert(0, {'action': step, 'subject': order_id, **fault})
            fates[order_id] = (fate, step)
            acked, killed = self.cycle(order_id, longest_s)
            kills += killed
            if acked:
                acknowledged.add(order_id)
        self.check(fates, acknowledged, kills)

    def check(self, fates, acknowledged, kills):
        known = self.settle()
        self.assertEqual(acknowledged - set(known), set(), 'acknowledged, and lost')
        for order_id, status in known.items():
            fate, step = fates[order_id]
            with self.subTest(order_id, fate=fate, step=step):
                self.assertEqual(status, 'failed' if fate == 'refuse' else 'completed')
                self.assertEqual(self.shop.actions(order_id), expected(fate, step, self.was_lost(order_id, step)))
        for order_id in set(fates) - set(known):
            self.assertEqual(self.shop.actions(order_id), [], 'effects of an order that does not exist')
        self.assert_once_by_key(self.shop)
        self.assert_sound()
        for order_id in known:
            self.perdure('replay', order_id, want=0)
        print(f'{CYCLES} cycles, {kills} kills, {len(acknowledged)} acknowledged, {len(known)} runs, '
              f'{len(self.shop.effects())} effects, seed {SEED}', flush=True)
        self.assertGreater(kills, CYCLES // 4, 'hardly anything was killed: the delays are wrong')

    def was_lost(self, order_id, step):
        events = self.perdure('history', order_id, '--json', want=0).out.splitlines()
        return any(e['type'] == 'ActivityLost' and e.get('step_path') == step for e in map(json.loads, events))

    def settle(self):
        """Drives all that is open to its end; {run: status} of every run."""
        def runs():
            listed = self.perdure('list', '--json', '--limit', '10000', want=0).json
            return {run['run']: run['status'] for run in listed['runs']}
        for order_id, status in runs().items():
            if status not in ('completed', 'failed'):
                self.perdure('resume', order_id, '--to-end')
        return runs()


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--cycles', type=int, default=CYCLES)
    parser.add_argument('--seed', type=int, default=SEED)
    arguments, rest = parser.parse_known_args()
    CYCLES, SEED = arguments.cycles, arguments.seed
    unittest.main(argv=[sys.argv[0], *rest])
