"""The i-th call that changes the store fails, once or from then on, with EIO or ENOSPC. The command says so and ends in
order, and once the disk is well again the scenario ends as if nothing had happened.

usage: failing_disk.py [--seconds S]    stop after about S seconds, having tried points all over (0: try all)
"""
import argparse
import sys
import unittest

import harness
from crash.scenario import Scenario, shuffled_until

SECONDS = 0
ORDERLY = (0, 1, 2, 3)  # exit codes; a signal or an abort is none of them


class FailingDisk(harness.Case):
    def test_failing_call(self):
        scenario = Scenario(self)
        counts = scenario.count()
        scenario.close()
        points = [(name, kind, at) for name, calls in counts.items() for at in range(1, calls + 1)
                  for kind in ('EIO', 'ENOSPC', 'EIO+', 'ENOSPC+')]
        refused = 0
        for name, kind, at in shuffled_until(points, SECONDS):
            with self.subTest(name, kind=kind, at=at):
                scenario = Scenario(self)
                try:
                    for before, words, codes in scenario.commands():
                        outcome = scenario.perdure(words, (kind, at) if before == name else None)
                        if before == name:
                            break
                        self.assertIn(outcome.code, codes, str(outcome))
                    self.assertIn(outcome.code, ORDERLY, str(outcome))
                    if outcome.code in (1, 2):
                        refused += 1
                        self.assertTrue(outcome.err.strip(), f'fails without a word: {outcome}')
                    scenario.finish_after(name)
                finally:
                    scenario.close()
        print(f'{refused} commands refused', flush=True)
        self.assertGreater(refused, 0)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=0)
    arguments, rest = parser.parse_known_args()
    SECONDS = arguments.seconds
    unittest.main(argv=[sys.argv[0], *rest])
