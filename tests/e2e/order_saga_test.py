"""examples/order_saga.yaml fails at each step in turn and leaves no orphan."""
import unittest

import harness

FORWARD = ['reserve', 'charge', 'ship', 'confirm']
UNDO = {'reserve': 'release', 'charge': 'refund', 'ship': 'cancel_shipment'}


class OrderSaga(harness.Case):
    def setUp(self):
        super().setUp()
        self.shop = self.start_shop()

    def order(self, run_id, want):
        return self.run_file('examples/order_saga.yaml', run_id,
                             {'order': run_id, 'sku': 'lamp', 'amount': 40, 'shop': self.shop.url}, want=want)

    def test_completes(self):
        self.order('o-ok', harness.COMPLETED)
        self.assertEqual(self.shop.actions(), FORWARD)
        view = self.show('o-ok')
        self.assertEqual(view['status'], 'completed')
        self.assertEqual(view['output'], {'order': 'o-ok', 'shipment': 'ship-3'})
        self.assert_once_by_key(self.shop)

    def test_same_id_again_has_no_second_effect(self):
        self.order('o-twice', harness.COMPLETED)
        self.order('o-twice', harness.COMPLETED)
        self.assertEqual(self.shop.actions(), FORWARD)

    def test_failing_at_each_step_undoes_the_ones_before_in_reverse(self):
        for at, failing in enumerate(FORWARD):
            for status in (422, 503):  # refused at once; failing through all retries
                with self.subTest(failing, status=status):
                    self.shop.heal()
                    self.shop.fail(failing, status)
                    run_id = f'o-{failing}-{status}'
                    self.order(run_id, harness.FAILED)
                    done = FORWARD[:at]
                    # A 503 leaves open whether the step happened: it may be undone too, which the shop takes lightly.
                    undone = [UNDO[a] for a in reversed(done)]
                    actions = self.shop.actions(run_id)
                    if status == 503 and failing in UNDO and UNDO[failing] in actions:
                        undone.insert(0, UNDO[failing])
                    self.assertEqual(actions, done + undone)
                    view = self.show(run_id)
                    self.assertEqual(view['status'], 'failed')
                    self.assertEqual(view['error']['type'], f'http.{status}')
                    if undone:
                        self.assertEqual(view['compensation'], 'complete')
        self.assert_once_by_key(self.shop)
        self.assert_sound()

    def test_retries_ride_out_a_short_failure(self):
        for action in FORWARD:
            self.shop.fail(action, 503, times=2)
        self.order('o-flaky', harness.COMPLETED)
        self.assertEqual(self.shop.actions(), FORWARD)

    def test_a_lost_answer_is_asked_again_with_the_same_key(self):
        self.shop.lose_answer('charge', times=2)
        self.order('o-lost', harness.COMPLETED)
        self.assertEqual(self.shop.actions(), FORWARD)
        self.assertEqual(self.shop.effects()[1]['calls'], 3)

    def test_an_unknown_outcome_is_undone(self):
        self.shop.lose_answer('charge', times=-1)
        self.order('o-unknown', harness.FAILED)
        self.assertEqual(self.shop.actions(), ['reserve', 'charge', 'refund', 'release'])
        self.assertEqual(self.shop.effects()[2]['body']['amount'], 40, 'the compensation sees the arguments')

    def test_a_failing_compensation_is_reported_and_the_rest_go_on(self):
        self.shop.fail('ship', 422)
        self.shop.fail('refund', 422)
        self.order('o-repair', harness.FAILED)
        self.assertEqual(self.shop.actions(), ['reserve', 'charge', 'release'])
        view = self.show('o-repair')
        self.assertEqual(view['status'], 'compensation_failed')
        self.assertEqual([r['step'] for r in view['repair']], ['charge'])


if __name__ == '__main__':
    unittest.main()
