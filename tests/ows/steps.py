"""What the steps of the scenarios mean: those of the kit's README, and our own (conformance/ows/README.md)."""
import datetime
import json
import os
import re

import yaml12
from binary import REFUSED, WAITING

FAULTED = ('failed', 'timed_out', 'compensation_failed')
CANCELLED = ('cancelled', 'terminated')
ERROR_ID = re.compile(r'^https?://(?:www\.)?(?:open-workflow-specification\.org|serverlessworkflow\.io)/'
                      r'(?:spec/1\.0\.\d+/errors|dsl/errors/types)/([\w-]+)$')
DEFINITIONS = []


class Failed(Exception):
    """The scenario's expectation does not hold."""


def step(pattern):
    def remember(function):
        DEFINITIONS.append((re.compile(f'^(?:{pattern})$'), function))
        return function
    return remember


def find(text):
    """The step definition of `text` and its arguments; None if there is none."""
    for pattern, function in DEFINITIONS:
        match = pattern.match(text)
        if match:
            return function, match.groups()
    return None


def words(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def equal(expected, actual):
    """Equality of JSON values: 1 is 1.0, true is not 1."""
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, dict) and isinstance(actual, dict):
        return expected.keys() == actual.keys() and all(equal(v, actual[k]) for k, v in expected.items())
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(map(equal, expected, actual))
    return expected == actual and isinstance(expected, str) == isinstance(actual, str)


def error_type(uri):
    match = ERROR_ID.match(uri or '')
    return match[1] if match else uri


def check_error(expected, actual):
    for name, value in (expected or {}).items():
        found = (actual or {}).get(name)
        same = error_type(value) == error_type(found) if name == 'type' else equal(value, found)
        if not same:
            raise Failed(f'the error\'s {name} should be {words(value)}, is {words(found)}, in {words(actual)}')


def member(value, path):
    """(found, value) of a dotted path; a number is an index of a list."""
    for name in path.split('.'):
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return False, None
    return True, value


def at_ms(text):
    return datetime.datetime.fromisoformat(text.replace('Z', '+00:00')).timestamp() * 1000


class Task:
    """What the history says of one task, all its executions together."""

    def __init__(self, name):
        self.name, self.starts, self.ends = name, [], []  # sequence numbers; (how, payload)


def task_name(path):
    return re.sub(r'(\[\d+\])+$', '', path.rpartition('/')[2].rpartition('.')[2])


class World:
    """One scenario in the making."""

    def __init__(self, binary, services, kit, killing):
        self.binary, self.services, self.kit, self.killing = binary, services, kit, killing
        self.definition, self.input, self.expects_events = None, {}, False
        self.registered = self.published = 0
        self.result = self.events = None

    def state(self):
        if self.binary.last is None:
            raise Failed('the workflow was not executed')
        if self.binary.last.code == REFUSED:
            raise Failed(f'refused: {self.binary.last}')
        if self.result is None:
            self.result = self.binary.show()
        return self.result

    def ended(self, statuses, what):
        state = self.state()
        if state['status'] not in statuses:
            raise Failed(f'the workflow should {what}, is {state["status"]}: error {words(state.get("error"))}, '
                         f'output {words(state.get("output"))}, waits for {words(state.get("waiting_for"))}')
        return state

    def output(self):
        return self.ended(('completed',), 'complete').get('output')

    def property(self, path):
        found, value = member(self.output(), path)
        if not found:
            raise Failed(f'the output has no property {path}: {words(self.output())}')
        return value

    def history(self):
        if self.events is None:
            self.events = self.binary.history()
        return self.events

    def tasks(self):
        tasks, frames, results = {}, {}, {}
        for event in self.history():
            path, kind = event.get('step_path'), event['type']
            if path is None:
                continue
            task = tasks.setdefault(task_name(path), Task(task_name(path)))
            if kind in ('StepStarted', 'ActivityScheduled') and event.get('role', 'step') == 'step':
                if kind == 'StepStarted' or frames.get(event.get('frame')) != path:  # not again when it leaves the queue
                    task.starts.append(event['seq'])
                frames[event.get('frame')] = path if kind == 'StepStarted' else None
            elif kind == 'ActivityCompleted':
                results[path] = event.get('result')
            elif kind == 'StepCompleted':
                task.ends.append(('complete', event['output'] if 'output' in event else results.get(path)))
            elif kind == 'StepFailed':
                task.ends.append(('fault', event.get('error')))
            elif kind in ('StepCancelled', 'ActivityCancelled'):
                task.ends.append(('cancel', None))
        return {name: task for name, task in tasks.items() if task.starts}

    def task(self, name):
        tasks = self.tasks()
        if name not in tasks:
            raise Failed(f'{name} did not run; those that ran: {", ".join(tasks)}')
        return tasks[name]


