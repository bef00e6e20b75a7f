"""What a correct engine may make of a program: a small interpreter of the dialect, written from docs/dialect.md, that knows
nothing of time, crashes or the engine. Where more than one thing may happen (who wins a race, which of two failures comes
first, whether the only attempt of a step was lost in a crash) it takes every way in turn, so that the answer is a list of
allowed ends.

An effect that a failing sibling or a cancel may have cut off is "partial": it may be there or not. If it is, and can be
undone, and its scope was undone, then so was the effect.
"""
import dataclasses
import json
import re

MOST_ENDS = 150
FATAL = 'fatal'


class Undetermined(Exception):
    """Too many ways, or something is read that only time decides."""


class Fail(Exception):
    def __init__(self, kind, fatal=False):
        super().__init__(kind)
        self.kind, self.fatal = kind, fatal


@dataclasses.dataclass
class Effect:
    """One command's effect. applied, undone: least and most often."""
    label: str
    path: tuple
    applied: tuple = (1, 1)
    undoable: bool = False
    undone: tuple = (0, 0)
    must_go: bool = False      # if it was applied, it was undone
    partial: bool = False
    undo_path: tuple = None
    group: list = None         # of a sub-workflow: its own log


@dataclasses.dataclass
class End:
    status: str
    error: str = None
    output: dict = None
    effects: list = None
    undo_failed: bool = False
    undo_unsure: bool = False  # something that can't be undone had perhaps to be
    outputs: dict = None       # of the top-level steps, with their statuses
    contexts: dict = None      # as each top-level step began


@dataclasses.dataclass(frozen=True)
class Around:
    path: tuple
    item: object = None
    inner: bool = False


def ordered(one, two):
    """-1 when the effect at path `one` must come before that at `two`, 1 for the reverse, 0 when nothing is said."""
    for a, b in zip(one, two):
        if a == b:
            continue
        if 'u' in (a[1], b[1]):  # undoing comes after everything of its scope
            if a[1] != b[1]:
                return 1 if a[1] == 'u' else -1
            return -1 if a[0] < b[0] else 1
        if a[0] != b[0] or a[1] != b[1]:
            return 0
        if a[1] == 's':
            return -1 if a[2] < b[2] else 1
        if a[1] == 'd':  # (uid, 'd', name, sign, ancestors)
            if a[2] in b[4]:
                return -a[3]
            if b[2] in a[4]:
                return a[3]
        return 0
    return 0


def backwards(part):
    uid, kind, place, *rest = part
    if kind == 's':
        return ('undo', uid), 's', -place
    if kind == 'd':
        return ('undo', uid), 'd', place, -rest[0], rest[1]
    return ('undo', uid), kind, place


