"""Kills the real binary at each call that changes the store, of each command of a scenario; the user runs the command
again, and the scenario must end as if nothing had happened.

usage: every_call.py [--torn] [--seconds S]
  --torn         half of the bytes of a write reach the disk before the kill
  --seconds S    stop after about S seconds, having tried points all over (0, the default: try all)
"""
import argparse
import sys
import unittest

import harness
from crash.scenario import break_everywhere

KIND, SECONDS = 'kill', 0


class EveryCall(harness.Case):
    def test_kill(self):
        killed = []

        def check(scenario, outcome, name):
            # The count of calls differs a little from time to time, so that the last ones may not be reached.
            self.assertIn(outcome.code, (-9, scenario.commands[name][1]), str(outcome))
            killed.append(outcome.code == -9)
            scenario.finish_after(name)
        break_everywhere(self, [KIND], SECONDS, check)
        print(f'killed {sum(killed)} times', flush=True)
        self.assertGreater(sum(killed), len(killed) * 0.9, 'most commands ended before their call came')


if __name__ == '__main__':
    parser = argparse.ArgumentParser()
    parser.add_argument('--torn', action='store_true')
    parser.add_argument('--seconds', type=float, default=0)
    arguments, rest = parser.parse_known_args()
    KIND, SECONDS = 'torn' if arguments.torn else 'kill', arguments.seconds
    unittest.main(argv=[sys.argv[0], *rest])
