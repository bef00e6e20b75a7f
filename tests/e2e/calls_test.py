"""gRPC, AsyncAPI and containers from files of the Open Workflow Specification, against real servers and a real engine."""
import http.server
import json
import os
import shutil
import signal
import sys
import threading
import time
import unittest

import harness
import services

sys.path.append(os.path.join(harness.ROOT, 'tests/ows'))
import certificates  # noqa: E402

HEAD = "document: {dsl: '1.0.3', namespace: test, name: calls, version: '1.0.0'}\n"
PROTOS = os.path.join(harness.ROOT, 'conformance/ows/protos')


class Calls(harness.Case):
    def service(self, name, *arguments):
        service = services.Service(name, *arguments)
        self.addCleanup(service.close)
        return service

    def flow(self, text, run_id='r', want=harness.COMPLETED, inputs=None, **more):
        return self.run_file(self.write(f'{run_id}.yaml', HEAD + text), run_id, inputs, want=want, **more)

    def output(self, run_id='r'):
        return self.show(run_id)['output']

    def error(self, run_id='r'):
        return self.show(run_id)['error']


class Grpc(Calls):
    def setUp(self):
        super().setUp()
        self.grpc = self.service('grpc_service.py')
        shutil.copytree(PROTOS, os.path.join(self.dir, 'protos'))

    def call(self, method, arguments, run_id='r', port=None, **more):
        return self.flow(f"""
do:
  - call:
      call: grpc
      with:
        proto: {{endpoint: protos/greet.proto}}
        service: {{name: greet.Greeter, host: localhost, port: {port or self.grpc.port}}}
        method: {method}
        arguments: {json.dumps(arguments)}
""", run_id, **more)

    def test_a_message_goes_there_and_back(self):
        self.call('SayHello', {'person': {'firstName': 'Ann', 'titles': ['Dr.'], 'mood': 'MOOD_CALM'}, 'tags': {'a': 'b'},
                               'sentAt': '2026-01-02T03:04:05Z', 'picture': 'AAEC'})
        self.assertEqual(self.output(), {'message': 'Hello Dr. Ann', 'totalCalls': '1', 'tags': {'a': 'b'}, 'picture': 'AAEC',
                                         'sentAt': '2026-01-02T03:04:05Z', 'mood': 'MOOD_CALM'})

    def test_the_files_were_read_with_the_workflow(self):
        self.perdure('register', self.write('w.yaml', HEAD + f"""
do:
  - call:
      call: grpc
      with:
        proto: {{endpoint: protos/greet.proto}}
        service: {{name: greet.Greeter, host: localhost, port: {self.grpc.port}}}
        method: SayHello
"""), want=0)
        shutil.rmtree(os.path.join(self.dir, 'protos'))
        self.perdure('run', 'test/calls', '--id', 'r', want=harness.COMPLETED)
        self.assertEqual(self.output()['message'], 'Hello ')

    def test_a_stream_is_a_list(self):
        self.call('SayHellos', {'count': 3})
        self.assertEqual([one['message'] for one in self.output()], ['Hello 1', 'Hello 2', 'Hello 3'])
        self.call('SayHellos', {'count': 0}, 'none')
        self.assertEqual(self.output('none'), [])

    def test_a_status_is_an_error_of_the_standard(self):
        for code, kind, status in ((5, 'communication', 404), (16, 'authentication', 401), (7, 'authorization', 403),
                                   (4, 'timeout', 408), (14, 'communication', 503), (12, 'communication', 501)):
            run_id = f'code-{code}'
            self.call('Fail', {'count': code, 'person': {'first_name': 'x'}}, run_id, want=harness.FAILED)
            error = self.error(run_id)
            self.assertEqual((error['type'].rsplit('/', 1)[1], error['status']), (kind, status), error)
            self.assertIn('as asked: x ü%', error['title'])

    def test_what_does_not_fit_is_configuration(self):
        self.call('SayHello', {'persn': {}}, 'typo', want=harness.FAILED)
        self.assertTrue(self.error('typo')['type'].endswith('/configuration'), self.error('typo'))
        self.assertIn('persn', self.error('typo')['title'])
        self.call('SayHallo', {}, 'method', want=harness.FAILED)
        self.assertIn("did you mean 'SayHello'?", self.error('method')['title'])

    def test_a_call_is_tried_again_with_its_key(self):
        self.flow(f"""
do:
  - again:
      try:
        - call:
            call: grpc
            with:
              proto: {{endpoint: protos/greet.proto}}
              service: {{name: greet.Greeter, host: localhost, port: {self.grpc.port}}}
              method: Flaky
              arguments: {{count: 2, person: {{firstName: f}}}}
      catch:
        errors: {{with: {{status: 503}}}}
        retry: {{limit: {{attempt: {{count: 5}}}}}}
""")
        self.assertEqual(self.output()['message'], 'attempt 3')
        self.call('Echo', {}, 'echo')
        tags = self.output('echo')['tags']
        self.assertTrue(tags['idempotency-key'].startswith('default/echo/') or 'echo' in tags['idempotency-key'], tags)

    def test_a_call_has_its_time(self):
        self.flow(f"""
do:
  - call:
      call: grpc
      timeout: {{after: {{milliseconds: 300}}}}
      with:
        proto: {{endpoint: protos/greet.proto}}
        service: {{name: greet.Greeter, host: localhost, port: {self.grpc.port}}}
        method: Slow
        arguments: {{count: 60000}}
""", want=harness.FAILED)
        self.assertTrue(self.error()['type'].endswith('/timeout'), self.error())

    def test_a_call_is_cancelled(self):
        running = self.spawn('run', self.write('slow.yaml', HEAD + f"""
do:
  - call:
      call: grpc
      with:
        proto: {{endpoint: protos/greet.proto}}
        service: {{name: greet.Greeter, host: localhost, port: {self.grpc.port}}}
        method: Slow
        arguments: {{count: 60000}}
"""), '--id', 'slow')
        for line in running.stdout:
            if 'started' in line and 'call' in line:
                break
        began = time.monotonic()
        running.send_signal(signal.SIGINT)
        running.wait(20)
        self.assertLess(time.monotonic() - began, 15)

    def test_tls_and_credentials(self):
        ca, certificate, key = certificates.make(self.dir, ['grpc.test'])
        secure = self.service('grpc_service.py', '--cert', certificate, '--key', key)
        self.env['PERDURE_HTTP_CA_FILE'] = ca
        self.env['PERDURE_HTTP_CONNECT_TO'] = f'grpc.test:443:127.0.0.1:{secure.port}'
        text = """
do:
  - call:
      call: grpc
      with:
        proto: {endpoint: protos/greet.proto}
        service: {name: greet.Greeter, host: grpc.test, authentication: {bearer: {token: abcd}}}
        method: Echo
"""
        self.flow(text)
        self.assertEqual(self.output()['tags']['authorization'], 'Bearer abcd')
        del self.env['PERDURE_HTTP_CA_FILE']
        self.flow(text, 'unknown', want=harness.FAILED)
        self.assertTrue(self.error('unknown')['type'].endswith('/communication'), self.error('unknown'))

    def test_the_guard_holds(self):
        self.call('SayHello', {}, want=harness.COMPLETED)
        path = os.path.join(self.dir, 'r.yaml')
        self.perdure('run', path, '--id', 'denied', '--deny-private', want=harness.FAILED)
        self.assertEqual(self.error('denied')['status'], 403, self.error('denied'))