class Reference:
    """One way through the program. `script` is what to choose at each point where there is a choice."""

    def __init__(self, program, crashed, script, mended=False, start=None, given=None):
        self.program, self.crashed, self.script = program, crashed, script
        self.mended, self.start, self.given = mended, start, given
        self.asked = []
        self.effects, self.sagas = [], [{'log': [], 'parent': None}]
        self.saga = self.sagas[0]
        self.context, self.tainted = {}, set()
        self.undo_failed = self.undo_unsure = False
        self.contexts, self.top_status = {}, {}
        self.uids = 0

    def choose(self, options):
        if len(options) == 1:
            return options[0]
        at = len(self.asked)
        pick = self.script[at] if at < len(self.script) else 0
        self.asked.append((pick, len(options)))
        return options[pick]

    def uid(self):
        self.uids += 1
        return self.uids

    # ---- the run ----
    def run(self):
        flow = self.program.workflow
        self.context = dict(self.given.contexts[self.start] if self.start else flow.get('context', {}))
        steps = flow.get('steps') or flow.get('modules')
        try:
            outputs = self.steps(steps, Around(()), top=True)
        except Fail as why:
            self.undo(self.sagas[0], Around(()))
            status = 'compensation_failed' if self.undo_failed else 'failed'
            return End(status, why.kind, None, self.effects, self.undo_failed, self.undo_unsure)
        output = {'context': {k: v for k, v in self.context.items() if k not in self.tainted},
                  'steps': {s['id']: self.top_status.get(s['id']) for s in steps},
                  'actions': sorted(actions(outputs))}
        status = 'compensation_failed' if self.undo_failed else 'completed'  # what failed was let pass, what it left was not
        return End(status, None, output, self.effects, self.undo_failed, self.undo_unsure,
                   {n: (o, self.top_status[n]) for n, o in outputs.items()}, self.contexts)

    # ---- lists ----
    def steps(self, steps, around, top=False):
        if any('depends_on' in s for s in steps):
            return self.dag(steps, {s['id']: s.get('depends_on', []) for s in steps}, around, None, top)
        if any('next_steps' in s for s in steps):
            return self.graph(steps, around, top)
        uid, outputs = self.uid(), {}
        begun = not (top and self.start)
        for n, step in enumerate(steps):
            begun = begun or step['id'] == self.start
            if not begun:  # taken over from the run before
                outputs[step['id']], state = self.given.outputs[step['id']]
                self.top_status[step['id']] = state
                continue
            if top:
                self.contexts[step['id']] = dict(self.context)
            outputs[step['id']] = self.step(step, self.at(around, (uid, 's', n)), top)
        return outputs

    def at(self, around, part):
        return dataclasses.replace(around, path=around.path + (part,))

    def graph(self, steps, around, top):
        before = {s['id']: [] for s in steps}
        for step in steps:
            for follower in step.get('next_steps', []):
                before[follower].append(step['id'])
        bare = {s['id']: s for s in steps if 'condition' in s and 'then' not in s}

        def takes(step_id, follower):
            step = bare.get(step_id)
            if step is None:
                return True
            return step['next_steps'][0 if self.holds(step['condition'], around) else 1] == follower
        return self.dag(steps, before, around, takes, top)

    def dag(self, steps, before, around, takes, top=False):
        """takes: whether an edge is taken; None when all are. The list names a step after those it depends on."""
        uid, outputs, ancestors, faults, spans, gone = self.uid(), {}, {}, {}, {}, set()
        for n, step in enumerate(steps):
            name = step['id']
            ancestors[name] = frozenset().union(*({b} | ancestors[b] for b in before[name]), ())
            if any(b in faults or b in gone and takes is None for b in before[name]):
                gone.add(name)
                faults_above = any(b in faults for b in before[name])
                if faults_above or takes is None:
                    continue
            if takes and n > 0 and not any(b not in gone and takes(b, name) for b in before[name]):
                gone.add(name)
                outputs[name] = None
                if top:
                    self.top_status[name] = 'skipped'
                continue
            first = len(self.effects)
            try:
                outputs[name] = self.step(step, self.at(around, (uid, 'd', name, 1, ancestors[name])), top)
            except Fail as why:
                faults[name] = why
            spans[name] = (first, len(self.effects))
        if faults:
            first = self.choose(sorted(faults))
            for name, span in spans.items():
                if name != first and name not in ancestors[first]:
                    self.cut(span, self.find(steps, name))
            raise faults[first]
        return outputs

    @staticmethod
    def find(steps, name):
        return next(s for s in steps if s['id'] == name)

    def cut(self, span, step=None):
        """These effects may have been stopped at any point."""
        for effect in self.effects[span[0]:span[1]]:
            self.make_partial(effect)
        for name in set_in(step):
            self.tainted.add(name)

    def make_partial(self, effect):
        effect.partial = True
        effect.applied = (0, effect.applied[1])
        if effect.undoable and self.program.fates.get(effect.label + '.undo') == 'refuse':
            self.undo_unsure = True
        elif effect.undoable:
            effect.undone = (0, 1)

    # ---- a step and its common fields ----
    def step(self, step, around, top=False):
        status = 'completed'
        output = None
        if 'when' in step and not self.holds(step['when'], around):
            status = 'skipped'
        elif 'foreach' in step:
            output = self.foreach(step, around)
        else:
            output, status = self.once(step, around)
        if top:
            self.top_status[step['id']] = status
        if step.get('pivot') and status == 'completed':
            self.pass_pivot()
        return output

    def pass_pivot(self):
        """What came before in this saga, and in those inside of it that are over, is not undone any more."""
        self.saga['log'] = []

    def once(self, step, around):
        """With its saga, its retry and its on_error; (output, status)."""
        uid = self.uid()
        attempt, saga = 1, None
        while True:
            here = self.at(around, (uid, 's', attempt))
            if 'saga' in step:
                saga = self.open_saga()
            try:
                output = self.kind(step, here)
                self.close_saga(saga)
                return output, 'completed'
            except Fail as why:
                if saga:
                    self.undo(saga, here)
                    self.close_saga(saga)
                most = step.get('retry', {}).get('max_attempts', 1)
                if not activity_of(step) and not why.fatal and attempt < most:
                    attempt += 1
                    continue
                policy = step.get('on_error')
                if isinstance(policy, dict):
                    if saga:  # the fallback's effects are the step's
                        saga = self.open_saga()
                    here = self.at(around, (uid, 's', attempt + 1))
                    try:
                        output = self.step(policy['fallback'], here)
                    except Fail:
                        if saga:
                            self.undo(saga, here)
                            self.close_saga(saga)
                        raise
                    self.close_saga(saga)
                    return output, 'completed'
                if policy == 'continue':
                    return None, 'failed'
                raise

    def open_saga(self):
        self.saga = {'log': [], 'parent': self.saga}
        return self.saga

    def close_saga(self, saga):
        if saga is None:
            return
        assert self.saga is saga
        saga['parent']['log'] += saga['log']
        self.saga = saga['parent']

    def undo(self, saga, around, partial=False):
        """Everything in the scope's log, in reverse."""
        uid = self.uid()
        for effect in reversed(saga['log']):
            self.undo_one(effect, around.path + ((uid, 'u'),), partial)
        saga['log'] = []

    def undo_one(self, effect, prefix, partial):
        if effect.group is not None:
            for inner in reversed(effect.group):
                self.undo_one(inner, prefix, partial or effect.partial)
            return
        effect.must_go = True
        effect.undo_path = prefix + tuple(backwards(part) for part in effect.path)
        if self.program.fates.get(effect.label + '.undo') == 'refuse':
            effect.must_go, effect.undone = False, (0, 0)
            if effect.applied == (1, 1) and not effect.partial and not partial:
                self.undo_failed = True
            elif effect.applied[1] or self.crashed:
                self.undo_unsure = True
        elif effect.partial or partial:
            effect.undone = (0, 1)
        elif effect.applied[1] == 0:
            effect.undone = (0, 1 if self.crashed else 0)
        elif effect.applied[0] == 1:
            effect.undone = (1, 1)
        else:
            effect.undone = (0, 1)

    # ---- kinds ----
    def kind(self, step, around):
        if activity_of(step):
            return self.activity(step, around)
        for keyword, rule in (('try', self.attempt), ('then', self.choice), ('switch', self.choice), ('race', self.race),
                              ('subflow', self.subflow), ('map', self.map), ('listen', self.listen),
                              ('raise', self.raising), ('set', self.set)):
            if keyword in step:
                return rule(step, around)
        if 'wait' in step or 'emit' in step:
            return None
        if 'condition' in step:
            return self.holds(step['condition'], around)
        if step.get('type') == 'human_review':
            return self.review(step)
        if step.get('type') == 'loop' and step.keys() & {'times', 'while', 'until'}:
            return self.loop(step, around)
        if step.get('type') == 'parallel':
            return self.together([(s, around) for s in step['steps']], around, by_name=True)
        return self.steps(step['steps'], around)

    def label(self, step, around):
        if 'script' in step or step['call'] == 'shell':
            text = (step.get('script') or step['with'])['env']['LABEL']
        else:
            text = step['with']['url'].split('/')[-1]
        return text.replace('${ .item }', str(around.item))

    def activity(self, step, around):
        label = self.label(step, around)
        fate = self.program.fates.get(label, 'well')
        if self.mended and label in self.program.mendable:
            fate = 'well'
        effect = Effect(label, around.path, undoable='compensation' in step)
        self.effects.append(effect)
        if effect.undoable:
            self.saga['log'].append(effect)
        shell = 'script' in step or step['call'] == 'shell'
        if self.crashed and step.get('retry', {}).get('max_attempts') == 1:
            if self.choose([False, True]):
                effect.applied = (0, 1)
                raise Fail('attempt.lost')
        if fate == 'refuse':
            effect.applied = (0, 0)
            raise Fail('shell.exit') if shell else Fail('http.422', fatal=True)
        if fate == 'down':
            effect.applied = (0, 0)
            raise Fail('http.503')
        if fate == 'mute':
            raise Fail('http.connect')
        if fate == 'stuck':
            effect.applied = (0, 1)
            raise Fail('timeout.start_to_close')
        return {'action': label}

    def set(self, step, _around):
        patch = {}
        for name, value in step['set'].items():
            if isinstance(value, str):  # ${ .context.NAME + 1 }
                if name in self.tainted:
                    raise Undetermined('a count that was cut off')
                value = self.context[name] + 1
            else:
                self.tainted.discard(name)
            patch[name] = value
        self.context.update(patch)
        return patch

    def holds(self, condition, _around):
        if condition.startswith('.input.n'):
            return 7 > 3 if condition == '.input.n > 3' else 7 < 3
        name, operator, value = re.fullmatch(r'\.context\.(\w+) (==|<|>=) (\d+)', condition).groups()
        if name in self.tainted:
            raise Undetermined('a variable that was perhaps set')
        have = self.context.get(name)
        if have is None:
            return operator == '<'  # null is less than any number
        return {'==': have == int(value), '<': have < int(value), '>=': have >= int(value)}[operator]

    def listen(self, step, _around):
        name = step['listen']['signal']
        if not self.program.signals[name]:
            raise Fail('timeout.listen')
        return {'action': name}

    def review(self, step):
        fate = self.program.reviews[step['id']]
        if fate == 'approve' or fate == 'never' and step['on_timeout'] == 'approve':
            return {'action': step['id']}
        if step['on_reject'] == 'continue':
            return {'action': step['id']}
        raise Fail('review.rejected' if fate == 'reject' else 'review.timeout', fatal=True)

    def raising(self, step, _around):
        raise Fail(step['raise']['type'])

    def choice(self, step, around):
        if 'switch' in step:
            body = next((c['steps'] for c in step['switch'] if 'default' in c or self.holds(c['when'], around)), None)
        else:
            body = step['then'] if self.holds(step['condition'], around) else step.get('else')
        return None if body is None else self.steps(body, around)

    def loop(self, step, around):
        uid, rounds, last = self.uid(), 0, None
        while True:
            if rounds and 'until' in step and self.holds(step['until'], around):
                break
            if 'times' in step and rounds >= step['times']:
                break
            if 'while' in step and not self.holds(step['while'], around):
                break
            if 'times' not in step and rounds >= step['max_iterations']:
                raise Fail('loop.limit', fatal=True)
            rounds += 1
            last = self.steps(step['steps'], self.at(around, (uid, 's', rounds)))
        return {'iterations': rounds, 'last': last}

    def attempt(self, step, around):
        uid, rounds, taken = self.uid(), 0, None
        try:
            while True:
                rounds += 1
                try:
                    output = self.steps(step['try'], self.at(around, (uid, 's', rounds)))
                    break
                except Fail as why:
                    again, taken = clause(step.get('catch', []), why.kind, rounds)
                    if again:
                        continue
                    if taken is None:
                        raise
                output = None
                if 'steps' in taken:
                    output = self.steps(taken['steps'], self.at(around, (uid, 's', rounds + 1)))
                break
        finally:
            if 'finally' in step:
                self.steps(step['finally'], self.at(around, (uid, 's', 1000)))
        return output

    def foreach(self, step, around):
        one = {k: v for k, v in step.items() if k not in ('foreach', 'parallel', 'when', 'pivot')}
        rounds = [(one, dataclasses.replace(around, item=item)) for item in step['foreach']]
        if step.get('parallel', 1) > 1:
            return self.together(rounds, around)
        uid = self.uid()
        return [self.once(s, self.at(place, (uid, 's', n)))[0] for n, (s, place) in enumerate(rounds)]

    def together(self, rounds, _around, by_name=False):
        """Side by side; the first failure cuts the others off."""
        uid, outputs, faults, spans = self.uid(), [], [], []
        for n, (step, place) in enumerate(rounds):
            first = len(self.effects)
            inside = self.at(place, (uid, 'p', n))
            try:
                outputs.append(self.step(step, inside) if by_name else self.once(step, inside)[0])
            except Fail as why:
                faults.append((n, why))
            spans.append((first, len(self.effects)))
        if faults:
            first, why = self.choose(faults)
            for n, span in enumerate(spans):
                if n != first:
                    self.cut(span, rounds[n][0])
            raise why
        return {s['id']: o for (s, _), o in zip(rounds, outputs)} if by_name else outputs

    def race(self, step, around):
        uid, done, faults, spans, sagas = self.uid(), [], [], [], []
        for n, branch in enumerate(step['race']):
            first = len(self.effects)
            saga = self.open_saga()
            inside = self.at(around, (uid, 'p', n))
            try:
                before = self.uids
                output, status = self.racer(branch, inside)
                assert before <= self.uids
                if status == 'completed':
                    done.append((n, output))
            except Fail as why:
                faults.append(why)
                self.undo(saga, inside)
            self.saga = saga['parent']
            spans.append((first, len(self.effects)))
            sagas.append(saga)
        if not done:
            for saga in sagas:
                self.saga['log'] += saga['log']
            if faults:
                raise self.choose(faults)
            return {'winner': None, 'output': None}
        winner, output = self.choose(done)
        for n, saga in enumerate(sagas):
            if n == winner:
                self.saga['log'] += saga['log']
                continue
            self.cut(spans[n], step['race'][n])
            self.undo(saga, self.at(around, (uid, 'p', n)), partial=True)
        return {'winner': step['race'][winner]['id'], 'output': output}

    def racer(self, step, around):
        """A branch that was skipped, or whose failure was let pass, is over and has not won."""
        if 'when' in step and not self.holds(step['when'], around):
            return None, 'skipped'
        if 'foreach' in step:
            return self.foreach(step, around), 'completed'
        return self.once(step, around)

    def subflow(self, step, around):
        flow = self.program.children[int(step['subflow'].split('_')[-1]) - 1]
        saved = self.context, self.tainted, self.saga
        failed = self.undo_failed
        self.context, self.tainted = dict(flow.get('context', {})), set()
        root = self.saga = {'log': [], 'parent': None}
        try:
            output = self.child_output(flow, around)
        except Fail as why:
            self.undo(root, around)
            self.undo_failed = failed  # the child's own affair
            raise Fail(why.kind) from None
        finally:
            self.context, self.tainted, self.saga = saved
        if root['log']:
            self.saga['log'].append(Effect('', around.path, group=root['log']))
        return output

    def child_output(self, flow, around):
        kept, self.top_status = self.top_status, {}
        contexts, self.contexts = self.contexts, {}
        start, self.start = self.start, None
        try:
            outputs = self.steps(flow.get('steps') or flow.get('modules'), around, top=True)
        finally:
            self.top_status, self.contexts, self.start = kept, contexts, start
        return outputs

    def map(self, step, around):
        uid = self.uid()
        for n, label in enumerate((step['id'] + 'a', step['id'] + 'b')):
            fake = {'id': label, 'call': 'http', 'with': {'url': '/' + label}}
            try:
                self.activity(fake, self.at(around, (uid, 's', n)))
            except Fail as why:
                raise Fail(why.kind) from None
        return {n: {'action': step['id'] + n} for n in 'ab'}


