"""Random workflows over every construct that the command line can drive. A program is a workflow with its sub-workflows
and the fates of its steps: what the outside world does when a step asks it for something.

Each activity has a label, which its effect carries into the ledger: the step's id, with `.ITEM` inside of a foreach. The
label of what undoes it ends in `.undo`.
"""
import dataclasses
import random

QUICK = {'initial': '5ms', 'factor': 1.5, 'max_interval': '30ms', 'jitter': 'none'}
ATTEMPTS = 6
UNDO_RETRY = {**QUICK, 'max_attempts': 200}
HANG_MS, PATIENCE_MS = 700, 300  # how long a step that hangs does, and its timeout
SH = ('key="$LEDGER.$PERDURE_IDEMPOTENCY_KEY"; '
      'case "$FATE" in refuse) exit 3;; flaky) if [ ! -e "$key" ]; then : >"$key"; exit 1; fi;; esac; '
      'echo "$PERDURE_IDEMPOTENCY_KEY $LABEL" >>"$LEDGER"; '
      'if [ "$FATE" = hang ]; then sleep 5; fi; echo "{\\"action\\": \\"$LABEL\\"}"')


@dataclasses.dataclass
class Place:
    """Where in the program the generator is."""
    depth: int
    item: bool = False        # inside of a foreach: labels tell the items apart
    crowd: bool = False       # something runs beside it, so that no pivot may be here
    shared: bool = False      # inside of a foreach several bodies would count by one variable
    mended: bool = False      # the program has to end well once the world is mended
    subflows: bool = True
    known: tuple = ()         # variables that are set by now

    def inner(self, **changes):
        return dataclasses.replace(self, depth=self.depth - 1, **changes)

    def here(self, **changes):
        return dataclasses.replace(self, **changes)


