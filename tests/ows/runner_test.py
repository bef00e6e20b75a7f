"""The runner itself: what it reads, what it finds equal, and that it sees a scenario fail."""
import json
import os
import subprocess
import sys
import tempfile
import textwrap
import unittest

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

import ctk
import gherkin
import service
import steps
import yaml12

# The runner does not care for the dialect of a definition.
FEATURE = '''
@all
Feature: Native
  A description.

  @one
  Scenario: <what> of the pair
    Given a workflow with definition:
    """yaml
    name: flow
    steps:
      - {id: first, set: {a: 1}}
      - {id: call, call: http, with: {url: "https://petstore.swagger.io/v2/pet/7"}}
      - {id: maybe, when: "false", set: {a: 2}}
      - {id: last, <last>}
    output: {id: "${ .steps.call.output.body.id }"}
    """
    When the workflow is executed
    Then <expectation>

    Examples:
      | what | last | expectation |
      | completion | wait: 20ms | the workflow should complete |
      | fault | raise: {type: bad, status: 418} | the workflow should fault |
      | time | wait: 20ms | the workflow should take at least 20 milliseconds |
      | first | wait: 20ms | first should run first |
      | last | wait: 20ms | last should run last |
      | order | wait: 20ms | call should run after first |
      | skipped | wait: 20ms | maybe should not run |
      | requests | wait: 20ms | the service should have received 1 request for 'GET /v2/pet/7' |
      | properties | wait: 20ms | the workflow output should have properties 'id' |
      | no_fault | wait: 20ms | the workflow should fault |
      | no_completion | raise: {type: bad, status: 418} | the workflow should complete |
      | no_refusal | wait: 20ms | the workflow should be refused |
      | no_run | wait: 20ms | maybe should complete |
      | no_order | wait: 20ms | first should run after call |
      | no_time | wait: 20ms | the workflow should take at most 1 milliseconds |
      | no_request | wait: 20ms | the service should have received 0 requests for 'GET /v2/pet/7' |
      | no_property | wait: 20ms | the workflow output should have properties 'id', 'name' |
      | no_count | wait: 20ms | first should run 2 times |
'''


class Reading(unittest.TestCase):
    def test_scenarios(self):
        found = gherkin.Parser(FEATURE, 'file').parse()
        self.assertEqual(len(found), 18)
        one = found[1]
        self.assertEqual(one.title, 'Native: <what> of the pair (fault, raise: {type: bad, status: 418}, the workflow should fault)')
        self.assertEqual(one.tags, {'@all', '@one'})
        self.assertTrue(one.steps[0].doc.startswith('name: flow\nsteps:\n  - {id: first'), one.steps[0].doc)
        self.assertIn('raise: {type: bad', one.steps[0].doc)
        self.assertEqual(one.steps[2].text, 'the workflow should fault')

    def test_an_unfinished_doc_string_is_an_error(self):
        with self.assertRaises(gherkin.GherkinError):
            gherkin.Parser('Feature: a\n  Scenario: b\n    Given a workflow with definition:\n    """yaml\n    a: 1\n', 'f').parse()

    def test_yaml_1_2(self):
        self.assertEqual(yaml12.load('{on: yes, a: 0o17, b: 1e3, c: ~, d: 2026-01-02, e: 012}'),
                         {'on': 'yes', 'a': 15, 'b': 1000.0, 'c': None, 'd': '2026-01-02', 'e': 12})
        with self.assertRaises(yaml12.yaml.YAMLError):
            yaml12.load('{a: 1, a: 2}')

    def test_every_step_of_the_kit_is_known(self):
        for text in ('the workflow should cancel', 'the workflow should fault with error:', 'do_it should cancel',
                     'do_it should complete with output:', 'do_it should fault with error:', 'given the workflow input is:',
                     "the workflow output should have an 'a.b' property containing 2 items"):
            self.assertTrue(steps.find(text), text)
        self.assertFalse(steps.find('the workflow should compleat'))


