"""A small reference of docs/ows.md: what a workflow means, without durability, speed or diagnostics. Expressions are jq's
own. It is what the expectations of our scenarios are held against (ctk.py --reference), so that a wrong one is not found by
the engine. Time is real; calls other than plain http are not there."""
import asyncio
import itertools
import re

import yaml12
from reference_calls import Calls
from reference_events import Events
from reference_text import End, Fault, NotThere, as_text, fault, jq, moment, parts, seconds

KINDS = ('call', 'fork', 'emit', 'for', 'listen', 'raise', 'run', 'set', 'switch', 'try', 'wait', 'do')
COMPOSITE = ('do', 'fork')


class Scope:
    """What an expression can see: variables, the enclosing task."""

    def __init__(self, variables=None, task=None):
        self.variables, self.task = variables or {}, task

    def with_(self, **more):
        return Scope({**self.variables, **more}, self.task)


class Flow(Events, Calls):
    """One run of a workflow."""

    def __init__(self, host, definition, value):
        self.host, self.definition, self.input = host, definition, value
        self.use = definition.get('use', {})
        self.loose = definition.get('evaluate', {}).get('mode') == 'loose'
        self.context, self.waiting, self.started = None, [], moment()
        self.ids = itertools.count(1)

    def fresh(self):
        return Scope()

    # -- expressions
    def variables(self, scope, **more):
        return {'context': self.context, 'secrets': self.host.secrets or {}, 'authorization': None,
                'workflow': {'id': 'run-1', 'definition': self.definition, 'input': self.input, 'startedAt': self.started},
                'runtime': {'name': 'reference', 'version': '1', 'metadata': {}}, 'task': scope.task, **scope.variables, **more}

    def expression(self, source, dot, scope, at, **more):
        parsed = parts(source.strip())
        if len(parsed) == 1 and parsed[0][0]:
            source = parsed[0][1]
        for name in re.findall(r'\$secrets\.(\w+)', source):
            if name not in self.use.get('secrets', []) or name not in (self.host.secrets or {}):
                raise fault('authorization', 403, at, 'no such secret')
        try:
            return jq(source, dot, self.variables(scope, **more))
        except ValueError as error:
            raise fault('expression', 400, at, 'expression', str(error)) from None

    def holds(self, source, *rest, **more):
        found = self.expression(source, *rest, **more)
        return found is not None and found is not False

    def value(self, value, dot, scope, at, **more):
        if isinstance(value, dict):
            return {k: self.value(v, dot, scope, at, **more) for k, v in value.items()}
        if isinstance(value, list):
            return [self.value(v, dot, scope, at, **more) for v in value]
        if not isinstance(value, str):
            return value
        found = parts(value.strip()) if '${' in value else []
        if len(found) == 1 and found[0][0]:
            return self.expression(found[0][1], dot, scope, at, **more)
        if any(e for e, _ in found):
            return ''.join(as_text(self.expression(t, dot, scope, at, **more)) if e else t for e, t in parts(value))
        if self.loose:
            try:
                return jq(value, dot, self.variables(scope, **more))
            except ValueError:
                return value
        return value.replace('$${', '${')

    def shape(self, value, *rest, **more):
        """`from` and `as`: a text is an expression, an object holds values."""
        return self.expression(value, *rest, **more) if isinstance(value, str) else self.value(value, *rest, **more)

    def duration(self, value, dot, scope, at):
        try:
            return seconds(self.value(value, dot, scope, at))
        except ValueError as error:
            raise fault('expression', 400, at, 'duration', str(error)) from None

    def check(self, schema, value, at):
        if schema is None:
            return
        import jsonschema
        if 'document' not in schema:
            raise NotThere('schemas of a resource')
        errors = list(jsonschema.Draft202012Validator(schema['document']).iter_errors(value))
        if errors:
            raise fault('validation', 400, at, 'validation', errors[0].message)

    # -- lists and tasks
    async def tasks(self, items, dot, scope, at):
        """A list, in order and as directives say. Returns what the last task gave."""
        names = [next(iter(item)) for item in items]
        i = 0
        while i < len(items):
            dot, then = await self.task(names[i], items[i][names[i]], dot, scope, f'{at}/{i}/{names[i]}')
            if then == 'exit':
                break
            i = i + 1 if then == 'continue' else names.index(then)
        return dot

    def described(self, name, task, raw, at):
        return {'name': name, 'reference': at, 'definition': task, 'input': raw, 'output': None, 'startedAt': moment()}

    async def task(self, name, task, raw, outer, at, extended=True):
        """Returns (output, directive); raises Fault and End."""
        scope = Scope(outer.variables, self.described(name, task, raw, at) if extended else outer.task)
        if 'if' in task and not self.holds(task['if'], raw, scope, at):
            return raw, 'continue'
        kind = next(k for k in KINDS if k in task)
        after = []
        if extended:
            stand_in = await self.before(kind, task, raw, scope, at, after)
            if stand_in is not None:
                return stand_in[0], task.get('then', 'continue')
        self.host.note('StepStarted', at, role='step')
        try:
            output, then = await self.staged(kind, task, raw, scope, at)
        except Fault as error:
            self.host.note('StepFailed', at, error=error.error)
            raise
        except asyncio.CancelledError:
            self.host.note('StepCancelled', at)
            raise
        except End as end:
            self.host.note('StepCompleted', at, output=end.output)
            raise
        self.host.note('StepCompleted', at, output=output)
        for items, where in reversed(after):
            await self.tasks_of_extension(items, output, scope, where)
        if then == 'end':
            raise End(output)
        return output, then

    async def before(self, kind, task, raw, scope, at, after):
        about = Scope(scope.variables, {**scope.task, **task})
        scope.task.update()
        for i, item in enumerate(self.use.get('extensions', [])):
            name, extension = next(iter(item.items()))
            group = 'composite' if kind in COMPOSITE else kind
            if extension['extend'] not in ('all', group):
                continue
            if 'when' in extension and not self.holds(extension['when'], raw, about, at):
                continue
            where = f'/use/extensions/{i}/{name}'
            after.append((extension.get('after', []), f'{where}/after'))
            dot = raw
            for j, entry in enumerate(extension.get('before', [])):
                inner, definition = next(iter(entry.items()))
                dot, then = await self.task(inner, definition, dot, about, f'{where}/before/{j}/{inner}', extended=False)
                if then == 'exit':
                    return (dot,)
        return None

    async def tasks_of_extension(self, items, dot, scope, where):
        about = Scope(scope.variables, {**scope.task, **scope.task['definition']})
        for j, entry in enumerate(items):
            inner, definition = next(iter(entry.items()))
            dot, then = await self.task(inner, definition, dot, about, f'{where}/{j}/{inner}', extended=False)
            if then == 'exit':
                break

    async def staged(self, kind, task, raw, scope, at):
        self.check(task.get('input', {}).get('schema'), raw, at)
        given = self.shape(task['input']['from'], raw, scope, at) if 'from' in task.get('input', {}) else raw
        scope.variables = {**scope.variables, 'input': given}
        then, ending = task.get('then', 'continue'), None
        work = getattr(self, f'do_{kind}')(task, given, scope, at)
        try:
            if 'timeout' in task:
                timeout = task['timeout']
                timeout = self.use['timeouts'][timeout] if isinstance(timeout, str) else timeout
                after = self.duration(timeout['after'], given, scope, at)
                try:
                    output, other = await asyncio.wait_for(work, after)
                except asyncio.TimeoutError:
                    raise fault('timeout', 408, at, 'timeout') from None
            else:
                output, other = await work
            then = other or then
        except End as end:
            output, ending = end.output, True
        scope.task = scope.task and {**scope.task, 'output': output}
        if 'as' in task.get('output', {}):
            output = self.shape(task['output']['as'], output, scope, at)
        self.check(task.get('output', {}).get('schema'), output, at)
        self.export(task.get('export', {}), output, scope, at)
        if ending:
            raise End(output)
        return output, then

    def export(self, export, output, scope, at):
        if 'as' in export:
            self.context = self.shape(export['as'], output, scope, at, output=output)
        self.check(export.get('schema'), self.context, at)

    # -- one kind of task each: (raw output, directive or None)
    async def do_set(self, task, dot, scope, at):
        return self.value(task['set'], dot, scope, at), None

    async def do_do(self, task, dot, scope, at):
        return await self.tasks(task['do'], dot, scope, f'{at}/do'), None

    async def do_wait(self, task, dot, scope, at):
        await asyncio.sleep(self.duration(task['wait'], dot, scope, at))
        return dot, None

    async def do_raise(self, task, dot, scope, at):
        error = task['raise']['error']
        error = self.use['errors'][error] if isinstance(error, str) else error
        raise Fault({**self.value(error, dot, scope, at), 'instance': at})

    async def do_switch(self, task, dot, scope, at):
        default = None
        for case in (next(iter(item.values())) for item in task['switch']):
            if 'when' not in case:
                default = case['then']
            elif self.holds(case['when'], dot, scope, at):
                return dot, case['then']
        return dot, default

    async def do_for(self, task, dot, scope, at):
        spec = task['for']
        items = self.shape(spec['in'], dot, scope, at)
        if not isinstance(items, list):
            raise fault('expression', 400, at, 'no list')
        for index, item in enumerate(items):
            inner = scope.with_(**{spec.get('each', 'item'): item, spec.get('at', 'index'): index})
            if 'while' in task and not self.holds(task['while'], dot, inner, at):
                break
            dot = await self.tasks(task['do'], dot, inner, f'{at}/do')
        return dot, None

    async def do_fork(self, task, dot, scope, at):
        fork = task['fork']

        async def branch(i, item):
            name, definition = next(iter(item.items()))
            return (await self.task(name, definition, dot, scope, f'{at}/fork/branches/{i}/{name}'))[0]
        running = [asyncio.ensure_future(branch(i, item)) for i, item in enumerate(fork['branches'])]
        pending, last = set(running), None
        try:
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for one in sorted(done, key=running.index):
                    error = one.exception()
                    if isinstance(error, Fault) and fork.get('compete'):
                        last = error
                    elif error:
                        raise error
                    elif fork.get('compete'):
                        return one.result(), None
        finally:
            for one in pending:
                one.cancel()
            await asyncio.gather(*pending, return_exceptions=True)
        if last:
            raise last
        return [one.result() for one in running], None

    async def do_try(self, task, dot, scope, at):
        catch = task['catch']
        policy = catch.get('retry')
        policy = self.use['retries'][policy] if isinstance(policy, str) else policy
        limit = (policy or {}).get('limit', {})
        loop, retries = asyncio.get_running_loop(), 0
        began = loop.time()
        while True:
            try:
                attempt = self.tasks(task['try'], dot, scope, f'{at}/try')
                if 'duration' in limit.get('attempt', {}):
                    try:
                        return await asyncio.wait_for(attempt, self.duration(limit['attempt']['duration'], dot, scope, at)), None
                    except asyncio.TimeoutError:
                        raise fault('timeout', 408, at, 'timeout') from None
                return await attempt, None
            except Fault as caught:
                error = caught.error
                inner = scope.with_(**{catch.get('as', 'error'): error})
                if not self.catches(catch, error, inner, at):
                    raise
                if policy and self.asks(policy, error, inner, at):
                    retries += 1
                    wait = self.backoff(policy, retries, dot, inner, at)
                    more = retries <= limit.get('attempt', {}).get('count', 10000)
                    if 'duration' in limit:
                        more = more and loop.time() + wait - began < self.duration(limit['duration'], dot, scope, at)
                    if more:
                        await asyncio.sleep(wait)
                        continue
                if policy and 'do' not in catch and 'then' not in catch:
                    raise
                if 'do' in catch:
                    dot = await self.tasks(catch['do'], dot, inner, f'{at}/catch/do')
                return dot, catch.get('then')

    def catches(self, catch, error, scope, at):
        for name, wanted in catch.get('errors', {}).get('with', {}).items():
            found = error.get(name)
            if name == 'type':
                wanted, found = self.host.error_type(wanted), self.host.error_type(found)
            if wanted != found:
                return False
        return self.asks(catch, error, scope, at)

    def asks(self, what, error, scope, at):
        if 'when' in what and not self.holds(what['when'], error, scope, at):
            return False
        return not ('exceptWhen' in what and self.holds(what['exceptWhen'], error, scope, at))

    def backoff(self, policy, n, dot, scope, at):
        delay = self.duration(policy['delay'], dot, scope, at) if 'delay' in policy else 0
        backoff = policy.get('backoff', {})
        delay *= n if 'linear' in backoff else 2 ** (n - 1) if 'exponential' in backoff else 1
        return delay + (self.duration(policy['jitter']['from'], dot, scope, at) if 'jitter' in policy else 0)

    # -- the workflow
    async def main(self):
        scope = Scope()
        spec = self.definition.get('input', {})
        self.check(spec.get('schema'), self.input, '/input')
        dot = self.shape(spec['from'], self.input, scope, '/input') if 'from' in spec else self.input
        self.context = dot
        timeout = self.definition.get('timeout')
        timeout = self.use['timeouts'][timeout] if isinstance(timeout, str) else timeout
        work = self.tasks(self.definition['do'], dot, scope, '/do')
        try:
            if timeout:
                try:
                    output = await asyncio.wait_for(work, self.duration(timeout['after'], dot, scope, '/timeout'))
                except asyncio.TimeoutError:
                    raise fault('timeout', 408, '/timeout', 'timeout') from None
            else:
                output = await work
        except End as end:
            output = end.output
        spec = self.definition.get('output', {})
        if 'as' in spec:
            output = self.shape(spec['as'], output, scope, '/output')
        self.check(spec.get('schema'), output, '/output')
        return output


