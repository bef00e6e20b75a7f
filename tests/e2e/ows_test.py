"""examples/ows: what Perdure adds to files of the Open Workflow Specification."""
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


if __name__ == '__main__':
    unittest.main()
