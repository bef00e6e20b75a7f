"""The conformance scenarios, said in the native dialect: where `perdure convert` loses nothing, a run of the converted file ends
as that of the original, with the same output; and again when that is converted back."""
import json
import os
import re
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, 'tests/ows'), os.path.join(ROOT, 'conformance/ows')]

import ctk  # noqa: E402
import harness  # noqa: E402
import yaml12  # noqa: E402

# What needs the test's own services, other workflows, events or people is the suite's own business.
OUTSIDE = {'@http', '@https', '@events', '@subflow', '@refused', '@secrets', '@catalog'}
# Values that differ from run to run, or that the dialects spell differently (docs/convert.md).
DIFFERS = re.compile(r'definition|startedAt|\$runtime|uuid')


def scenarios():
    words = [os.path.join(ROOT, 'conformance/ows')]
    kit = os.path.join(ctk.KIT, 'ctk/features')
    for scenario in ctk.scenarios_of(ctk.arguments_of(words + ([kit] if os.path.isdir(kit) else []))):
        docs = {step.text.removeprefix('given '): step.doc for step in scenario.steps}
        text = docs.get('a workflow with definition:')
        if not text or OUTSIDE & set(scenario.tags) or 'a registered workflow with definition:' in docs:
            continue
        if re.search(r'call: |listen:|http', text) or DIFFERS.search(text) or 'the secrets are:' in docs:
            continue
        yield scenario, text, yaml12.load(docs.get('the workflow input is:') or '{}')


class Scenarios(harness.Case):
    def outcome(self, path, run_id, given):
        ended = self.perdure('run', path, '--id', run_id, '--input', json.dumps(given))
        if ended.code == harness.INVALID and 'input' in ended.err:
            return 'failed', None  # a bad input is refused there
        view = self.show(run_id)
        output = view.get('output')
        if isinstance(output, dict) and 'specversion' in output:  # an event: when, and its id
            output = {name: v for name, v in output.items() if name not in ('id', 'time')}
        return view['status'], output

    def test_what_is_converted_without_loss_does_the_same(self):
        compared = lost = 0
        for number, (scenario, text, given) in enumerate(scenarios()):
            with self.subTest(scenario.title):
                path = self.write(f'{number}.yaml', text)
                if self.perdure('validate', path).code != harness.COMPLETED:
                    continue
                made = self.perdure('convert', path)
                self.assertIn(made.code, (harness.COMPLETED, harness.FAILED), str(made))
                if made.code == harness.FAILED:
                    lost += 1
                    continue
                other = self.write(f'{number}.native.yaml', made.out)
                expected = self.outcome(path, f'{number}', given)
                self.assertEqual(self.outcome(other, f'{number}-native', given), expected, text + '\n\n' + made.out)
                back = self.perdure('convert', other)
                self.assertIn(back.code, (harness.COMPLETED, harness.FAILED), str(back))
                if back.code == harness.COMPLETED:
                    path = self.write(f'{number}.back.yaml', back.out)
                    self.assertEqual(self.outcome(path, f'{number}-back', given), expected, made.out + '\n\n' + back.out)
                compared += 1
        self.assertGreater(compared, 80, f'{lost} lose something')
        print(f'{compared} compared, {lost} lose something')


if __name__ == '__main__':
    unittest.main()
