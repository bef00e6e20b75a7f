"""The reference: emit and listen."""
import json
import re

from reference_text import contained, moment


class Events:
    """Part of reference.Flow."""

    async def do_emit(self, task, dot, scope, at):
        document = self.definition['document']
        event = {'id': f'e-{next(self.ids)}', 'specversion': '1.0', 'time': moment()['iso8601'],
                 'source': '/{namespace}/{name}/{version}'.format(**document),
                 **self.value(task['emit']['event']['with'], dot, scope, at)}
        self.host.note('EventEmitted', at, event_type=event['type'])
        self.publish(event)
        return event, None

    def publish(self, event):
        self.waiting.append(event)
        self.host.arrived.set()

    async def do_listen(self, task, dot, scope, at):
        to, read = task['listen']['to'], task['listen'].get('read', 'data')
        known, output, inner = {}, [], scope
        mode = next(m for m in ('one', 'any', 'all') if m in to)
        wanted = list(to[mode]) if mode != 'one' else [to['one']]
        anything = mode == 'any' and not wanted
        if anything:
            self.waiting = []
        until = to.get('until')
        ending = None
        if isinstance(until, dict):
            way = next(m for m in ('one', 'any', 'all') if m in until)
            ending = [way, list(until[way]) if way != 'one' else [until['one']]]
        each = task.get('foreach', {})
        while True:
            event = await self.take(lambda e: (ending and self.first(ending[1], e, known, dot, scope, at)) or anything or
                                    self.first(wanted, e, known, dot, scope, at))
            stop = ending and self.first(ending[1], event, known, dot, scope, at)
            if stop:
                ending[1].remove(stop)
                if ending[0] != 'all' or not ending[1]:
                    return output, None
                continue
            item = {'data': lambda: event.get('data'), 'envelope': lambda: event,
                    'raw': lambda: json.dumps(event.get('data'), separators=(',', ':'))}[read]()
            if mode == 'all':
                wanted.remove(self.first(wanted, event, known, dot, scope, at))
            if each:
                inner = scope.with_(**{each.get('item', 'item'): item, each.get('at', 'index'): len(output)})
                item = await self.tasks(each.get('do', []), item, inner, f'{at}/foreach/do')
                if 'as' in each.get('output', {}):
                    item = self.shape(each['output']['as'], item, inner, at)
                self.export(each.get('export', {}), item, inner, at)
            output.append(item)
            if mode == 'one' or (mode == 'all' and not wanted) or (mode == 'any' and until is None):
                return output, None
            if isinstance(until, str) and self.holds(until, output, scope, at):
                return output, None

    async def take(self, matches):
        while True:
            for event in self.waiting:
                if matches(event):
                    self.waiting.remove(event)
                    return event
            self.host.arrived.clear()
            self.host.idle.set()
            await self.host.arrived.wait()

    def first(self, filters, event, known, dot, scope, at):
        for one in filters:
            if self.matches(one, event, known, dot, scope, at):
                return one
        return None

    def matches(self, one, event, known, dot, scope, at):
        for name, wanted in one['with'].items():
            if name not in event:
                return False
            found = event[name]
            if isinstance(wanted, str) and wanted.strip().startswith('${'):
                wanted = self.value(wanted, found, scope, at)
                if wanted is False or (wanted is not True and wanted != found):
                    return False
            elif isinstance(wanted, str) and isinstance(found, str):
                if wanted != found and not re.fullmatch(wanted, found):
                    return False
            elif not contained(wanted, found):
                return False
        for name, correlation in one.get('correlate', {}).items():
            found = self.expression(correlation['from'], event, scope, at)
            if found is None:
                return False
            expected = self.value(correlation['expect'], dot, scope, at) if 'expect' in correlation else known.get(name)
            if expected is not None and expected != found:
                return False
            known.setdefault(name, found)
        return True