def activity_of(step):
    return 'call' in step or 'script' in step


def clause(clauses, kind, rounds):
    """Whether the steps are tried again, and if not, which catch takes the error."""
    for catch in clauses:
        if catches(catch, kind):
            if rounds < catch.get('retry', {}).get('max_attempts', 1):
                return True, None
            if 'retry' not in catch or 'steps' in catch:
                return False, catch
    return False, None


def catches(catch, kind):
    def matches(pattern):
        return pattern == kind or pattern.endswith('.*') and kind.startswith(pattern[:-1])
    return 'errors' not in catch or any(matches(p) for p in catch['errors'])


def actions(value):
    if isinstance(value, dict):
        own = [value['action']] if isinstance(value.get('action'), str) else []
        return own + [a for v in value.values() for a in actions(v)]
    return [a for v in value for a in actions(v)] if isinstance(value, list) else []


def set_in(step):
    """The variables that a step may set, at any depth."""
    return re.findall(r'"set": \{"(\w+)"', json.dumps(step)) if step else []


def allowed_ends(program, crashed, mended=False, start=None, given=None):
    """Every end that a correct engine may come to."""
    ends, script = [], []
    while True:
        way = Reference(program, crashed, script, mended, start, given)
        ends.append(way.run())
        script = [pick for pick, _ in way.asked]
        while script and script[-1] + 1 == way.asked[len(script) - 1][1]:
            script.pop()
        if not script:
            return ends
        script[-1] += 1
        if len(ends) >= MOST_ENDS:
            raise Undetermined('too many ways')
