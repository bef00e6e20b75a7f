"""What must be true once everything is over: the ways to look at a run agree with each other, and what the outside world
saw is one of the allowed ends."""
import collections
import itertools

from oracle import world
from oracle.reference import ordered

LAST = {'RunCompleted': ('completed',), 'RunFailed': ('failed', 'cancelled', 'terminated', 'timed_out', 'compensation_failed')}


def agreement(lived):
    """list, show, history, replay, doctor and verify tell the same; gives the view of each run."""
    rows = lived.runs()
    views = {}
    for run, row in rows.items():
        view = views[run] = lived.perdure('show', run, '--json', want=0).json
        for field in ('status', 'workflow', 'version', 'parent', 'started_at', 'updated_at', 'closed_at'):
            if view[field] != row[field]:
                raise world.Wrong(f'list and show differ in {field} of {run}: {row[field]} and {view[field]}')
        told(lived, run, view)
        lived.perdure('replay', run, want=0)
    lived.perdure('doctor', want=0)
    lived.perdure('store', 'verify', want=0)
    for run, key in lived.messages:
        events = lived.history(run)
        if not any(key in (e.get('sender_key'), e.get('id')) for e in events):
            raise world.Wrong(f'{run}: {key} was acknowledged, and is not in the history')
    return views


def told(lived, run, view):
    """A history that is whole, and tells the same as show."""
    events = lived.history(run)
    if [e['seq'] for e in events] != list(range(1, view['events'] + 1)):
        raise world.Wrong(f'{run}: the history has gaps, or show counts {view["events"]} and there are {len(events)}')
    last = events[-1]
    left = any(e['type'] == 'CompensationDone' and e.get('error') for e in events)  # and let pass: it is told all the same
    allowed = LAST.get(last['type'], ()) + (('compensation_failed',) if left else ())
    if view['status'] not in allowed:
        raise world.Wrong(f'{run} is {view["status"]}, and its history ends with {last["type"]}')
    if last['type'] == 'RunCompleted' and last.get('output') != view['output']:
        raise world.Wrong(f'{run}: show and history differ in the output: {view["output"]} and {last.get("output")}')
    if last['type'] == 'RunFailed' and (last.get('status'), last['error']['type']) != (view['status'], view['error']['type']):
        raise world.Wrong(f'{run}: show and history differ in how it failed: {view} and {last}')
    keys = [e['sender_key'] for e in events if e['type'] == 'SignalReceived']
    keys += [e['id'] for e in events if e['type'] == 'UpdateReceived']
    if twice := [k for k, n in collections.Counter(keys).items() if n > 1]:
        raise world.Wrong(f'{run}: applied twice: {twice}')
    opened = {step['path'] for step in view['steps'] if step['status'] in ('running', 'waiting')}
    if opened:
        raise world.Wrong(f'{run} is {view["status"]}, and steps are open: {opened}')


def outcome(lived, run, view, ends):
    """The allowed end that it came to."""
    shop, shell = lived.effects(run)
    keys = [(e['action'], e['key']) for e in lived.shop.effects()]
    if len(keys) != len(set(keys)) or not all(k for _, k in keys):
        raise world.Wrong('effects without a key of their own')
    for effect in lived.shop.effects():
        of = effect['body'].get('of', effect['action'][:-len('.undo')])
        if effect['action'].endswith('.undo') and of not in (None, effect['action'][:-len('.undo')]):
            raise world.Wrong(f'{effect["action"]} was given the result of {of}')
    updates = sum(e['argument'] for e in lived.history(run, 'UpdateReceived'))
    reasons = []
    for end in ends:
        why = differs(lived, view, end, collections.Counter(shop + shell), updates) or \
            out_of_order(end, (shop, shell), stopped=lived.stopped or lived.retries)
        if why is None:
            return end
        if why not in reasons:
            reasons.append(why)
    raise world.Wrong(f'{run} is {view["status"]} ({(view["error"] or {}).get("type")}) and came to none of the {len(ends)} '
                      'allowed ends:\n  ' + '\n  '.join(reasons[:12]))


