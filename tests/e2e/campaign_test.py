"""examples/campaign.yaml: approved, rejected, with a broken channel, and failing after all of it went out."""
import unittest

import harness

UNDO = {'draft': 'delete_draft', 'image': 'delete_image', 'send_email': 'recall_email', 'post_social': 'delete_social',
        'publish_blog': 'unpublish_blog', 'dashboard': 'delete_dashboard'}
CHANNELS = ['email', 'social', 'blog']


class Campaign(harness.Case):
    def setUp(self):
        super().setUp()
        self.shop = self.start_shop()

    def begin(self, name, channels=None):
        self.run_file('examples/campaign.yaml', name,
                      {'campaign': name, 'channels': channels or CHANNELS, 'api': self.shop.url}, want=harness.WAITING)
        self.assertEqual(self.show(name)['status'], 'waiting')

    def finish(self, name, want):
        return self.perdure('resume', name, want=want)

    def assert_nothing_left(self, name):
        """Every effect was undone by its own compensation, and in reverse between modules."""
        effects = self.shop.effects(name)
        undone = {e['body']['undoes'] for e in effects if 'undoes' in e['body']}
        forward = [e for e in effects if e['action'] in UNDO]
        self.assertEqual({e['id'] for e in forward}, undone)
        by_id = {e['id']: e for e in forward}
        for effect in effects:
            if 'undoes' in effect['body']:
                self.assertEqual(effect['action'], UNDO[by_id[effect['body']['undoes']]['action']])
        order = [by_id[e['body']['undoes']]['action'] for e in effects if 'undoes' in e['body']]
        rank = {'dashboard': 0, 'send_email': 1, 'post_social': 1, 'publish_blog': 1, 'image': 2, 'draft': 2}
        self.assertEqual([rank[a] for a in order], sorted(rank[a] for a in order), order)

    def test_approved_with_an_edit(self):
        self.begin('spring')
        self.assertEqual(sorted(self.shop.actions()), ['draft', 'image', 'image', 'image'])
        self.perdure('review', 'approve', 'spring', '--data', '{"headline": "Spring is here"}', '--as', 'marketing',
                     want=0)
        self.finish('spring', harness.COMPLETED)
        view = self.show('spring')
        self.assertEqual(view['output']['headline'], 'Spring is here')
        self.assertEqual(sorted(view['output']['sent']), sorted(CHANNELS))
        sent = [e for e in self.shop.effects() if e['action'] in ('send_email', 'post_social', 'publish_blog')]
        self.assertEqual({e['body']['headline'] for e in sent}, {'Spring is here'})
        self.assert_once_by_key(self.shop)
        self.assert_sound()

    def test_only_the_chosen_channels(self):
        self.begin('quiet', ['blog'])
        self.perdure('review', 'approve', 'quiet', '--as', 'marketing', want=0)
        self.finish('quiet', harness.COMPLETED)
        self.assertEqual(self.shop.actions(), ['draft', 'image', 'publish_blog', 'dashboard']
                         if self.shop.actions()[0] == 'draft' else ['image', 'draft', 'publish_blog', 'dashboard'])

    def test_one_broken_channel_does_not_fail_the_rest(self):
        self.shop.fail('post_social', 422)
        self.begin('broken')
        self.perdure('review', 'approve', 'broken', '--as', 'marketing', want=0)
        self.finish('broken', harness.COMPLETED)
        sent = self.show('broken')['output']['sent']
        self.assertIsNone(sent['social'])
        self.assertTrue(sent['email'] and sent['blog'])
        self.assertFalse([a for a in self.shop.actions() if a in UNDO.values()], 'nothing is undone')

    def test_rejected_takes_everything_back(self):
        self.begin('bad')
        self.perdure('review', 'reject', 'bad', '--comment', 'not now', '--as', 'marketing', want=0)
        self.finish('bad', harness.FAILED)
        self.assertEqual(self.show('bad')['error']['type'], 'review.rejected')
        self.assert_nothing_left('bad')

    def test_failing_at_the_end_takes_everything_back(self):
        self.shop.fail('dashboard', 422)
        self.begin('late')
        self.perdure('review', 'approve', 'late', '--as', 'marketing', want=0)
        self.finish('late', harness.FAILED)
        self.assert_nothing_left('late')
        self.assertEqual(len(self.shop.actions()), 14)

    def test_cancelled_while_waiting_takes_everything_back(self):
        self.begin('never')
        self.perdure('cancel', 'never', want=0)
        self.perdure('resume', 'never')
        self.assertEqual(self.show('never')['status'], 'cancelled')
        self.assert_nothing_left('never')

    def test_an_edit_that_does_not_fit_the_form_is_refused(self):
        self.begin('odd')
        refused = self.perdure('review', 'approve', 'odd', '--data', '{"headline": 7}', '--as', 'marketing')
        self.assertIn(refused.code, (harness.FAILED, harness.INVALID), str(refused))
        self.assertEqual(self.show('odd')['status'], 'waiting')


if __name__ == '__main__':
    unittest.main()
