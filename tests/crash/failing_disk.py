"""The i-th call that changes the store fails, once or from then on, with EIO or ENOSPC. The command says so and ends in
order, and once the disk is well again the scenario ends as if nothing had happened.

usage: failing_disk.py [--seconds S]    stop after about S seconds, having tried points all over (0: try all)
"""
import argparse
import sys
import unittest

import harness
from crash.scenario import break_everywhere

SECONDS = 0


class FailingDisk(harness.Case):
    def test_failing_call(self):
        refused = []

        def check(scenario, outcome, name):
            # 130: the disk did not get well, and somebody lost patience.
            self.assertIn(outcome.code, (0, 1, 2, 3, 130), f'no orderly end: {outcome}')
            if outcome.code in (1, 2):
                refused.append(name)
                self.assertTrue(outcome.err.strip(), f'fails without a word: {outcome}')
            scenario.finish_after(name)
        break_everywhere(self, ['EIO', 'ENOSPC', 'EIO+', 'ENOSPC+'], SECONDS, check)
        print(f'{len(refused)} commands refused', flush=True)
        self.assertTrue(refused, 'no fault was ever noticed')


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=0)
    arguments, rest = parser.parse_known_args()
    SECONDS = arguments.seconds
    unittest.main(argv=[sys.argv[0], *rest])