def differs(lived, view, end, seen, updates):
    """Why this is not the end that it came to, or None."""
    status = view['status']
    natural = {end.status}
    if end.undo_unsure:
        natural.add('compensation_failed')
    stopped = lived.stopped and status in (lived.stopped, 'compensation_failed')
    if stopped and status == 'compensation_failed' and 'refuse' not in undo_fates(lived):
        return 'nothing refuses to be undone'
    if not stopped and status not in natural:
        return f'it should be {sorted(natural)}'
    if end.output is not None and not stopped:
        expected = {**end.output, 'context': {**end.output['context'], 'u': updates}}
        have = {**view['output'], 'context': {k: v for k, v in view['output']['context'].items() if k in expected['context']}}
        if have != expected:
            return f'output {have} instead of {expected}'
    elif not stopped and view['error']['type'] != end.error:
        return f'error {view["error"]["type"]} instead of {end.error}'
    return effects_differ(lived, end, seen, status if stopped else None)


def undo_fates(lived):
    return {fate for label, fate in lived.program.fates.items() if label.endswith('.undo')}


def effects_differ(lived, end, seen, stopped):
    by_label = collections.defaultdict(list)
    for effect in end.effects:
        by_label[effect.label].append(effect)
    known = set(by_label) | {label + '.undo' for label in by_label}
    if stray := set(seen) - known:
        return f'effects that nothing asked for: {sorted(stray)}'
    for label, effects in by_label.items():
        applied, undone = seen[label], seen[label + '.undo']
        least, most, undone_least, undone_most, may_stay = bounds(lived, effects, stopped)
        if not least <= applied <= most:
            return f'{label} took effect {applied} times instead of {least} to {most}'
        if not undone_least <= undone <= undone_most:
            return f'{label} was undone {undone} times instead of {undone_least} to {undone_most}'
        if applied - undone > may_stay:
            return f'{label} took effect {applied} times and was undone {undone} times; {may_stay} may stay'
    return None


def bounds(lived, effects, stopped):
    """Least and most often applied, the same for undone, and how many may stay."""
    most = sum(e.applied[1] for e in effects)
    undoable = any(e.undoable for e in effects)
    if stopped:
        gone = stopped != 'terminated' and undoable and not lived.program.pivots and not refused(lived, effects)
        return 0, most, 0, len(effects) if undoable else 0, 0 if gone else most
    if lived.retries:
        again = lived.retries + 1
        if not undoable:
            return sum(e.applied[0] for e in effects), most * again, 0, 0, most * again
        return sum(e.applied[0] for e in effects), most * again, 0, len(effects) * again, \
            sum(not e.must_go for e in effects if e.applied[1])
    return (sum(e.applied[0] for e in effects), most, sum(e.undone[0] for e in effects), sum(e.undone[1] for e in effects),
            sum(not e.must_go for e in effects if e.applied[1]))


def refused(lived, effects):
    return lived.program.fates.get(effects[0].label + '.undo') == 'refuse'


def out_of_order(end, ledgers, stopped):
    """Effects whose order the program fixes; what was stopped or retried is judged by its counts alone."""
    if stopped:
        return None
    paths = collections.defaultdict(list)
    for effect in end.effects:
        paths[effect.label].append(effect.path if effect.applied == (1, 1) else None)
        if effect.undone[1]:
            paths[effect.label + '.undo'].append(effect.undo_path if effect.undone == (1, 1) else None)
    for ledger in ledgers:
        placed = [(label, paths[label][0]) for label in ledger if len(paths[label]) == 1 and paths[label][0] is not None]
        for (a, path_a), (b, path_b) in itertools.combinations(placed, 2):
            if ordered(path_a, path_b) > 0:
                return f'{a} came before {b}: {[label for label, _ in placed]}'
    return None