# -- arrange ---------------------------------------------------------------------------------------------------------

@step('a workflow with definition:')
def _(world, doc):
    world.definition = doc


@step("the official example '([^']+)'")
def _(world, doc, name):
    with open(os.path.join(world.kit, 'examples', name), encoding='utf-8') as file:
        world.definition = file.read()


@step('(?:given )?the workflow input is:')
def _(world, doc):
    world.input = yaml12.load(doc)


@step('(?:given )?a registered workflow with definition:')
def _(world, doc):
    world.registered += 1
    world.binary.register(doc, world.registered)


@step('(?:given )?the secrets are:')
def _(world, doc):
    world.binary.secrets = yaml12.load(doc)


# -- act -------------------------------------------------------------------------------------------------------------

@step('the workflow is executed')
def _(world, doc):
    world.binary.run(world.definition, world.input, to_end=not world.expects_events)


@step('the workflow is checked')
def _(world, doc):
    world.binary.last = world.binary.validate(world.definition)


@step('the event is published:')
def _(world, doc):
    world.published += 1
    world.result = world.events = None
    world.expects_events -= 1
    outcome = world.binary.emit(yaml12.load(doc), world.published, to_end=not world.expects_events)
    if outcome.code not in (0, 1, WAITING):
        raise Failed(str(outcome))


@step('the workflow is cancelled')
def _(world, doc):
    world.result = world.events = None
    world.expects_events -= 1
    world.binary.cancel()


# -- assert: the workflow --------------------------------------------------------------------------------------------

@step('the workflow should complete')
def _(world, doc):
    world.output()


@step('the workflow should complete with output:')
def _(world, doc):
    expected, output = yaml12.load(doc), world.output()
    if not equal(expected, output):
        raise Failed(f'the output should be {words(expected)}, is {words(output)}')


@step('the workflow should cancel')
def _(world, doc):
    world.ended(CANCELLED, 'cancel')


@step('the workflow should fault')
def _(world, doc):
    world.ended(FAULTED, 'fault')


@step('the workflow should fault with error:')
def _(world, doc):
    check_error(yaml12.load(doc), world.ended(FAULTED, 'fault').get('error'))


@step('the error should have properties (.+)')
def _(world, doc, names):
    error = world.ended(FAULTED, 'fault').get('error') or {}
    for name in re.findall(r"'([^']+)'", names):
        if error.get(name) in (None, ''):
            raise Failed(f'the error has no {name}: {words(error)}')


@step("the error's '([^']+)' should match '(.+)'")
def _(world, doc, name, pattern):
    error = world.ended(FAULTED, 'fault').get('error') or {}
    if not re.search(pattern, str(error.get(name))):
        raise Failed(f'the error\'s {name} should match {pattern}: {words(error)}')


@step('the workflow should wait')
def _(world, doc):
    world.ended(('waiting', 'running'), 'wait')


@step('the workflow should be accepted')
def _(world, doc):
    if world.binary.last.code != 0:
        raise Failed(str(world.binary.last))


@step('the workflow should be refused')
def _(world, doc):
    if world.binary.last is None or world.binary.last.code != REFUSED:
        raise Failed(f'the workflow should be refused: {world.binary.last}')


@step("the workflow should be refused, naming '(.+)'")
def _(world, doc, text):
    outcome = world.binary.last
    if outcome is None or outcome.code != REFUSED:
        raise Failed(f'the workflow should be refused: {outcome}')
    if text.lower() not in (outcome.out + outcome.err).lower():
        raise Failed(f'the refusal should name {text}: {outcome}')


@step('the workflow output should have properties (.+)')
def _(world, doc, names):
    for path in re.findall(r"'([^']+)'", names):
        world.property(path)