class Events(http.server.BaseHTTPRequestHandler):
    """Three ways to send messages by http, and a place for them."""
    protocol_version = 'HTTP/1.1'

    def do_GET(self):
        kinds = {'/sse': 'text/event-stream', '/lines': 'application/x-ndjson', '/poll': 'application/json'}
        self.send_response(200)
        self.send_header('Content-Type', kinds[self.path])
        self.send_header('Connection', 'close')
        self.end_headers()
        for number in range(1 if self.path == '/poll' else 1000):
            self.server.sent += 1
            payload = json.dumps({'n': self.server.sent})
            text = f'event: number\nid: {number}\ndata: {payload}\n\n' if self.path == '/sse' else payload + '\n'
            try:
                self.wfile.write(text.encode())
                self.wfile.flush()
                time.sleep(0.002)
            except OSError:
                return

    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.got.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(202)
        self.send_header('Content-Length', '0')
        self.end_headers()

    def log_message(self, *_):
        pass


class AsyncApi(Calls):
    def setUp(self):
        super().setUp()
        self.web = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Events)
        self.web.daemon_threads, self.web.sent, self.web.got = True, 0, []
        threading.Thread(target=self.web.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True).start()
        self.addCleanup(self.web.server_close)
        self.addCleanup(self.web.shutdown)
        self.sockets = self.service('message_service.py')
        self.write('doc.yaml', f"""
asyncapi: 3.0.0
servers:
  web: {{host: 'localhost:{self.web.server_port}', protocol: http}}
  socket: {{host: 'localhost:{{port}}', protocol: ws, variables: {{port: {{default: '{self.sockets.port}'}}}}}}
  line: {{host: 'mail.example', protocol: mqtt}}
channels:
  sse: {{address: sse, servers: [{{$ref: '#/servers/web'}}]}}
  lines: {{address: lines, servers: [{{$ref: '#/servers/web'}}]}}
  poll: {{address: poll, servers: [{{$ref: '#/servers/web'}}]}}
  orders: {{address: 'orders/{{shop}}', servers: [{{$ref: '#/servers/web'}}], parameters: {{shop: {{location: '$message.payload#/shop'}}}}}}
  numbers:
    address: numbers
    servers: [{{$ref: '#/servers/socket'}}]
    messages: {{number: {{correlationId: {{location: '$message.payload#/parity'}}}}}}
  hang-up: {{address: 'hang-up?after=2', servers: [{{$ref: '#/servers/socket'}}]}}
  slow: {{address: 'hang-up?after=-1&every=150', servers: [{{$ref: '#/servers/socket'}}]}}
  token: {{address: token, servers: [{{$ref: '#/servers/socket'}}]}}
  accept: {{address: accept, servers: [{{$ref: '#/servers/socket'}}]}}
  mail: {{address: mail, servers: [{{$ref: '#/servers/line'}}]}}
operations:
""" + ''.join(f"  {name}: {{action: send, channel: {{$ref: '#/channels/{name}'}}}}\n" for name in (
            'sse', 'lines', 'poll', 'orders', 'numbers', 'hang-up', 'slow', 'token', 'accept', 'mail')))

    def subscribe(self, operation, subscription, run_id='r', more='', **how):
        return self.flow(f"""
do:
  - inbox:
      call: asyncapi
      with:
        document: {{endpoint: doc.yaml}}
        operation: {operation}
        subscription: {subscription}
{more}""", run_id, **how)

    def test_messages_by_http(self):
        for operation in ('sse', 'lines', 'poll'):
            self.web.sent = 0
            self.subscribe(operation, '{consume: {amount: 2}}', operation)
            self.assertEqual([m['payload'] for m in self.output(operation)], [{'n': 1}, {'n': 2}], operation)
        self.assertEqual(self.output('sse')[0]['headers'], {'event': 'number', 'id': '0'})
        self.assertEqual(self.output('poll')[0]['headers']['content-type'], 'application/json')

    def test_a_message_is_published_by_http(self):
        self.flow("""
do:
  - order:
      call: asyncapi
      with:
        document: {endpoint: doc.yaml}
        operation: orders
        message: {payload: {shop: a b, n: 1}, headers: {X-Foo: bar}}
""")
        (path, headers, body), = self.web.got
        self.assertEqual((path, body, headers['X-Foo']), ('/orders/a%20b', {'shop': 'a b', 'n': 1}, 'bar'))
        self.assertTrue(headers['Idempotency-Key'])
        self.assertEqual(self.output(), {'payload': {'shop': 'a b', 'n': 1}, 'headers': {'X-Foo': 'bar'}})

    def test_a_message_is_published_by_a_web_socket(self):
        self.flow("""
do:
  - accept:
      call: asyncapi
      with: {document: {endpoint: doc.yaml}, operation: accept, message: {payload: {greetings: hello}}}
""")
        self.assertEqual(json.loads(self.sockets.lines().readline()), {'greetings': 'hello'})

    def test_messages_by_a_web_socket_are_filtered_and_worked_on(self):
        self.subscribe('numbers', """
          filter: '${ .correlationId == "odd" }'
          consume: {until: '${ length == 3 }'}
          foreach: {item: m, at: i, do: [{keep: {set: '${ [$i, $m.payload.n] }'}}], export: {as: '${ $context + {($m.payload.n | tostring): true} }'}}
""")
        self.assertEqual(self.output(), [[0, 1], [1, 3], [2, 5]])

    def test_a_connection_that_ends_is_made_again(self):
        self.subscribe('hang-up', '{consume: {amount: 3}}')
        self.assertEqual([m['payload']['n'] for m in self.output()], [0, 1, 2])

    def test_it_ends_at_its_time(self):
        self.subscribe('numbers', "{filter: '${ false }', consume: {amount: 1, for: {milliseconds: 300}}}")
        self.assertEqual(self.output(), [])

    def test_credentials(self):
        self.subscribe('token', '{consume: {amount: 1}}', want=harness.FAILED)
        self.assertEqual((self.error()['type'].rsplit('/', 1)[1], self.error()['status']), ('communication', 401))
        self.subscribe('token', '{consume: {amount: 1}}', 'known', '        authentication: {bearer: {token: token}}\n')
        self.assertEqual(len(self.output('known')), 1)

    def test_what_can_not_be_spoken_is_refused(self):
        self.subscribe('mail', '{consume: {amount: 1}}', want=harness.FAILED)
        self.assertTrue(self.error()['type'].endswith('/configuration'), self.error())
        self.assertIn("'line' speaks 'mqtt'", self.error()['title'])
        refused = self.subscribe('mail', '{consume: {amount: 1}}', 'kafka', '        protocol: kafka\n', want=harness.INVALID)
        self.assertIn('`http` and `ws`', refused.err)

    def test_nothing_that_was_taken_is_lost_by_a_crash(self):
        file = self.write('forever.yaml', HEAD + """
do:
  - inbox:
      call: asyncapi
      with:
        document: {endpoint: doc.yaml}
        operation: slow
        subscription:
          consume: {until: '${ length >= 12 }'}
          foreach: {item: m, do: [{keep: {set: '${ $m.payload.n }'}}]}
""")
        words = ['run', file, '--id', 'r', '--json']
        for _ in range(3):
            running = self.spawn(*words)
            time.sleep(0.9)  # it is killed anywhere
            running.kill()
            running.wait()
        self.perdure(*words, want=harness.COMPLETED)
        numbers = self.output()
        self.assertEqual(len(numbers), 12)
        self.assertEqual(numbers, sorted(set(numbers)), 'each once, in order')
        self.assert_sound()

    def test_it_can_be_cancelled(self):
        running = self.spawn('run', self.write('w.yaml', HEAD + """
do:
  - inbox:
      call: asyncapi
      with:
        document: {endpoint: doc.yaml}
        operation: sse
        subscription: {filter: '${ false }', consume: {while: '${ true }'}}
"""), '--id', 'r')
        harness.until(lambda: self.web.sent > 1, what='the subscription')
        running.kill()
        running.wait()
        self.perdure('cancel', 'r')
        self.perdure('resume', 'r')
        self.assertEqual(self.show('r')['status'], 'cancelled')


