"""Secrets through the command line: they reach those they are for, and are in nothing that stays or is shown."""
import base64
import http.server
import json
import os
import threading
import unittest
import urllib.parse

import harness

USER, PASSWORD, TOKEN, PIN = 'ann-of-accounts', 'correct-horse/battery+staple', 'tok_5f2b9c77e1', 4711


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers with all that it was told, as a careless service does."""
    protocol_version = 'HTTP/1.1'
    log, failing = [], 0

    def answer(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0)).decode()
        asked = {'path': self.path, 'headers': {k.lower(): v for k, v in self.headers.items()}, 'body': body}
        type(self).log.append(asked)
        failing, type(self).failing = type(self).failing, max(0, type(self).failing - 1)
        told = json.dumps({'echo': asked, 'again': body}).encode()
        self.send_response(503 if failing else 200, f'no {self.headers.get("Authorization")}' if failing else 'OK')
        self.send_header('Content-Type', 'application/json')
        self.send_header('X-Echo', self.headers.get('X-Key') or '-')
        self.send_header('Content-Length', str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


class Secrets(harness.Case):
    def setUp(self):
        super().setUp()
        Echo.log, Echo.failing = [], 0
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Echo)
        threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.url = f'http://127.0.0.1:{self.server.server_port}'
        self.secrets = self.write('secrets.yaml', json.dumps(
            {'login': {'username': USER, 'password': PASSWORD}, 'token': TOKEN, 'pin': PIN}))
        self.seen = ''

    def workflow(self, name, tasks, secrets='[login, token, pin]'):
        return self.write(f'{name}.yaml', f"document: {{dsl: '1.0.3', namespace: test, name: {name}, version: '1.0.0'}}\n"
                                          f'use: {{secrets: {secrets}}}\ndo:\n{tasks}')

    def perdure(self, *words, **more):
        outcome = super().perdure(*words, **more)
        self.seen += outcome.out + outcome.err
        return outcome

    def assert_secret(self, *runs):
        """No form of a value is in the store's files, nor in anything that a command says."""
        for run in runs:
            for look in (('show', run), ('history', run), ('show', run, '--json'), ('history', run, '--json'), ('list',),
                         ('export', run)):
                self.perdure(*look)
        values = [PASSWORD, USER, TOKEN, urllib.parse.quote(PASSWORD, safe=''),
                  *(base64.b64encode(v.encode()).decode().rstrip('=') for v in (PASSWORD, TOKEN, f'{USER}:{PASSWORD}'))]
        stored = b''
        for folder, _, files in os.walk(self.store):
            for file in files:
                with open(os.path.join(folder, file), 'rb') as content:
                    stored += content.read()
        self.assertGreater(len(stored), 1000)
        for value in values:
            self.assertNotIn(value, self.seen)
            self.assertNotIn(value.encode(), stored)
        self.assertNotIn(json.dumps(PIN), json.dumps([self.show(run).get('output') for run in runs]))

    CALL = """
  - call:
      input: {{from: {{pass: '${{ $secrets.login.password }}', name: '${{ .name }}'}}}}
      call: http
      with:
        method: post
        endpoint:
          uri: {url}/take?q=${{ $secrets.login.password }}
          authentication: {{basic: {{use: login}}}}
        headers: {{X-Key: 'Bearer ${{ $secrets.token }}', X-Made: '${{ "\\($secrets.token):x" | @base64 }}'}}
        body: {{pass: '${{ .pass }}', pin: '${{ $secrets.pin }}', whole: '${{ $secrets.login }}', name: '${{ .name }}'}}
"""

    def test_a_call_has_the_values_and_nothing_else_has(self):
        file = self.workflow('call', self.CALL.format(url=self.url))
        self.run_with(file, 'r1', want=harness.COMPLETED)
        asked = Echo.log[-1]
        body = json.loads(asked['body'])
        self.assertEqual(body, {'pass': PASSWORD, 'pin': PIN, 'whole': {'username': USER, 'password': PASSWORD}, 'name': 'n'})
        self.assertEqual(asked['headers']['x-key'], f'Bearer {TOKEN}')
        self.assertEqual(asked['headers']['x-made'], base64.b64encode(f'{TOKEN}:x'.encode()).decode())
        basic = base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()
        self.assertEqual(asked['headers']['authorization'], f'Basic {basic}')
        self.assertEqual(asked['path'], '/take?q=' + urllib.parse.quote(PASSWORD, safe=''))
        echo = self.show('r1')['output']['echo']
        self.assertEqual(echo['headers']['x-key'], '***')
        self.assertEqual(echo['body'].replace(' ', ''),
                         '{"pass":"***","pin":***,"whole":{"username":"***","password":"***"},"name":"n"}')
        self.assert_secret('r1')
        self.perdure('replay', 'r1', want=0)

    def run_with(self, file, run_id, *more, **options):
        return self.perdure('run', file, '--id', run_id, '--input', '{"name": "n"}', '--secret-file', self.secrets, *more,
                            **options)

    def test_expressions_hand_them_on_among_other_things(self):
        file = self.workflow('mixed', f"""
  - call:
      input: {{from: '. + {{pass: $secrets.login.password}}'}}
      call: http
      with:
        method: post
        endpoint: {self.url}/x
        headers: {{X-Key: '${{ "\\(.name) \\($secrets.token)" }}'}}
        body: '${{ {{name, pass, pin: $secrets.pin, user: ($context.user // $secrets.login.username)}} }}'
""")
        self.run_with(file, 'r1', want=harness.COMPLETED)
        self.assertEqual(json.loads(Echo.log[0]['body']), {'name': 'n', 'pass': PASSWORD, 'pin': PIN, 'user': USER})
        self.assertEqual(Echo.log[0]['headers']['x-key'], f'n {TOKEN}')
        self.assert_secret('r1')
        self.perdure('replay', 'r1', want=0)
        unlisted = self.workflow('unlisted', "  - a: {set: '${ . + {x: $secrets.other} }'}\n")
        self.run_with(unlisted, 'r2', want=harness.FAILED)
        self.assertEqual(self.show('r2')['error']['status'], 403)

    def test_failures_and_retries_say_nothing_either(self):
        Echo.failing = 2
        call = '\n'.join('      ' + line for line in self.CALL.format(url=self.url).splitlines())
        tried = f'  - tried:\n      try:{call}\n      catch: {{retry: {{limit: {{attempt: {{count: 3}}}}}}}}\n'
        self.run_with(self.workflow('tried', tried), 'r1', '--json', want=harness.COMPLETED)
        self.assertEqual(len(Echo.log), 3)
        Echo.failing = 1
        self.run_with(self.workflow('failed', self.CALL.format(url=self.url)), 'r2', want=harness.FAILED)
        self.assert_secret('r1', 'r2')

    def test_a_process_has_them_by_environment_and_not_by_arguments(self):
        shell = "  - say: {run: {shell: {command: 'printf %%s \"$KEY\"; cat', stdin: '${ $secrets.token }', environment: {KEY: '${ $secrets.login.password }'}}}}\n"
        self.run_with(self.workflow('env', shell.replace('%%', '%')), 'r1', want=harness.COMPLETED)
        self.assertEqual(self.show('r1')['output'], '******')
        argument = "  - say: {run: {shell: {command: 'echo \"$1\"', arguments: ['${ $secrets.token }']}}}\n"
        self.run_with(self.workflow('argv', argument), 'r2', want=harness.FAILED)
        error = self.show('r2')['error']
        self.assertEqual((error['status'], error['type'].rpartition('/')[2]), (403, 'authorization'))
        self.assert_secret('r1', 'r2')

    def test_a_run_waits_for_a_process_that_has_them(self):
        tasks = '  - first: {listen: {to: {one: {with: {type: go}}}}}\n' + self.CALL.format(url=self.url).lstrip('\n')
        file = self.workflow('waits', tasks.replace("name: '${ .name }'", 'name: n'))
        self.run_with(file, 'r1', want=harness.WAITING)
        self.perdure('emit', 'go', '--no-drive', want=0)
        refused = self.perdure('resume', 'r1', want=harness.INVALID)
        self.assertIn('PERDURE_SECRET_LOGIN', refused.err)
        self.assertIn("'token'", refused.err)
        self.assertEqual(Echo.log, [])
        self.perdure('resume', '--all', want=harness.FAILED)
        self.assertEqual(self.show('r1')['status'] in ('waiting', 'running'), True)
        self.perdure('resume', 'r1', '--secret-file', self.secrets, want=harness.COMPLETED)
        self.assertEqual(Echo.log[0]['headers']['x-key'], f'Bearer {TOKEN}')
        self.assert_secret('r1')

    def test_a_run_that_was_killed_goes_on_with_them(self):
        slow = "  - slow: {run: {shell: {command: 'sleep 30', environment: {KEY: '${ $secrets.token }'}}}}\n"
        file = self.workflow('slow', slow.replace('sleep 30', '[ -e again ] && printf %s "$KEY" || { touch again; sleep 30; }'))
        process = self.spawn('run', file, '--id', 'r1', '--secret-file', self.secrets)
        harness.until(lambda: os.path.exists(os.path.join(self.dir, 'again')), what='the process')
        process.kill()
        process.wait()
        self.perdure('resume', 'r1', want=harness.INVALID)
        self.perdure('resume', 'r1', '--secret-file', self.secrets, want=harness.COMPLETED)
        self.assertEqual(self.show('r1')['output'], '***')
        self.assert_secret('r1')

    def test_a_run_is_stopped_without_them(self):
        tasks = '  - first: {listen: {to: {one: {with: {type: go}}}}}\n' + self.CALL.format(url=self.url).lstrip('\n')
        file = self.workflow('waits', tasks)
        for run in ('r1', 'r2'):
            self.run_with(file, run, want=harness.WAITING)
        self.perdure('cancel', 'r1', want=0)
        self.assertEqual(self.show('r1')['status'], 'cancelled')
        self.perdure('terminate', 'r2', want=0)
        self.assertEqual(self.show('r2')['status'], 'terminated')

    def test_the_environment_gives_them_too(self):
        self.env.update(PERDURE_SECRET_TOKEN=TOKEN, PERDURE_SECRET_PIN=str(PIN),
                        PERDURE_SECRET_LOGIN=json.dumps({'username': USER, 'password': PASSWORD}))
        file = self.workflow('call', self.CALL.format(url=self.url))
        self.perdure('run', file, '--id', 'r1', '--input', '{"name": "n"}', want=harness.COMPLETED)
        self.assertEqual(Echo.log[0]['headers']['x-key'], f'Bearer {TOKEN}')
        self.assert_secret('r1')

    def test_files_of_assignments(self):
        file = self.workflow('one', '  - say: {run: {shell: {command: "cat", stdin: "${ $secrets.token }"}}}\n', '[token]')
        given = self.write('secrets.env', f'# of the team\nexport token="{TOKEN}"\nOTHER=x\n')
        self.perdure('run', file, '--id', 'r1', '--secret-file', given, want=harness.COMPLETED)
        for text in (f'token={TOKEN}\n{PASSWORD}\n', f'- {TOKEN}\n', f'token: "{TOKEN}\n', f'token={TOKEN}\ntoken=x\n'):
            bad = self.write('bad', text)
            self.perdure('run', file, '--secret-file', bad, want=harness.INVALID)
        self.assert_secret('r1')

    def test_what_failed_for_want_of_one_is_retried_with_it(self):
        file = self.workflow('call', self.CALL.format(url=self.url))
        started = self.perdure('run', file, '--id', 'r1', '--input', '{"name": "n"}', want=harness.FAILED)
        self.assertIn("'login'", started.err)
        self.assertEqual(self.show('r1')['error']['status'], 403)
        self.perdure('retry', 'r1', want=harness.INVALID)
        self.perdure('retry', 'r1', '--secret-file', self.secrets, want=harness.COMPLETED)
        self.assert_secret('r1')

    def test_a_restart_goes_on_with_what_was_set(self):
        tasks = "  - keep: {set: {token: '${ $secrets.token }'}}\n" + f"""
  - post:
      call: http
      with: {{method: post, endpoint: '{self.url}/x', headers: {{X-Key: '${{ .token }}'}}}}
"""
        self.run_with(self.workflow('again', tasks), 'r1', want=harness.COMPLETED)
        self.perdure('restart', 'r1', '--from', 'post', '--id', 'r2', '--secret-file', self.secrets, want=harness.COMPLETED)
        self.assertEqual([asked['headers']['x-key'] for asked in Echo.log], [TOKEN, TOKEN])
        self.assert_secret('r1', 'r2')

    def test_what_another_run_made_of_one_opens_nothing(self):
        """The mark that stands for a secret is of one run: data can't bring it into another."""
        keep = self.workflow('keep', "  - keep: {set: {mark: '${ $secrets.token }'}}\n", '[token]')
        self.run_with(keep, 'r1', want=harness.COMPLETED)
        mark = self.show('r1')['output']['mark']
        self.assertNotIn(TOKEN, mark)
        post = self.workflow('post', f"""
  - post:
      call: http
      with: {{method: post, endpoint: '{self.url}/x', body: '${{ .name }}', headers: {{X-Key: '${{ $secrets.token }}'}}}}
""", '[token]')
        self.perdure('run', post, '--id', 'r2', '--input', json.dumps({'name': mark}), '--secret-file', self.secrets,
                     want=harness.FAILED)
        self.assertEqual(Echo.log, [])
        self.assert_secret('r1', 'r2')

    def test_who_has_seen_a_mark_can_not_have_it_opened(self):
        tasks = "  - keep: {set: {token: '${ $secrets.token }'}}\n" + f"""
  - wait: {{listen: {{to: {{one: {{with: {{type: go}}}}}}}}}}
  - post:
      call: http
      with: {{method: post, endpoint: '{self.url}/x', body: '${{ .[0].say }}'}}
"""
        self.run_with(self.workflow('listens', tasks, '[token]'), 'r1', want=harness.WAITING)
        mark = next(e['output']['token'] for e in map(json.loads, self.perdure('history', 'r1', '--json').out.splitlines())
                    if e['type'] == 'StepCompleted')
        self.assertIn('secret', mark)
        self.perdure('emit', 'go', '--data', json.dumps({'say': f'tell me {mark}'}), '--secret-file', self.secrets, want=0)
        self.assertEqual(Echo.log[0]['body'], 'tell me ***')
        self.assert_secret('r1')

    def test_what_can_not_be_is_refused_when_the_file_is_read(self):
        for task, told in (("{set: {a: '${ .x + ($secrets.token | length) }'}}", 'computes with a secret'),
                           ("{if: '$secrets.token == \"x\"', set: {a: 1}}", 'can\'t be read here'),
                           ("{set: {a: '${ $secrets }'}}", 'which secret'),
                           ("{emit: {event: {with: {type: a, data: '${ $secrets.token }'}}}}", 'can\'t be read here'),
                           ("{raise: {error: {type: 'https://x.test', status: 400, title: '${ $secrets.token }'}}}",
                            'can\'t be read here')):
            file = self.workflow('bad', f'  - a: {task}\n')
            self.assertIn(told, self.perdure('validate', file, want=harness.INVALID).err)

    def test_the_native_dialect_reads_them_alike(self):
        text = f"""
name: native
secrets: [token]
steps:
  - id: post
    call: http
    with: {{method: POST, url: '{self.url}/n', headers: {{X-Key: 'Bearer ${{ $secrets.token }}'}}, body: {{a: 1}}}}
"""
        file = self.write('native.yaml', text)
        missing = self.perdure('run', file, want=harness.INVALID)
        self.assertIn('PERDURE_SECRET_TOKEN', missing.err)
        self.perdure('run', file, '--id', 'r1', '--secret-file', self.secrets, want=harness.COMPLETED)
        self.assertEqual(Echo.log[-1]['headers']['x-key'], f'Bearer {TOKEN}')
        self.assert_secret('r1')
        file = self.write('unlisted.yaml', text.replace('[token]', '[other]'))
        self.assertIn('is not listed', self.perdure('validate', file, want=harness.INVALID).err)


if __name__ == '__main__':
    unittest.main()
