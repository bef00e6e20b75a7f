"""One program in the real world: the binary, its store, the shop and a file as ledgers, and a user who starts the run, has
his process killed or his disk fail at any moment, and does what a user would do next, until everything is over.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time

import harness
from oracle import program as programs

OVER = ('completed', 'failed', 'cancelled', 'terminated', 'timed_out', 'compensation_failed', 'quarantined')
SHIM = os.path.join(os.path.dirname(os.path.dirname(harness.BINARY)), 'lib/fault_shim.so')
ROOT_RUN, FORK = 'x', 'y'
MOST_COMMANDS = 120
CHANGES = 'fdatasync,fsync,pwrite64,pwritev,fallocate,ftruncate,rename,unlink,mkdir'
MOMENTS = CHANGES + ',sendto,recvfrom,connect,futex,epoll_wait'
# Calls that programs of shell steps make as well: strace would kill those, which is another story.
MOMENTS_ALONE = MOMENTS + ',write,openat,clone3,read'


class Wrong(Exception):
    """The product did what it must not do."""


class World:
    def __init__(self, seed, trace=None):
        self.program = programs.Program(seed)
        self.random = random.Random(seed ^ 0x5eed)
        self.trace = trace
        self.dir = tempfile.mkdtemp(prefix='perdure-oracle-', dir=fast_folder())
        self.store = os.path.join(self.dir, 'store')
        self.ledger = os.path.join(self.dir, 'ledger')
        self.shop = harness.Shop()
        self.inputs = json.dumps({'shop': self.shop.url, 'ledger': self.ledger, 'n': 7})
        self.faults_left = self.random.choice([0, 1, 1, 2, 2, 3, 4, 6])
        self.driven = self.killed = self.commands = 0
        self.struck = {}             # how often which kind of fault struck
        self.acknowledged = set()    # runs whose start was
        self.messages = set()        # keys of signals and updates that were
        self.stopped = None          # cancelled or terminated, once that was acknowledged or may have been
        self.retries = 0
        self.updates = 0
        self.fork_from = None
        self.shell_before_fork = 0
        self.longest_s = 0.25

    def close(self):
        self.shop.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def say(self, *words):
        if self.trace:
            print(*words, file=self.trace, flush=True)

    # ---- one command ----
    def perdure(self, *words, fault=None, want=None):
        """fault: (kind, argument). Gives the outcome; a command that neither ends nor can be interrupted is Wrong."""
        self.commands += 1
        if self.commands > MOST_COMMANDS:
            raise Wrong(f'{MOST_COMMANDS} commands, and it is still not over')
        env = {'PATH': os.environ.get('PATH', '/usr/bin:/bin'), 'HOME': self.dir, 'PERDURE_STORE': self.store,
               'LANG': 'C.UTF-8'}
        process = subprocess.Popen([*self.prefix(fault, env), harness.BINARY, *words], env=env, cwd=self.dir,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with process:
            out, err = self.wait(process, fault, words)
        outcome = harness.Outcome(words, process.returncode, out, err)
        self.say(f'$ {" ".join(words)[:150]}   {fault or ""} -> {outcome.code} {err.strip()[:300]}')
        if want is not None and outcome.code != want:
            raise Wrong(f'exit code {want} was to be: {outcome}')
        if fault:
            self.judge(outcome, fault)
        elif outcome.code not in (0, 1, 2, 3):
            raise Wrong(f'no orderly end: {outcome}')
        return outcome

    @staticmethod
    def prefix(fault, env):
        kind, argument = fault or ('', None)
        if kind == 'shim':
            env.update({'LD_PRELOAD': SHIM, 'PERDURE_FAULT_DIR': env['PERDURE_STORE'], 'PERDURE_FAULT_KIND': argument[0],
                        'PERDURE_FAULT_AT': str(argument[1])})
        if kind == 'strace':
            calls, what, when = argument
            return ['strace', '-D', '-f', '-qqq', '-o', '/dev/null', '-e', f'trace={calls}',
                    '-e', f'inject={calls}:{what}:when={when}']
        return []

    def wait(self, process, fault, words):
        kind, argument = fault or ('', None)
        patience = argument if kind in ('kill', 'interrupt') else 4 if fault else 90
        for send in ('first', 'second', 'third'):
            try:
                return process.communicate(timeout=patience)
            except subprocess.TimeoutExpired:
                if kind == 'kill':
                    process.kill()
                elif fault and send != 'third':  # a disk that fails for good: somebody loses patience
                    process.send_signal(signal.SIGINT)
                else:
                    process.send_signal(signal.SIGABRT)
                    process.communicate(timeout=30)
                    raise Wrong(f'does not end: perdure {" ".join(words)} with {fault}') from None
                patience = 30
        raise Wrong(f'can not be ended: perdure {" ".join(words)}')

    def judge(self, outcome, fault):
        """What a command may say that was disturbed so."""
        if outcome.code not in (-9, -2, 0, 1, 2, 3, 130):
            raise Wrong(f'no orderly end under {fault}: {outcome}')
        if outcome.code in (1, 2) and not outcome.err.strip() and not outcome.out.strip():
            raise Wrong(f'fails without a word under {fault}: {outcome}')
        if outcome.code in (-9, -2, 130) or outcome.code in (1, 2) and fault[0] in ('shim', 'strace'):
            self.killed += 1
            kind = fault[0] + (':' + fault[1][0] if fault[0] == 'shim' else
                               ':' + fault[1][1].split('=')[1] if fault[0] == 'strace' else '')
            self.struck[kind] = self.struck.get(kind, 0) + 1

    def fault(self):
        """What befalls the next command, if anything."""
        if self.faults_left == 0 or self.random.random() > 0.75:
            return None
        self.faults_left -= 1
        kinds = [('kill', 40), ('interrupt', 8)]
        if shutil.which('strace'):
            kinds += [('strace-kill', 18), ('strace-error', 12)]
        if os.path.exists(SHIM):
            kinds += [('shim', 22)]
        names, weights = zip(*kinds)
        kind = self.random.choices(names, weights)[0]
        if kind in ('kill', 'interrupt'):
            return kind, self.random.uniform(0.005 if kind == 'kill' else 0.05, self.longest_s)
        nth = int(self.random.paretovariate(0.6)) if self.random.random() < 0.4 else self.random.randint(1, 60)
        if kind == 'shim':
            return 'shim', (self.random.choice(['kill', 'after', 'torn', 'EIO', 'ENOSPC']), min(nth, 150))
        if kind == 'strace-kill':
            call = self.random.choice((MOMENTS if self.program.shells else MOMENTS_ALONE).split(','))
            return 'strace', (call, 'signal=KILL', min(nth, 60))
        call = self.random.choice(['fdatasync,fsync,pwrite64', CHANGES, 'fdatasync', 'pwrite64'])
        return 'strace', (call, 'error=' + self.random.choice(['EIO', 'ENOSPC']),
                          f'{min(nth, 30)}' + self.random.choice(['', '', '', f'..{min(nth, 30) + 3}']))

    # ---- what a user does ----
    def live(self):
        self.set_fates()
        for number, flow in enumerate([*self.program.children, self.program.workflow]):
            with open(os.path.join(self.dir, f'{number}.yaml'), 'w', encoding='utf-8') as file:
                json.dump(flow, file)
        children = [f'{n}.yaml' for n in range(len(self.program.children))]
        if children:
            self.insist('register', *children)
        self.start(f'{len(children)}.yaml')
        self.drive()
        while self.program.drama == 'retry' and self.status(ROOT_RUN) != 'completed' and self.retries < 6:
            self.mend()
            self.retries += 1
            self.drive_with('retry', ROOT_RUN, fault=self.fault())
            self.drive()
        if any(f in ('hang', 'stuck') for f in self.program.fates.values()):
            time.sleep(programs.HANG_MS / 1000 + 0.1)  # what the shop still has in hand

    def set_fates(self):
        ways = {'flaky': {'status': 503, 'times': 2}, 'lose': {'lose_answer': True, 'times': 2},
                'refuse': {'status': 422, 'times': -1}, 'down': {'status': 503, 'times': -1},
                'mute': {'lose_answer': True, 'times': -1}, 'hang': {'delay_ms': programs.HANG_MS, 'times': 1},
                'stuck': {'delay_ms': programs.HANG_MS, 'times': -1}, 'slow': {'delay_ms': 40, 'times': -1}}
        with self.shop.ledger.lock:
            for label, fate in self.program.fates.items():
                self.shop.ledger.faults.append({'action': label, **ways[fate]})

    def mend(self):
        with self.shop.ledger.lock:
            faults = self.shop.ledger.faults
            faults[:] = [f for f in faults if f['action'] not in self.program.mendable]

    def insist(self, *words):
        """The same command again until it works."""
        for _ in range(20):
            fault = self.fault()
            if self.perdure(*words, fault=fault).code == 0:
                return
            if not fault:
                break
        raise Wrong(f'does not work: perdure {" ".join(words)}')

    def drive_with(self, *words, fault=None):
        self.driven += 1
        return self.perdure(*words, fault=fault)

    def start(self, file):
        words = ['run', file, '--id', ROOT_RUN, '--json', '--input', self.inputs]
        while True:
            fault = self.fault()
            if self.program.drama in ('cancel', 'terminate', 'pause') and not fault and self.driven == 0:
                fault = ('kill', self.random.uniform(0.01, self.longest_s))
            outcome = self.drive_with(*words, *self.how(), fault=fault)
            if '"seq"' in outcome.out:
                self.acknowledged.add(ROOT_RUN)
                return
            if not fault:
                raise Wrong(f'does not start: {outcome}')

    def how(self):
        """How long to stay. To the end only where nobody is waited for: else it would stay for a day."""
        alone = not any(self.program.signals.values()) and set(self.program.reviews.values()) <= {'never'}
        return self.random.choice([[], [], ['--until-idle'], ['--to-end'] if alone else []])

    def runs(self):
        return {r['run']: r for r in self.perdure('list', '--json', '--limit', '1000', want=0).json['runs']}

    def status(self, run):
        return self.perdure('show', run, '--json', want=0).json['status']

    def drive(self):
        """Until every run of the store is over."""
        if self.program.drama in ('pause', 'cancel', 'terminate') and self.stopped is None:
            self.control()
        while True:
            runs = self.runs()
            if lost := self.acknowledged - set(runs):
                raise Wrong(f'acknowledged, and gone: {lost}')
            if FORK not in runs and self.fork_from and not self.faults_struck_fork:
                raise Wrong('the fork is gone')
            open_runs = [r for r, row in runs.items() if row['status'] not in OVER]
            if not open_runs:
                return
            self.help(self.random.choice(open_runs))

    def control(self):
        """pause, cancel or terminate, once the run may be anywhere."""
        drama = self.program.drama
        self.stopped = ''
        fault = self.fault()
        outcome = self.drive_with(drama, ROOT_RUN, *(['--no-drive'] if drama == 'cancel' and self.chance(30) else []),
                                  fault=fault)
        over = 'is ' in outcome.err and outcome.code == 1 and not fault
        if drama != 'pause' and not over:
            self.stopped = {'cancel': 'cancelled', 'terminate': 'terminated'}[drama]

    def chance(self, percent):
        return self.random.random() * 100 < percent

    def help(self, run):
        """One thing that a user would do for a run that is not over."""
        if self.program.updates and run == ROOT_RUN and self.updates < 3 and self.chance(30):
            self.update(run)
            return
        view = self.perdure('show', run, '--json', want=0).json
        if view['status'] == 'paused' and self.chance(60):
            self.drive_with('resume', run, *self.how(), fault=self.fault())
            return
        if view['reviews'] and self.decide(run, view['reviews']):
            return
        for what in view['waiting_for']:
            if what.startswith('signal '):
                name = what.split()[1]
                if self.program.signals[name]:
                    self.signal(run, name)
                    return
        if self.chance(15) and view['status'] != 'paused':
            early = [n for n, sent in self.program.signals.items() if sent]
            if early and not self.history(run, 'SignalReceived'):
                self.signal(run, self.random.choice(early))
                return
        self.drive_with('resume', run, *self.how(), fault=self.fault())

    def decide(self, run, reviews):
        """Whether there was something to decide."""
        for review in reviews:
            fate = self.program.reviews[review['step'].split('/')[-1].split('[')[0]]
            if fate == 'never':
                continue
            who = next((w for w in ('ann', 'bob') if w not in review['approvals']), 'ann')
            verb = {'approve': 'approve', 'reject': 'reject'}[fate]
            self.drive_with('review', verb, run, review['id'], '--as', who, *self.maybe_alone(), fault=self.fault())
            return True
        return False

    def maybe_alone(self):
        return ['--no-drive'] if self.chance(30) else self.how()

    def signal(self, run, name):
        number = sum(e['name'] == name for e in self.history(run, 'SignalReceived'))
        key = f'{run}/{name}/{number}'
        fault = self.fault()
        outcome = self.drive_with('signal', run, name, '--data', json.dumps({'action': name}), '--key', key,
                                  *self.maybe_alone(), fault=fault)
        if outcome.code == 0:
            self.messages.add((run, key))
            if self.chance(20):  # said twice, heard once
                self.drive_with('signal', run, name, '--data', '{"action": "twice"}', '--key', key, '--no-drive')

    def update(self, run):
        self.updates += 1
        key, amount = f'u{self.updates}', 10 ** (self.updates - 1)
        outcome = self.drive_with('update', run, 'bump', '--data', str(amount), '--key', key, *self.maybe_alone(),
                                  fault=self.fault())
        if outcome.code == 0:
            self.messages.add((run, key))
            if self.chance(30):
                self.drive_with('update', run, 'bump', '--data', str(amount), '--key', key, '--no-drive')

    def history(self, run, kind=None):
        lines = self.perdure('history', run, '--json', want=0).out.splitlines()
        events = [json.loads(line) for line in lines]
        return [e for e in events if kind is None or e['type'] == kind]

    # ---- a new run from a step of the old one ----
    def fork(self, step):
        self.shell_before_fork = len(self.shell_lines())
        self.fork_from, self.faults_struck_fork = step, False
        while True:
            fault = self.fault()
            self.drive_with('restart', ROOT_RUN, '--from', step, '--id', FORK, *self.how(), fault=fault)
            if FORK in self.runs():
                break
            if not fault:
                raise Wrong('restart makes no run')
        self.acknowledged.add(FORK)
        self.drive()
        if any(f in ('hang', 'stuck') for f in self.program.fates.values()):
            time.sleep(programs.HANG_MS / 1000 + 0.1)

    faults_struck_fork = True

    # ---- what the outside world saw ----
    def shell_lines(self):
        """(key, label) of each effect of a program, once by key, in order."""
        if not os.path.exists(self.ledger):
            return []
        with open(self.ledger, encoding='utf-8') as file:
            lines = [tuple(line.split()) for line in file.read().splitlines()]
        return list(dict.fromkeys(lines))

    def effects(self, run):
        """The labels of the effects of a run and its sub-workflows, in the order of each ledger: (shop, shell)."""
        shop = [e for e in self.shop.effects() if str(e['subject']).split('.')[0] == run]
        lines = self.shell_lines()
        if self.fork_from:
            lines = lines[:self.shell_before_fork] if run == ROOT_RUN else lines[self.shell_before_fork:]
        return [e['action'] for e in shop], [label for _, label in lines]


def fast_folder():
    """Where kill -9 is tested a disk need not be waited for: what was written stays with the kernel."""
    if os.environ.get('TMPDIR'):
        return None
    return '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