class Container(Calls):
    def setUp(self):
        super().setUp()
        self.containers = services.Containers(self.dir)
        if not self.containers.tool:
            self.skipTest(self.containers.reason)
        # Where images are kept is looked up by the user's folder.
        self.env.update(self.containers.env, HOME=os.environ.get('HOME', '/root'))

    def container(self, definition, run_id='r', more='', **how):
        return self.flow(f"""
do:
  - box:
      run:
        container:
          image: perdure-test-busybox
          pullPolicy: never
          {definition}
{more}""", run_id, **how)

    def test_a_command_with_arguments_input_and_environment(self):
        self.container("""command: 'input=$(cat); echo "$input $1 $2 $WHO"'
          stdin: '${ "Hello" }'
          arguments: [Foo, '${ 2 }']
          environment: {WHO: ann}
          lifetime: {cleanup: always}
""")
        self.assertEqual(self.output(), 'Hello Foo 2 ann\n')
        self.assertEqual(self.containers.named(), [])

    def test_arguments_without_a_command_are_the_command(self):
        self.container('arguments: [/bin/sh, -c, "echo out; echo err >&2; exit 3"]\n          lifetime: {cleanup: always}',
                       more='        return: all\n')
        self.assertEqual(self.output(), {'code': 3, 'stdout': 'out\n', 'stderr': 'err\n'})
        self.container('command: exit 3\n          lifetime: {cleanup: always}', 'fails', want=harness.FAILED)
        self.assertTrue(self.error('fails')['type'].endswith('/runtime'), self.error('fails'))

    def test_volumes(self):
        self.container(f"""command: 'cat /in/file; echo written > /in/out'
          volumes: {{'{self.dir}': /in}}
          lifetime: {{cleanup: always}}
""".replace('cat /in/file', f'cat /in/{os.path.basename(self.write("file", "read"))}'))
        self.assertEqual(self.output(), 'read')
        self.assertEqual(self.read('out'), 'written\n')

    def test_what_is_never_removed_stays_and_has_its_name(self):
        name = f'perdure-test-{os.getpid()}'
        self.addCleanup(self.containers.run, 'rm', '--force', name)
        self.container(f"command: echo here\n          name: {name}")
        self.assertEqual(self.containers.named(), [name])
        # Another's container of that name is left alone.
        self.container(f"command: echo here\n          name: {name}", 'other', want=harness.FAILED)
        self.assertEqual(self.containers.named(), [name])

    def test_it_is_removed_some_time_after(self):
        running = self.spawn('run', self.write('w.yaml', HEAD + """
do:
  - box:
      run:
        container: {image: perdure-test-busybox, pullPolicy: never, command: echo here, lifetime: {cleanup: eventually, after: {milliseconds: 300}}}
  - rest: {wait: {seconds: 60}}
"""), '--id', 'r')
        harness.until(lambda: self.containers.named(), what='the container')
        harness.until(lambda: not self.containers.named(), what='its removal')
        running.kill()

    def test_what_was_to_be_removed_while_nothing_ran_goes_next_time(self):
        self.container('command: echo here\n          lifetime: {cleanup: eventually, after: {milliseconds: 100}}')
        self.assertEqual(len(self.containers.named()), 1)
        runs = iter(range(1000))

        def next_time():  # its time is counted in seconds
            self.container('command: echo here\n          lifetime: {cleanup: always}', f'next-{next(runs)}')
            return not self.containers.named()
        harness.until(next_time, what='its removal')

    def test_cancelling_kills_it(self):
        running = self.spawn('run', self.write('w.yaml', HEAD + """
do:
  - box:
      timeout: {after: {seconds: 12}}
      run:
        container: {image: perdure-test-busybox, pullPolicy: never, command: 'trap "" TERM; sleep 1000', lifetime: {cleanup: never}}
"""), '--id', 'r')
        harness.until(lambda: self.containers.run('ps', '--quiet').stdout.strip(), what='the container')
        running.wait(30)
        self.assertEqual(self.containers.named(), [])
        self.assertTrue(self.error()['type'].endswith('/timeout'), self.error())

    def test_an_attempt_after_a_crash_removes_what_the_one_before_left(self):
        self.write('mark', '')
        running = self.spawn('run', self.write('w.yaml', HEAD + f"""
do:
  - box:
      run:
        container:
          image: perdure-test-busybox
          pullPolicy: never
          command: 'if [ -e /in/mark ]; then sleep 1000; fi; echo again'
          volumes: {{'{self.dir}': /in}}
          lifetime: {{cleanup: never}}
"""), '--id', 'r')
        harness.until(lambda: self.containers.run('ps', '--quiet').stdout.strip(), what='the container')
        before = self.containers.named()
        running.kill()
        running.wait()
        os.remove(os.path.join(self.dir, 'mark'))
        self.perdure('resume', 'r', want=harness.COMPLETED)
        self.assertEqual(self.output(), 'again\n')
        self.assertEqual(self.containers.named(), before)
        self.containers.run('rm', '--force', *before)


class NoContainer(Calls):
    def test_it_is_refused_at_start_where_nothing_runs_containers(self):
        os.makedirs(os.path.join(self.dir, 'bin'))
        self.env['PATH'] = os.path.join(self.dir, 'bin')
        refused = self.flow('do:\n  - box: {run: {container: {image: alpine}}}\n', want=harness.FAILED)
        self.assertIn('neither docker nor podman on PATH', refused.err)


if __name__ == '__main__':
    unittest.main()