@step("the workflow output should have an? '([^']+)' property with value:")
def _(world, doc, path):
    expected, value = yaml12.load(doc), world.property(path)
    same = error_type(expected) == error_type(value) if isinstance(expected, str) and isinstance(value, str) else \
        equal(expected, value)
    if not same:
        raise Failed(f'{path} should be {words(expected)}, is {words(value)}')


@step(r"the workflow output should have an? '([^']+)' property containing (\d+) items?")
def _(world, doc, path, count):
    value = world.property(path)
    if not isinstance(value, list | dict) or len(value) != int(count):
        raise Failed(f'{path} should have {count} items: {words(value)}')


@step("the workflow output should have an? '([^']+)' property matching '(.+)'")
def _(world, doc, path, pattern):
    value = world.property(path)
    if not re.search(pattern, value if isinstance(value, str) else words(value)):
        raise Failed(f'{path} should match {pattern}, is {words(value)}')


@step("the workflow output should not have an? '([^']+)' property")
def _(world, doc, path):
    if member(world.output(), path)[0]:
        raise Failed(f'the output has a property {path}: {words(world.output())}')


@step(r'the workflow should take at (least|most) (\d+) milliseconds')
def _(world, doc, which, limit):
    state = world.state()
    took = at_ms(state['closed_at']) - at_ms(state['started_at'])
    if which == 'least' and took < int(limit):
        raise Failed(f'the workflow took {took:.0f} ms, less than {limit}')
    if which == 'most' and took > int(limit) and not world.killing:
        raise Failed(f'the workflow took {took:.0f} ms, more than {limit}')


# -- assert: the tasks -----------------------------------------------------------------------------------------------

@step(r'(\w+) should run first')
def _(world, doc, name):
    first = min(world.tasks().values(), key=lambda t: t.starts[0])
    if first.name != world.task(name).name:
        raise Failed(f'{name} should run first, {first.name} did')


@step(r'(\w+) should run last')
def _(world, doc, name):
    last = max(world.tasks().values(), key=lambda t: t.starts[-1])
    if last.name != world.task(name).name:
        raise Failed(f'{name} should run last, {last.name} did')


@step(r'(\w+) should run (before|after) (\w+)')
def _(world, doc, one, which, other):
    if (world.task(one).starts[0] < world.task(other).starts[0]) != (which == 'before'):
        raise Failed(f'{one} should run {which} {other}')


@step(r'(\w+) should not run')
def _(world, doc, name):
    if name in world.tasks():
        raise Failed(f'{name} ran')


@step(r'(\w+) should run (\d+) times?')
def _(world, doc, name, count):
    if len(world.task(name).starts) != int(count):
        raise Failed(f'{name} ran {len(world.task(name).starts)} times, not {count}')


@step(r'(\w+) should (complete|cancel|fault)')
def _(world, doc, name, how):
    ends = [end for end, _ in world.task(name).ends]
    if not ends or ends[-1] != how:
        raise Failed(f'{name} should {how}, its ends are {ends}')


@step(r'(\w+) should complete with output:')
def _(world, doc, name):
    expected, ends = yaml12.load(doc), world.task(name).ends
    if not ends or ends[-1][0] != 'complete' or not equal(expected, ends[-1][1]):
        raise Failed(f'{name} should complete with {words(expected)}, its ends are {words(ends)}')


@step(r'(\w+) should fault with error:')
def _(world, doc, name):
    ends = world.task(name).ends
    if not ends or ends[-1][0] != 'fault':
        raise Failed(f'{name} should fault, its ends are {words(ends)}')
    check_error(yaml12.load(doc), ends[-1][1])


# -- assert: the world outside ---------------------------------------------------------------------------------------

@step(r"the service should have received (\d+) requests? for '(\w+) ([^']+)'")
def _(world, doc, count, method, path):
    found = world.services.count(method, path)
    if found != int(count):
        raise Failed(f'{method} {path} should come {count} times, came {found} times: {words(world.services.requests())}')


@step(r"(\d+) events? of type '([^']+)' should have been emitted")
def _(world, doc, count, kind):
    found = [e for e in world.history() if e['type'] == 'EventEmitted' and e.get('event_type') == kind]
    if len(found) != int(count):
        raise Failed(f'{count} events of type {kind} should have been emitted, {len(found)} were')