class Program:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.fates = {}      # of a label: {kind, times}; absent: it works
        self.reviews = {}    # of a review's step: approve, reject or never
        self.signals = {}    # of a signal: whether it is sent
        self.mendable = set()  # labels that are refused until somebody mends it
        self.variables = {}
        self.children = []
        self.count = 0
        self.pivots = self.shells = False
        self.drama = self.pick([('none', 58), ('pause', 8), ('cancel', 12), ('terminate', 4), ('retry', 9),
                                ('restart', 9)])
        self.updates = self.drama != 'restart' and self.chance(25)
        self.fearless = self.drama in ('retry', 'restart')
        place = Place(depth=self.random.choice([1, 2, 2, 3]), mended=self.drama == 'retry')
        if self.fearless or self.chance(25):
            steps = self.list(place, self.random.randint(2, 5))
        else:
            steps = self.top(place)
        self.workflow = self.head('oracle', steps)
        self.steps = steps
        if self.drama == 'retry':
            self.break_one()

    # ---- chance ----
    def chance(self, percent):
        return self.random.random() * 100 < percent

    def pick(self, weighted):
        kinds, weights = zip(*weighted)
        return self.random.choices(kinds, weights)[0]

    def id(self):
        self.count += 1
        return f's{self.count}'

    # ---- the file ----
    def head(self, name, steps):
        flow = {'name': name, 'version': '1', 'input': {'type': 'object'},
                'defaults': {'retry': {**QUICK, 'max_attempts': ATTEMPTS}, 'timeout': '20s'}}
        if self.chance(20):
            flow['limits'] = {'parallel': self.random.randint(1, 3)}
        if self.chance(30):
            flow['defaults']['priority'] = self.random.choice(['low', 'normal', 'high', 'critical'])
        if name == 'oracle':
            flow['context'] = {'u': 0, **self.variables}
            flow['updates'] = {'bump': {'validate': '$arg | type == "number"', 'set': {'u': '${ .context.u + $arg }'}}}
            names = [step['id'] for step in steps]
            outputs = ', '.join(f'.steps.{n}.output' for n in names)
            states = ', '.join(f'{n}: .steps.{n}.status' for n in names)
            flow['output'] = ('${ {context: .context, steps: {' + states + '}, actions: ([' + outputs +
                              ' | .. | objects | .action? | strings] | sort)} }')
        flow['modules' if any('activities' in s for s in steps) else 'steps'] = steps
        return flow

    def top(self, place):
        return self.pick([(self.list, 70), (self.dag, 15), (self.graph, 15)])(place, self.random.randint(2, 5))

    def child(self):
        """A sub-workflow of its own file; gives its name."""
        name = f'oracle_child_{len(self.children) + 1}'
        self.children.append(None)
        saved, self.variables = self.variables, {}
        place = Place(depth=1, subflows=False)
        flow = self.head(name, self.top(place))
        if self.variables:
            flow['context'] = self.variables
        self.variables = saved
        self.children[int(name.split('_')[-1]) - 1] = flow
        return name

    # ---- lists ----
    def list(self, place, size=None):
        steps = []
        for _ in range(size or self.random.randint(1, 3)):
            step = self.step(place)
            steps.append(step)
            if 'set' in step and 'when' not in step:
                place = place.here(known=place.known + tuple(step['set']))
        if not place.crowd and not place.mended and len(steps) > 1 and self.chance(7):
            self.random.choice(steps)['pivot'] = self.pivots = True
        return steps

    def dag(self, place, size=None):
        steps = []
        for n in range(size or self.random.randint(2, 4)):
            step = self.step(place.here(crowd=True))
            if n == 1 or (n and self.chance(65)):
                some = self.random.sample(steps, self.random.randint(1, min(2, len(steps))))
                step['depends_on'] = sorted(s['id'] for s in some)
            steps.append(step)
        return steps

    def graph(self, place, _size=None):
        """A chain, a diamond, or a choice whose branches join."""
        place = place.here(crowd=True)
        shape = self.random.choice(['chain', 'diamond', 'choice'])
        if shape == 'choice':
            first = {'id': self.id(), 'condition': self.condition(place)}
        else:
            first = self.plain(place)
        b, c = self.plain(place), self.plain(place)
        if shape == 'chain':
            first['next_steps'], b['next_steps'] = [b['id']], [c['id']]
            return [first, b, c]
        d = self.plain(place)
        first['next_steps'] = [b['id'], c['id']]
        b['next_steps'] = c['next_steps'] = [d['id']]
        return [first, b, c, d]

    def plain(self, place):
        """A step that is no conditional: in a graph that would be read as a choice of edges."""
        while True:
            step = self.step(place.here(known=()))
            if 'condition' not in step:
                return step

    # ---- steps ----
    def step(self, place):
        kinds = [(self.activity, 46), (self.leaf, 20)]
        if place.depth > 0:
            kinds += [(self.block, 9), (self.parallel, 8), (self.attempt, 9), (self.choice, 7), (self.loop, 7),
                      (self.race, 0 if place.mended else 5), (self.foreach, 7)]
        if place.subflows:
            kinds += [(self.subflow, 6), (self.map, 3)]
        step = self.pick(kinds)(place)
        if place.known and self.chance(8) and 'condition' not in step:
            step['when'] = self.condition(place)
        return step

    def condition(self, place):
        if place.known and self.chance(75):
            return f'.context.{self.random.choice(place.known)} == {self.random.randint(0, 1)}'
        return self.random.choice(['.input.n > 3', '.input.n < 3'])

    def fate(self, label, place, kinds):
        if not self.chance(35) or label in self.fates:
            return
        kind = self.pick([k for k in kinds if not (place.mended and k[0] in ('refuse', 'down', 'mute', 'stuck'))])
        if kind != 'well':
            self.fates[label] = kind

    def activity(self, place):
        name = self.id()
        step = self.shell(name, place) if self.chance(22) else self.http(name, place)
        if self.chance(8):
            step['retry'] = {**QUICK, 'max_attempts': 1}
            if 'breaker' in step:
                step['breaker']['failures'] = 1000
            for label in self.labels(step):  # one attempt: only what fails for good or works at once
                if self.fates.get(label) in ('flaky', 'lose', 'hang'):
                    del self.fates[label]
            env = (step.get('with') or step['script']).get('env', {})
            if env.get('FATE') == 'flaky':
                env['FATE'] = 'well'
        if self.chance(6):
            step['priority'] = self.random.choice(['low', 'high', 'critical'])
        return self.lenient(step, place)

    def labels(self, step):
        items = step.get('foreach', [1, 2, 3])
        if 'argv' in step.get('with', {}) or 'script' in step:
            text = (step.get('with') or step['script'])['env']['LABEL']
        else:
            text = step['with']['url'].split('/')[-1]
        return [text.replace('${ .item }', str(i)) for i in items] if '.item' in text else [text]

    def http(self, name, place):
        each = not place.item and self.chance(10)
        items = [1, 2, 3] if each or place.item else [None]
        label = name + ('.${ .item }' if each or place.item else '')
        step = {'id': name, 'call': 'http',
                'with': {'method': 'POST', 'url': '${ .input.shop }/' + label, 'body': {'order': '${ .run.id }'}},
                'breaker': {'service': name, 'failures': 1000}}
        if each:
            step['foreach'] = items
            step['parallel'] = self.random.randint(1, 3)
        for item in items:
            full = name if item is None else f'{name}.{item}'
            self.fate(full, place, [('flaky', 34), ('lose', 22), ('refuse', 14), ('down', 5), ('mute', 5), ('hang', 3),
                                    ('stuck', 2), ('slow', 15)])
            if self.fates.get(full) in ('hang', 'stuck'):
                step['timeout'] = f'{PATIENCE_MS}ms'
        fates = {self.fates.get(name if i is None else f'{name}.{i}') for i in items}
        if 'stuck' in fates:  # two attempts: other items work at once or never
            step['retry'] = {**QUICK, 'max_attempts': 2}
            for label in self.labels(step):
                if self.fates.get(label) in ('flaky', 'lose', 'hang'):
                    del self.fates[label]
        elif fates == {'flaky'} and self.chance(40):
            step['breaker'] = {'service': name, 'failures': 1, 'open_for': '40ms', 'successes': 1}
        if self.chance(65):
            step['compensation'] = {
                'call': 'http', 'retry': UNDO_RETRY, 'breaker': {'service': name + '.undo', 'failures': 1000},
                'with': {'method': 'POST', 'url': '${ $args.url }.undo',
                         'body': {'order': '${ .run.id }', 'of': '${ $out.body.action }'}}}
            for item in items:
                if self.chance(15):
                    undo = (name if item is None else f'{name}.{item}') + '.undo'
                    kind = self.pick([('flaky', 5), ('lose', 3), ('slow', 2), ('refuse', 0 if place.mended else 2)])
                    self.fates[undo] = kind
        return step

    def shell(self, name, place):
        self.shells = True
        label = name + ('.${ .item }' if place.item else '')
        items = [1, 2, 3] if place.item else [None]
        fates = [name if i is None else f'{name}.{i}' for i in items]
        env = {'LABEL': label, 'LEDGER': '${ .input.ledger }', 'FATE': 'well'}
        if self.chance(25) and not place.mended:
            env['FATE'] = self.pick([('flaky', 6), ('refuse', 3), ('hang', 1)])
            for full in fates:
                self.fates[full] = {'hang': 'stuck'}.get(env['FATE'], env['FATE'])
        step = {'id': name}
        if self.chance(50):
            step |= {'call': 'shell', 'with': {'argv': ['sh', '-c', SH], 'env': env, 'parse': 'json'}}
        else:
            step['script'] = {'language': 'sh', 'source': SH, 'env': env, 'parse': 'json'}
        if env['FATE'] == 'hang':
            step |= {'timeout': f'{PATIENCE_MS}ms', 'retry': {**QUICK, 'max_attempts': 2}}
        if self.chance(60):
            undo = {**env, 'LABEL': '${ $args.env.LABEL }.undo', 'FATE': 'well'}
            step['compensation'] = {'call': 'shell', 'retry': UNDO_RETRY,
                                    'with': {'argv': ['sh', '-c', SH], 'env': undo, 'parse': 'json'}}
        return step

    def lenient(self, step, place):
        """Now and then a failure of the step is let pass or has a fallback."""
        if self.chance(8):
            step['on_error'] = 'continue'
        elif self.chance(6) and 'foreach' not in step:
            step['on_error'] = {'fallback': self.http(self.id(), place)}
        if 'on_error' in step and 'breaker' in step:  # who has another way does not wait for an open breaker
            step['breaker']['failures'] = 1000
        return step

    def common(self, step, place):
        """Fields of a block."""
        if self.chance(25):
            step['saga'] = 'scope'
        catch_retries = any('retry' in c for c in step.get('catch', []))
        if self.chance(10) and not place.mended and not catch_retries:
            step['retry'] = {**QUICK, 'max_attempts': 2}
        return self.lenient(step, place)

    def leaf(self, place):
        name = self.id()
        kind = self.pick([('wait', 3), ('listen', 3), ('review', 3), ('set', 5), ('emit', 2),
                          ('raise', 0 if place.mended else 2)])
        if kind == 'wait':
            return {'id': name, 'wait': f'{self.random.choice([1, 20, 60, 150])}ms'}
        if kind == 'listen':
            sent = place.mended or self.chance(80)
            self.signals[f'g{name}'] = sent
            step = {'id': name, 'listen': {'signal': f'g{name}', **({} if sent else {'timeout': '80ms'})}}
            return self.lenient(step, place)
        if kind == 'review':
            return self.review(name, place)
        if kind == 'set':
            variable = f'v{name}'
            self.variables[variable] = None
            return {'id': name, 'set': {variable: self.random.randint(0, 1)}}
        if kind == 'emit':
            return {'id': name, 'emit': {'type': 'note', 'data': {'of': name}}}
        return self.lenient({'id': name, 'raise': {'type': self.random.choice(['odd.one', 'odd.two'])}}, place)

    def review(self, name, place):
        fate = 'approve' if place.mended else self.pick([('approve', 5), ('reject', 2), ('never', 2)])
        self.reviews[name] = fate
        step = {'id': name, 'type': 'human_review', 'reviewers': ['ann', 'bob'], 'data': {'action': name},
                'quorum': self.random.randint(1, 2), 'on_reject': self.random.choice(['fail', 'continue'])}
        if fate == 'never':
            step |= {'timeout': '80ms', 'on_timeout': self.random.choice(['reject', 'approve', 'escalate'])}
            if step['on_timeout'] == 'escalate':
                step['escalate_to'] = 'eve'
        return self.lenient(step, place)

    def block(self, place):
        shape = self.pick([(self.list, 6), (self.dag, 2), (self.graph, 2)])
        return self.common({'id': self.id(), 'type': 'sequential', 'steps': shape(place.inner())}, place)

    def parallel(self, place):
        inner = place.inner(crowd=True)
        return self.common({'id': self.id(), 'type': 'parallel',
                            'steps': [self.step(inner) for _ in range(self.random.randint(2, 3))]}, place)

    def attempt(self, place):
        step = {'id': self.id(), 'try': self.list(place.inner())}
        catches = []
        if self.chance(30):
            catches.append({'errors': [self.random.choice(['http.*', 'odd.one'])],
                            'retry': {**QUICK, 'max_attempts': 2}})
            if self.chance(50):
                catches[-1]['steps'] = self.list(place.inner())
        if self.chance(65):
            catches.append({'steps': self.list(place.inner())})
            if self.chance(40):
                catches[-1]['errors'] = [self.random.choice(['http.422', 'http.*', 'odd.*', 'shell.exit'])]
        if catches:
            step['catch'] = catches
        if not catches or self.chance(40):
            step['finally'] = self.list(place.inner(crowd=True), 1)
        return self.common(step, place)

    def choice(self, place):
        step = {'id': self.id()}
        if self.chance(50):
            step |= {'condition': self.condition(place), 'then': self.list(place.inner())}
            if self.chance(60):
                step['else'] = self.list(place.inner())
        else:
            step['switch'] = [{'when': self.condition(place), 'steps': self.list(place.inner())},
                              {'when': self.condition(place), 'steps': self.list(place.inner())}]
            if self.chance(60):
                step['switch'].append({'default': True, 'steps': self.list(place.inner())})
        return self.common(step, place)

    def loop(self, place):
        name = self.id()
        step = {'id': name, 'type': 'loop'}
        body = self.list(place.inner())
        if place.shared or place.mended or self.chance(40):
            step |= {'times': self.random.randint(0, 3), 'steps': body}
        else:
            variable = f'n{name}'
            self.variables[variable] = 0
            body.append({'id': self.id(), 'set': {variable: f'${{ .context.{variable} + 1 }}'}})
            limit = self.random.randint(1, 3)
            step |= {'while': f'.context.{variable} < {limit}'} if self.chance(50) else {
                'until': f'.context.{variable} >= {limit}'}
            step |= {'steps': body, 'max_iterations': self.random.choice([2, 5, 5])}
        return self.common(step, place)

    def foreach(self, place):
        if place.item:
            return self.activity(place)
        inner = place.inner(item=True, crowd=True, shared=True, subflows=False)
        step = {'id': self.id(), 'type': 'loop', 'foreach': self.random.choice([[1, 2, 3], [1, 2], [2]]),
                'parallel': self.random.randint(1, 3), 'steps': self.list(inner)}
        return self.lenient(step, place)

    def race(self, place):
        inner = place.inner(crowd=True)
        return self.common({'id': self.id(), 'race': [self.step(inner) for _ in range(2)]}, place)

    def subflow(self, place):
        step = {'id': self.id(), 'subflow': self.child(),
                'with': {'shop': '${ .input.shop }', 'ledger': '${ .input.ledger }', 'n': '${ .input.n }'}}
        if place.mended:
            return self.activity(place)
        return self.lenient(step, place)

    def map(self, place):
        name = self.id()
        first, second = f'{name}a', f'{name}b'
        for label in (first, second):
            self.fate(label, place, [('flaky', 5), ('lose', 3), ('refuse', 2)])

        def task(label):
            return ('{id: "' + label + '", call: "http", retry: {initial: "5ms", max_attempts: 6, jitter: "none"}, '
                    'breaker: {service: "' + label + '", failures: 1000}, with: {method: "POST", '
                    'url: (.input.shop + "/' + label + '"), body: {order: .run.id}}')
        return self.lenient({'id': name, 'map': {'tasks': '${ [' + task(first) + '}, ' + task(second) +
                                                          ', depends_on: ["' + first + '"]}] }'}}, place)

    # ---- a program that fails at first ----
    def break_one(self):
        """One of the top-level activities is refused until the world is mended."""
        name = self.id()
        step = self.http(name, Place(depth=0, mended=True))
        step.pop('on_error', None)
        for label in self.labels(step):
            self.fates[label] = 'refuse'
            self.mendable.add(label)
        self.steps.insert(self.random.randint(0, len(self.steps)), step)
        self.workflow = self.head('oracle', self.steps)
