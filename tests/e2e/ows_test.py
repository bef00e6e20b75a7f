"""Files of the Open Workflow Specification through the command line: people who decide, lifecycle events."""
import json
import unittest

import harness


class Approval(harness.Case):
    def buy(self, run_id, price, want):
        return self.run_file('examples/ows/approval.yaml', run_id, {'item': 'desk', 'price': price}, want=want)

    def test_what_is_cheap_is_bought_at_once(self):
        self.buy('lamp', 20, harness.COMPLETED)
        self.assertEqual(self.show('lamp')['output'], {'bought': True, 'item': 'desk', 'price': 20})

    def test_a_reviewer_edits_and_approves(self):
        self.buy('desk', 420, harness.WAITING)
        refused = self.perdure('review', 'approve', 'desk', '--data', '{"price": "low"}', '--as', 'ann')
        self.assertEqual(refused.code, harness.INVALID)
        self.assertIn('price', refused.err)
        self.perdure('review', 'approve', 'desk', '--data', '{"price": 400}', '--as', 'ann', want=0)
        self.perdure('resume', 'desk', want=harness.COMPLETED)
        self.assertEqual(self.show('desk')['output'], {'bought': True, 'item': 'desk', 'price': 400})

    def test_only_a_reviewer_decides(self):
        self.buy('desk', 420, harness.WAITING)
        refused = self.perdure('review', 'approve', 'desk', '--as', 'eve')
        self.assertNotEqual(refused.code, 0)
        self.assertIn('eve', refused.err)

    def test_a_rejection_is_an_error_that_is_caught(self):
        self.buy('desk', 420, harness.WAITING)
        self.perdure('review', 'reject', 'desk', '--comment', 'too dear', '--as', 'bob', want=0)
        self.perdure('resume', 'desk', want=harness.COMPLETED)
        self.assertEqual(self.show('desk')['output'], {'bought': False, 'why': 'too dear'})


class Examples(harness.Case):
    def test_an_order_is_undone_in_reverse(self):
        shop = self.start_shop()
        given = {'order': 'o-1', 'sku': 'lamp', 'amount': 40, 'shop': shop.url}
        self.run_file('examples/ows/order_saga.yaml', 'well', given, want=harness.COMPLETED)
        self.assertEqual(shop.actions(), ['reserve', 'charge', 'ship'])
        self.assertEqual(self.show('well')['output'], {'order': 'o-1', 'shipment': 'ship-3'})
        shop.restore(([], []))
        shop.fail('charge', 503, times=2)  # ridden out
        shop.fail('ship', 422)
        self.run_file('examples/ows/order_saga.yaml', 'badly', given, want=harness.FAILED)
        self.assertEqual(shop.actions(), ['reserve', 'charge', 'refund', 'release'])
        self.assertEqual(self.show('badly')['compensation'], 'complete')
        self.assert_once_by_key(shop)
        self.assert_sound()

    def test_readings_are_judged(self):
        readings = [{'room': 'hall', 'celsius': 21}, {'room': 'attic', 'celsius': 34}]
        self.run_file('examples/ows/temperatures.yaml', 'hot', {'readings': readings}, want=harness.COMPLETED)
        self.assertEqual(self.show('hot')['output'],
                         {'mean': 27.5, 'hot': ['ATTIC'], 'warning': 'too hot in ATTIC'})
        self.run_file('examples/ows/temperatures.yaml', 'cool', {'readings': readings[:1]}, want=harness.COMPLETED)
        self.assertEqual(self.show('cool')['output'], {'mean': 21, 'hot': []})


LIFECYCLE = """
document: {dsl: '1.0.3', namespace: shop, name: orders, version: '1.2.0'}
do:
  - prepare: {set: {n: 1}}
  - retried:
      try:
        - fails:
            run: {shell: {command: 'test -f "$1" || { touch "$1"; exit 3; }', arguments: ['${ .file }']}}
            if: .n == 1
            input: {from: '{file: $workflow.input.file}'}
      catch:
        retry: {limit: {attempt: {count: 2}}}
  - paid:
      listen: {to: {one: {with: {type: paid}, correlate: {order: {from: .data.order}}}}}
  - bad:
      raise: {error: {type: 'https://shop.test/late', status: 418, title: Late}}
"""

EXPECTED = """
workflow.started
/do/0/prepare created started completed
/do/1/retried created started
/do/1/retried/try/0/fails created started faulted
/do/1/retried retried
/do/1/retried/try/0/fails created started completed
/do/1/retried completed
/do/2/paid created started
workflow.correlation-started
workflow.suspended
/do/2/paid suspended
workflow.resumed
/do/2/paid resumed
workflow.correlation-completed
/do/2/paid completed
/do/3/bad created started faulted
workflow.faulted
"""


class Lifecycle(harness.Case):
    def events(self, run_id):
        out = self.perdure('history', run_id, '--cloudevents', want=0).out
        return [json.loads(line) for line in out.splitlines()]

    def test_every_change_is_a_cloud_event(self):
        self.run_file(self.write('orders.yaml', LIFECYCLE), 'o1', {'file': self.dir + '/once'}, want=harness.WAITING)
        self.perdure('pause', 'o1')
        self.perdure('resume', 'o1', want=harness.WAITING)
        self.perdure('emit', json.dumps({'type': 'paid', 'data': {'order': 7}}))
        events = self.events('o1')
        said, last = [], None
        for event in events:
            self.assertEqual((event['specversion'], event['source'], event['subject']),
                             ('1.0', '/shop/orders/1.2.0', 'o1'))
            of, what, version = event['type'].removeprefix('io.serverlessworkflow.').rsplit('.', 2)
            self.assertEqual(version, 'v1')
            self.assertIn(event['time'], event['data'].values())
            if of == 'workflow':
                self.assertEqual(event['data']['name'], 'orders-o1.shop')
                said.append(f'workflow.{what}')
            elif event['data']['task'] == last:
                said[-1] += ' ' + what
            else:
                said.append(f"{event['data']['task']} {what}")
            last = event['data'].get('task')
        self.assertEqual('\n'.join(said), EXPECTED.strip())
        data = {event['type'].split('.', 2)[2]: event['data'] for event in events}
        self.assertEqual(data['workflow.started.v1']['definition'],
                         {'name': 'orders', 'namespace': 'shop', 'version': '1.2.0'})
        self.assertEqual(data['workflow.correlation-completed.v1']['correlationKeys'], {'order': 7})
        error = {'type': 'https://shop.test/late', 'status': 418, 'title': 'Late', 'instance': '/do/3/bad'}
        self.assertEqual(data['workflow.faulted.v1']['error'], error)
        self.assertEqual(data['task.faulted.v1']['error'], error)
        self.assertEqual(len({event['id'] for event in events}), len(events))
        self.assertEqual(self.events('o1'), events)  # made of the history: the same each time

    def test_of_the_native_dialect_too(self):
        self.run_file('examples/hello.yaml', 'hi', {}, want=harness.COMPLETED)
        events = self.events('hi')
        self.assertEqual(events[-1]['type'], 'io.serverlessworkflow.workflow.completed.v1')
        self.assertEqual(events[-1]['data']['output'], self.show('hi')['output'])


if __name__ == '__main__':
    unittest.main()
