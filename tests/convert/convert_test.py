"""Files converted between the dialects do the same: every case is run as it is and as `perdure convert` says it, by the real
binary, and status, output and effects are compared. What is converted is a golden file beside the case.

PERDURE_REWRITE=1 writes the golden files anew: read the difference.
"""
import json
import os
import sys
import unittest

sys.path[:0] = [os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'ows')]

import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
CASES = os.path.join(HERE, 'cases')
SCHEMA = os.path.join(os.environ.get('PERDURE_OWS_DIR', os.path.join(harness.ROOT, '../shared/ows')),
                      'schema/workflow.yaml')
REWRITE = os.environ.get('PERDURE_REWRITE') == '1'


def cases():
    return sorted(f for f in os.listdir(CASES) if f.endswith('.yaml'))


def text_of(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def is_ows(text):
    return '\ndocument:' in '\n' + text


def inputs_of(text, shop):
    """The inputs of a case, one a line `# runs: JSON`."""
    lines = [line[len('# runs: '):] for line in text.split('\n') if line.startswith('# runs: ')]
    return [json.loads(line.replace('$SHOP', shop.url)) for line in lines]


class Convert(harness.Case):
    def converted(self, path, *words):
        made = self.perdure('convert', path, *words)
        self.assertIn(made.code, (harness.COMPLETED, harness.FAILED), str(made))
        return made

    def outcome(self, path, run_id, given, shop):
        """What counts as the same: the end, the output, and the effects in their order."""
        before = len(shop.effects())
        ended = self.run_file(path, run_id, given)
        self.assertNotEqual(ended.code, harness.INVALID, str(ended))
        view = self.show(run_id)
        effects = [(e['action'], e['subject'], e['body']) for e in shop.effects()[before:]]
        return {'status': view['status'], 'output': view.get('output'), 'effects': effects,
                'compensation': view.get('compensation')}

    def compare(self, name, faults=()):
        path = os.path.join(CASES, name)
        text = text_of(path)
        other = self.write(f'{name}.other.yaml', self.converted(path).out)
        back = self.write(f'{name}.back.yaml', self.converted(other).out)
        for file in (other, back):
            self.perdure('validate', file, want=harness.COMPLETED)
        shop = self.start_shop()
        for which, given in enumerate(inputs_of(text, shop)):
            results = []
            for file in (path, other, back):
                shop.restore(([], []))
                for fault in faults:
                    shop.fail(**fault)
                results.append(self.outcome(file, f'r{which}-{len(results)}-{os.path.basename(file)}', given, shop))
            self.assertEqual(results[1], results[0], f'{name}: converted')
            self.assertEqual(results[2], results[0], f'{name}: converted, and back')

    def test_converted_files_do_the_same(self):
        for name in cases():
            if '\n# runs: ' in '\n' + text_of(os.path.join(CASES, name)):
                with self.subTest(name):
                    self.compare(name)

    def test_what_fails_is_undone_in_the_same_way(self):
        for action in ('charge', 'ship', 'confirm'):
            for status in (422, 503):
                with self.subTest(action, status=status):
                    self.compare('orders.yaml', [{'action': action, 'status': status}])

    def test_golden(self):
        for name in cases():
            with self.subTest(name):
                made = self.converted(os.path.join(CASES, name))
                found = made.out + '--- findings\n' + made.err.replace(CASES + '/', '')
                golden = os.path.join(CASES, name + '.expected')
                if REWRITE:
                    with open(golden, 'w', encoding='utf-8') as file:
                        file.write(found)
                self.assertEqual(found, text_of(golden))

    def test_everything_there_is_converts_to_a_file_that_is_valid(self):
        folders = ('examples', 'examples/patterns', 'examples/ows', 'tests/loader', 'tests/convert/cases')
        count = 0
        for folder in folders:
            folder = os.path.join(harness.ROOT, folder)
            for name in sorted(os.listdir(folder) if os.path.isdir(folder) else ()):
                path = os.path.join(folder, name)
                if not name.endswith('.yaml') or self.perdure('validate', path).code != harness.COMPLETED:
                    continue
                with self.subTest(path):
                    count += 1
                    made = self.converted(path)
                    once = self.write('once.yaml', made.out)
                    self.perdure('validate', once, want=harness.COMPLETED)
                    self.check_schema(once)
                    self.assertEqual(self.perdure('convert', once, '--to', 'ows' if is_ows(made.out) else 'native').out,
                                     made.out)
        self.assertGreater(count, 20)

    def check_schema(self, path):
        """The official schema, where it and a validator are to be had."""
        text = text_of(path)
        if not is_ows(text) or not os.path.exists(SCHEMA):
            return
        try:
            import jsonschema
            import yaml12
        except ImportError:
            return
        import schema_check
        if not hasattr(Convert, 'validator'):
            Convert.validator = jsonschema.Draft202012Validator(yaml12.load(text_of(SCHEMA)))
        errors = list(Convert.validator.iter_errors(yaml12.load(text)))
        self.assertEqual([schema_check.why(e) for e in errors][:3], [])

    def test_the_overlay_schema_and_the_official_one_take_our_files(self):
        overlay = self.perdure('schema', 'ows', want=harness.COMPLETED).json
        if not os.path.exists(SCHEMA):
            return
        try:
            import jsonschema
            import referencing
            import yaml12
        except ImportError:
            return
        official = yaml12.load(text_of(SCHEMA))
        resource = referencing.Resource.from_contents(official)
        registry = referencing.Registry().with_resource(overlay['allOf'][0]['$ref'], resource)
        validator = jsonschema.Draft202012Validator(overlay, registry=registry)
        folder = os.path.join(harness.ROOT, 'examples/ows')
        files = [os.path.join(folder, f) for f in os.listdir(folder) if f.endswith('.yaml')]
        files += [os.path.join(CASES, f) for f in cases() if f.startswith('ows_')]
        self.assertGreater(len(files), 3)
        for path in files:
            with self.subTest(path):
                self.check_schema(path)
                self.assertEqual([e.message for e in validator.iter_errors(yaml12.load(text_of(path)))], [])
        slip = yaml12.load(text_of(os.path.join(CASES, 'ows_saga.yaml')).replace('dev/compensate', 'dev/compensat'))
        self.assertTrue(list(validator.iter_errors(slip)))

    def test_strict_writes_nothing_when_something_is_lost(self):
        path = self.write('lossy.yaml', 'name: x\nqueries: {a: .input}\nsteps: [{id: a, set: {b: 1}}]\n')
        into = os.path.join(self.dir, 'out.yaml')
        made = self.perdure('convert', path, '--strict', '-o', into, want=harness.FAILED)
        self.assertIn('lossy.yaml:2:1: lost: `queries`', made.err)
        self.assertFalse(os.path.exists(into))
        self.perdure('convert', path, '-o', into, want=harness.FAILED)
        self.assertTrue(os.path.exists(into))
        report = self.perdure('convert', path, '--json', want=harness.FAILED).json
        self.assertEqual([(f['line'], f['column'], f['lost']) for f in report['findings'] if f['lost']], [(2, 1, True)])
        self.assertIn('document:', report['text'])


if __name__ == '__main__':
    unittest.main()