class Comparing(unittest.TestCase):
    def test_equality(self):
        self.assertTrue(steps.equal({'a': [1, 2.0]}, {'a': [1.0, 2]}))
        for one, other in ((1, True), (0, False), (0, None), ('1', 1), ([1], [1, 2]), ({'a': None}, {}), ('', None)):
            self.assertFalse(steps.equal(one, other), (one, other))

    def test_errors(self):
        actual = {'type': 'https://serverlessworkflow.io/spec/1.0.0/errors/timeout', 'status': 408}
        steps.check_error({'type': 'https://open-workflow-specification.org/dsl/errors/types/timeout', 'status': 408}, actual)
        for wrong in ({'type': 'https://serverlessworkflow.io/spec/1.0.0/errors/runtime'}, {'status': 500}, {'title': 'x'}):
            with self.assertRaises(steps.Failed):
                steps.check_error(wrong, actual)

    def test_paths(self):
        self.assertEqual(steps.member({'a': [{'b': None}]}, 'a.0.b'), (True, None))
        self.assertEqual(steps.member({'a': []}, 'a.0.b'), (False, None))
        for path in ('a.b', 'a[0].b[12]', '/do/0/b', 'b'):
            self.assertEqual(steps.task_name(path), 'b')


class Services(unittest.TestCase):
    def ask(self, target, host='service.test', method='GET', **headers):
        return self.services.answer(service.Request(host, method, target, headers, b''))

    def setUp(self):
        self.services = service.Services()

    def test_the_pets(self):
        host = 'petstore.swagger.io'
        self.assertEqual(json.loads(self.ask('/v2/pet/7', host).body)['id'], 7)
        self.assertEqual(self.ask('/v2/pet/getPetByName/Milou', host).status, 404)
        self.assertEqual({p['status'] for p in json.loads(self.ask('/v2/pet/findByStatus?status=sold', host).body)}, {'sold'})

    def test_credentials(self):
        self.assertEqual(self.ask('/basic-auth/a/b', 'httpbin.org').status, 401)
        self.assertEqual(self.ask('/basic-auth/a/b', 'httpbin.org', authorization='Basic YTpi').status, 200)
        self.assertEqual(self.ask('/protected').status, 401)

    def test_a_repeated_call_is_answered_alike(self):
        first = self.ask('/flaky/a?fail=1', **{'idempotency-key': 'k'})
        self.assertEqual((first.status, self.ask('/flaky/a?fail=1', **{'idempotency-key': 'k'}).status), (503, 503))
        self.assertEqual(self.ask('/flaky/a?fail=1', **{'idempotency-key': 'l'}).status, 200)
        self.assertEqual(self.services.count('GET', '/flaky/a'), 2)


class Running(unittest.TestCase):
    def run_ctk(self, *words):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, 'a.feature'), 'w', encoding='utf-8') as file:
                file.write(textwrap.dedent(FEATURE))
            done = subprocess.run([sys.executable, '-B', ctk.__file__, folder, *words], stdout=subprocess.PIPE, text=True,
                                  stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    def check(self, *words):
        code, out = self.run_ctk('--jobs', '1', *words)
        lines = out.splitlines()
        self.assertEqual((code, lines[-1]), (1, '9 passed, 9 failed'), out)
        for line in lines:
            if line.startswith(('ok ', 'FAILED ')):
                self.assertEqual('(no_' in line, line.startswith('FAILED'), out)

    def test_in_a_private_network(self):
        self.check()

    def test_with_the_hosts_led_here(self):
        self.check('--no-sandbox')

    def test_killed_everywhere(self):
        code, out = self.run_ctk('--kill-everywhere', '--only', r'\((completion|fault|no_fault)')
        self.assertEqual((code, out.splitlines()[-1]), (1, '2 passed, 1 failed'), out)
        self.assertRegex(out, r'ok .*killed \d\d+ times')


if __name__ == '__main__':
    unittest.main()
