"""examples/data_pipeline.yaml, research.yaml and release_notes.yaml over real files, a server and a repository."""
import json
import os
import subprocess
import unittest

import harness


class DataPipeline(harness.Case):
    def pipeline(self, run_id, want):
        return self.run_file('examples/data_pipeline.yaml', run_id,
                             {'dir': os.path.join(self.dir, 'sales'), 'report': os.path.join(self.dir, 'report.json')},
                             want=want)

    def test_sums_every_file(self):
        for n in range(1, 13):
            rows = ''.join(f'r{i},{n * i}\n' for i in range(1, 4))
            self.write(f'sales/part {n}.csv', 'region,amount\n' + rows)
        self.pipeline('sums', harness.COMPLETED)
        expected = {'files': 12, 'rows': 36, 'sum': sum(n * 6 for n in range(1, 13))}
        self.assertEqual(json.loads(self.read('report.json')), expected)
        self.assertEqual(self.show('sums')['output'], expected)

    def test_names_are_data_not_commands(self):
        self.write('sales/$(touch hacked);`touch hacked`.csv', 'region,amount\na,1\n')
        self.pipeline('names', harness.COMPLETED)
        self.assertEqual(json.loads(self.read('report.json'))['sum'], 1)
        self.assertFalse(os.path.exists(os.path.join(self.dir, 'hacked')))

    def test_an_empty_folder_fails_and_leaves_no_report(self):
        os.makedirs(os.path.join(self.dir, 'sales'))
        self.pipeline('empty', harness.FAILED)
        self.assertEqual(self.show('empty')['error']['type'], 'pipeline.empty')
        self.assertFalse(os.path.exists(os.path.join(self.dir, 'report.json')))


class Research(harness.Case):
    def setUp(self):
        super().setUp()
        self.shop = self.start_shop()

    def research(self, run_id, want, **more):
        return self.run_file('examples/research.yaml', run_id,
                             {'topic': 'tides', 'report': os.path.join(self.dir, 'report.md'),
                              'library': self.shop.url, **more}, want=want)

    def test_enough_is_found(self):
        self.research('found', harness.COMPLETED)
        report = self.read('report.md')
        self.assertTrue(report.startswith('# tides\n'))
        self.assertIn('- tides papers: finding 1', report)
        self.assertEqual(self.show('found')['output']['findings'], 6)

    def test_a_person_adds_what_is_missing(self):
        self.research('ask', harness.WAITING, enough=7)
        self.perdure('review', 'approve', 'ask', '--data', '{"title": "An old almanac"}', '--as', 'librarian', want=0)
        self.perdure('resume', 'ask', want=harness.COMPLETED)
        self.assertIn('- An old almanac (1)', self.read('report.md'))


class ReleaseNotes(harness.Case):
    def git(self, *words):
        subprocess.run(['git', '-C', os.path.join(self.dir, 'repo'), '-c', 'user.name=A', '-c', 'user.email=a@b.c',
                        '-c', 'commit.gpgsign=false', *words], check=True, capture_output=True)

    def setUp(self):
        super().setUp()
        os.makedirs(os.path.join(self.dir, 'repo'))
        self.git('init', '-q')
        for subject in ('Add the engine', 'Speed up "quotes" & ${things}'):
            self.git('commit', '-q', '--allow-empty', '-m', subject)
        self.git('tag', 'v1')
        for subject in ('Fix a leak', 'Add a door', 'Rename a room', 'fix the roof'):
            self.git('commit', '-q', '--allow-empty', '-m', subject)

    def notes(self, run_id, **more):
        self.run_file('examples/release_notes.yaml', run_id,
                      {'repo': os.path.join(self.dir, 'repo'), 'notes': os.path.join(self.dir, 'notes.md'), **more},
                      want=harness.COMPLETED)
        return self.read('notes.md')

    def test_since_a_tag(self):
        text = self.notes('since', since='v1')
        self.assertEqual([line for line in text.splitlines() if line.startswith('##')],
                         ['## Added', '## Changed', '## Fixed'])
        self.assertIn('- Fix a leak (', text)
        self.assertNotIn('engine', text)
        self.assertEqual(self.show('since')['output'], {'Added': 1, 'Changed': 1, 'Fixed': 2})

    def test_the_whole_history(self):
        text = self.notes('all')
        self.assertIn('- Add the engine (', text)
        self.assertIn('- Speed up "quotes" & ${things} (', text)


if __name__ == '__main__':
    unittest.main()
