"""Kills the real binary at each call that changes the store, of each command of a scenario; the user runs the command
again, and the scenario must end as if nothing had happened.

usage: every_call.py [--seconds S]    stop after about S seconds, having tried points all over (0: try all)
"""
import argparse
import sys
import unittest

import harness
from crash.scenario import SHIM, Scenario, shuffled_until

SECONDS = 0


class EveryCall(harness.Case):
    def reach(self, scenario, broken):
        for name, words, codes in scenario.commands():
            if name == broken:
                return words
            outcome = scenario.perdure(words)
            self.assertIn(outcome.code, codes, str(outcome))
        raise AssertionError(broken)

    def test_kill(self):
        scenario = Scenario(self)
        counts = scenario.count()
        scenario.close()
        print('calls that change the store:', counts, f'({SHIM})', flush=True)
        self.assertGreater(min(counts.values()), 0, 'the shim sees no calls: it tests nothing')
        points = [(name, kind, at) for name, calls in counts.items() for at in range(1, calls + 1)
                  for kind in ('kill', 'torn')]
        killed = 0
        for name, kind, at in shuffled_until(points, SECONDS):
            with self.subTest(name, kind=kind, at=at):
                scenario = Scenario(self)
                try:
                    outcome = scenario.perdure(self.reach(scenario, name), (kind, at))
                    killed += outcome.code == -9
                    self.assertIn(outcome.code, (-9, 0, 3), str(outcome))
                    scenario.finish_after(name)
                finally:
                    scenario.close()
        print(f'killed {killed} times', flush=True)
        self.assertGreater(killed, 0)


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=float, default=0)
    arguments, rest = parser.parse_known_args()
    SECONDS = arguments.seconds
    unittest.main(argv=[sys.argv[0], *rest])