class Outcome:
    def __init__(self, code):
        self.code, self.out, self.err = code, '', ''


class Reference:
    """In the place of binary.Binary."""

    def __init__(self, connect_to, error_type):
        self.connect_to, self.error_type = connect_to, error_type
        self.secrets = self.last = None
        self.workflows, self.events, self.result = [], [], {}
        self.loop = asyncio.new_event_loop()
        self.arrived, self.idle = asyncio.Event(), asyncio.Event()

    def address(self, parsed):
        if parsed.hostname in self.connect_to:
            return self.connect_to[parsed.hostname]
        return parsed.hostname, parsed.port or 80

    def note(self, kind, at, **more):
        self.events.append({'type': kind, 'seq': len(self.events) + 1, 'step_path': at, **more})

    def register(self, text, number):
        self.workflows.append(yaml12.load(text))

    def registered(self, wanted):
        found = [w for w in self.workflows if (w['document']['namespace'], w['document']['name']) == (wanted['namespace'], wanted['name'])]
        if wanted['version'] == 'latest':
            return max(found, key=lambda w: [int(n) for n in w['document']['version'].split('.')], default=None)
        return next((w for w in found if w['document']['version'] == wanted['version']), None)

    async def live(self, flow):
        try:
            self.result.update(status='completed', output=await flow.main())
        except Fault as error:
            self.result.update(status='failed', error=error.error)
        except asyncio.CancelledError:
            self.result.update(status='cancelled')
        self.result['closed_at'] = moment()['iso8601']
        self.idle.set()

    def until_idle(self):
        async def settle():
            while True:
                waiter = asyncio.ensure_future(self.idle.wait())
                await asyncio.wait({waiter, self.job}, return_when=asyncio.FIRST_COMPLETED)
                waiter.cancel()
                self.idle.clear()
                if self.job.done():
                    self.job.result()
                    return
                await asyncio.sleep(0.02)
                if self.expects_more and not self.arrived.is_set():
                    return
        self.loop.run_until_complete(settle())

    def run(self, definition, value, to_end):
        definition = yaml12.load(definition)
        self.result = {'status': 'waiting', 'started_at': moment()['iso8601'], 'output': None, 'error': None}
        self.flow, self.expects_more = Flow(self, definition, value), not to_end
        self.job = self.loop.create_task(self.live(self.flow))
        self.until_idle()
        self.last = Outcome(0)
        return self.last

    def emit(self, event, number, to_end):
        self.expects_more = not to_end or self.result['status'] == 'waiting'
        self.flow.publish({'id': f'event-{number}', 'source': 'https://test', 'specversion': '1.0', **event})
        if not self.job.done():
            self.until_idle()
        return Outcome(0)

    def cancel(self):
        self.job.cancel()
        self.loop.run_until_complete(asyncio.gather(self.job, return_exceptions=True))

    def show(self):
        return dict(self.result)

    def history(self):
        return list(self.events)
