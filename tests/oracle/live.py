"""The real binary as an oracle of itself: random programs lived through the command line under kill -9, failing disks and
interrupted system calls; what the outside world saw of it must be one of the ends that the reference allows.

usage: live.py [SEED | --programs N] [--first-seed S] [--seconds T] [--lanes L] [--trace]
  SEED          one program, with all that is done to it
  --programs N  so many, from --first-seed on (1); --seconds: stop after about T seconds
  --lanes L     so many at a time (2)
"""
import argparse
import collections
import concurrent.futures
import json
import sys
import time
import traceback

import harness
from oracle import check, world
from oracle.reference import Undetermined, allowed_ends


def live(seed, trace=None):
    """What happened, as counts; raises Wrong, or anything else that should not be."""
    lived = world.World(seed, trace)
    program = lived.program
    if trace:
        for flow in [*program.children, program.workflow]:
            print(json.dumps(flow, indent=1), file=trace)
        print('drama:', program.drama, '\nfates:', program.fates, program.reviews, program.signals, file=trace)
    try:
        lived.live()
        views = check.agreement(lived)
        told = collections.Counter(lived.struck)
        told.update({'commands': lived.commands, 'runs': len(views), 'disturbed': lived.killed,
                     'drama ' + program.drama: 1, 'end ' + views[world.ROOT_RUN]['status']: 1})
        try:
            ends = allowed_ends(program, lived.driven > 1, mended=lived.retries > 0)
            told['ends'] = len(ends)
            end = check.outcome(lived, world.ROOT_RUN, views[world.ROOT_RUN], ends)
            if program.drama == 'restart' and end.status == 'completed':
                fork(lived, end)
                told['forks'] = 1
        except Undetermined as why:
            told['undetermined: ' + str(why)] = 1
        told['effects'] = sum(len(e) for e in lived.effects(world.ROOT_RUN))
        return told
    finally:
        lived.close()


def fork(lived, end):
    steps = [s['id'] for s in lived.program.steps if end.outputs[s['id']][1] != 'skipped']
    if not steps:
        return
    step = lived.random.choice(steps)
    lived.fork(step)
    views = check.agreement(lived)
    ends = allowed_ends(lived.program, True, start=step, given=end)
    check.outcome(lived, world.FORK, views[world.FORK], ends)


def lane(seed):
    try:
        return seed, live(seed), None
    except world.Wrong as wrong:
        return seed, None, str(wrong)
    except Exception:  # pylint: disable=broad-except
        return seed, None, traceback.format_exc()


def many(seeds, lanes, deadline):
    total, wrong, done = collections.Counter(), [], 0
    with concurrent.futures.ProcessPoolExecutor(lanes) as pool:
        waiting, seeds = set(), iter(seeds)
        while True:
            while len(waiting) < lanes + 1 and time.monotonic() < deadline and len(wrong) < 20:
                seed = next(seeds, None)
                if seed is None:
                    break
                waiting.add(pool.submit(lane, seed))
            if not waiting:
                break
            ready, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for future in ready:
                seed, told, why = future.result()
                done += 1
                if why:
                    wrong.append(seed)
                    print(f'seed {seed}: {why}\nto repeat: ./dev oracle {seed}\n', flush=True)
                else:
                    total.update(told)
    return total, wrong, done


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('seed', type=int, nargs='?')
    parser.add_argument('--programs', type=int, default=100)
    parser.add_argument('--first-seed', type=int, default=1)
    parser.add_argument('--seconds', type=float, default=float('inf'))
    parser.add_argument('--lanes', type=int, default=2)
    arguments = parser.parse_args()
    started = time.monotonic()
    print(f'{harness.BINARY}, ledgers and stores in {world.fast_folder() or "the temporary folder"}', flush=True)
    if arguments.seed is not None:
        print(dict(live(arguments.seed, sys.stdout)))
        return 0
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.programs)
    total, wrong, done = many(seeds, arguments.lanes, started + arguments.seconds)
    for name in sorted(total):
        print(f'{total[name]:8d} {name}')
    print(f'{done} programs from seed {arguments.first_seed} in {time.monotonic() - started:.0f} s, {len(wrong)} wrong: {wrong}')
    return 1 if wrong or not done else 0


if __name__ == '__main__':
    sys.exit(main())
