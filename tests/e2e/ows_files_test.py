"""Files of the Open Workflow Specification that refer to others: read once, part of the plan from then on."""
import unittest

import harness

HEAD = "document: {dsl: '1.0.3', namespace: test, name: NAME, version: '1.0.0'}\n"


class OtherFiles(harness.Case):
    def workflow(self, name, tasks):
        return self.write(f'flows/{name}.yaml', HEAD.replace('NAME', name) + f'do:\n{tasks}')

    def test_what_is_registered_does_not_change_with_its_files(self):
        function = self.write('flows/lib/greet.yaml', "set: {said: '${ \"hello \" + .name }'}\n")
        file = self.workflow('greet', '  - call: {call: ./lib/greet.yaml, with: {name: Ann}}\n')
        told = self.perdure('register', file, want=0)
        self.assertRegex(told.err, r'read lib/greet\.yaml, sha256 [0-9a-f]{64}')
        self.write('flows/lib/greet.yaml', 'raise: {error: {type: https://x.test, status: 500}}\n')
        self.perdure('run', 'test/greet', '--id', 'r1', want=harness.COMPLETED)
        self.assertEqual(self.show('r1')['output'], {'said': 'hello Ann'})
        # The file itself is another workflow now.
        self.perdure('run', file, '--id', 'r2', want=harness.FAILED)
        self.perdure('register', file, want=harness.FAILED)
        self.assertTrue(function)

    def test_scripts_and_schemas(self):
        self.write('flows/sum.py', 'import sys\nprint(sum(map(int, sys.argv[1:])))\n')
        self.write('flows/in.json', '{"type": "object", "required": ["n"]}')
        file = self.workflow('both', """
  - sum:
      input: {schema: {resource: {endpoint: in.json}}}
      run: {script: {language: python, source: {endpoint: ./sum.py}, arguments: ['${ .n }', '2']}}
""")
        self.run_file(file, 'r1', {'n': 3}, want=harness.COMPLETED)
        self.assertEqual(self.show('r1')['output'], '5\n')
        self.run_file(file, 'r2', {}, want=harness.FAILED)
        self.assertEqual(self.show('r2')['error']['status'], 400)

    def test_the_default_catalog(self):
        self.write('catalog/functions/up/1.0.0/function.yaml', "set: {up: '${ .name | ascii_upcase }'}\n")
        file = self.workflow('cataloged', "  - call: {call: 'up:1.0.0@default', with: {name: ann}}\n")
        refused = self.perdure('run', file, want=harness.INVALID)
        self.assertIn('PERDURE_CATALOG', refused.err)
        self.env['PERDURE_CATALOG'] = self.dir + '/catalog'
        self.perdure('run', file, '--id', 'r1', want=harness.COMPLETED)
        self.assertEqual(self.show('r1')['output'], {'up': 'ANN'})

    def test_what_can_not_be_read_is_told_with_its_place(self):
        self.write('flows/big.yaml', 'x: ' + 'a' * (5 << 20))
        for uri, told in (('./none.yaml', 'does not exist'), ('./big.yaml', 'larger than'), ('ftp://x.test/f', 'only https'),
                          ('http://x.test/f.yaml', 'over https'), ('https://127.0.0.1:1/f.yaml', '127.0.0.1')):
            refused = self.perdure('validate', self.workflow('bad', f"  - a: {{call: '{uri}'}}\n"), want=harness.INVALID)
            self.assertIn(told, refused.err)
            self.assertIn('bad.yaml:3:', refused.err)


if __name__ == '__main__':
    unittest.main()
