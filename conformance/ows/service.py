#!/usr/bin/env python3
"""The services that the scenarios call, on Python's standard library alone: service.test, described in README.md, and as
much of the public ones as the official kit and examples need.

usage: service.py [--http PORT] [--https PORT --cert FILE --key FILE]   (default: http on 8080)

Answers other than 401 are the same for the same Idempotency-Key, so that a runtime that repeats a call after a crash is
told the same.
GET /__requests gives the log of requests, DELETE /__requests clears log and counters.
"""
import argparse
import base64
import copy
import hashlib
import http.server
import json
import os
import re
import ssl
import threading
import time
import urllib.parse

HOSTS = ('petstore.swagger.io', 'httpbin.org', 'swapi.dev', 'external-service.example.com', 'service.test')
TOKEN = 'token-of-the-service'


def pet(number, status='available'):
    return {'id': number, 'category': {'id': 1, 'name': 'dog'}, 'name': f'pet {number}', 'photoUrls': ['string'],
            'tags': [{'id': 0, 'name': 'string'}], 'status': status}


PETSTORE = {
    'swagger': '2.0', 'info': {'title': 'Swagger Petstore', 'version': '1.0.7'}, 'host': 'petstore.swagger.io',
    'basePath': '/v2', 'schemes': ['https', 'http'],
    'paths': {
        '/pet/findByStatus': {'get': {
            'operationId': 'findPetsByStatus', 'produces': ['application/json', 'application/xml'],
            'parameters': [{'name': 'status', 'in': 'query', 'required': True, 'type': 'array', 'collectionFormat': 'multi',
                            'items': {'type': 'string', 'enum': ['available', 'pending', 'sold'], 'default': 'available'}}],
            'responses': {'200': {'description': 'ok'}}}},
        '/pet/{petId}': {'get': {
            'operationId': 'getPetById', 'produces': ['application/json', 'application/xml'],
            'parameters': [{'name': 'petId', 'in': 'path', 'required': True, 'type': 'integer', 'format': 'int64'}],
            'responses': {'200': {'description': 'ok'}, '404': {'description': 'no such pet'}}}}}}

OPENAPI = {
    'openapi': '3.0.3', 'info': {'title': 'service.test', 'version': '1'}, 'servers': [{'url': '/'}],
    'paths': {
        '/echo/{id}': {
            'parameters': [{'name': 'id', 'in': 'path', 'required': True, 'schema': {'type': 'string'}}],
            'get': {'operationId': 'getEcho', 'responses': {'200': {'description': 'ok'}},
                    'parameters': [{'name': 'tag', 'in': 'query', 'schema': {'type': 'array', 'items': {'type': 'string'}}},
                                   {'name': 'X-Trace', 'in': 'header', 'schema': {'type': 'string'}}]},
            'post': {'operationId': 'postEcho', 'responses': {'200': {'description': 'ok'}},
                     'requestBody': {'content': {'application/json': {'schema': {
                         'type': 'object', 'properties': {'name': {'type': 'string'}}}}}}}},
        '/status/{code}': {'get': {'operationId': 'getStatus', 'responses': {'200': {'description': 'ok'}}, 'parameters': [
            {'name': 'code', 'in': 'path', 'required': True, 'schema': {'type': 'integer'}}]}}}}

GRPC_PORT, SOCKET_PORT = 50051, 50052  # of grpc_service.py and message_service.py
PROTOS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'protos')

ASYNCAPI_3 = f'''asyncapi: 3.0.0
info: {{title: Messages, version: 1.0.0}}
servers:
  web: {{host: service.test, protocol: http}}
  socket: {{host: 'service.test:{SOCKET_PORT}', protocol: ws}}
  mail: {{host: mail.example, protocol: mqtt}}
channels:
  order: {{address: echo/orders, servers: [{{$ref: '#/servers/web'}}]}}
  events: {{address: events, servers: [{{$ref: '#/servers/web'}}]}}
  accept: {{address: accept, servers: [{{$ref: '#/servers/socket'}}]}}
  token: {{address: token, servers: [{{$ref: '#/servers/socket'}}]}}
  hangUp: {{address: 'hang-up?after=2', servers: [{{$ref: '#/servers/socket'}}]}}
  mail: {{address: mail, servers: [{{$ref: '#/servers/mail'}}]}}
  numbers:
    address: numbers
    servers: [{{$ref: '#/servers/socket'}}]
    messages: {{number: {{correlationId: {{location: '$message.payload#/parity'}}}}}}
operations:
  order: {{action: receive, channel: {{$ref: '#/channels/order'}}}}
  events: {{action: send, channel: {{$ref: '#/channels/events'}}}}
  accept: {{action: receive, channel: {{$ref: '#/channels/accept'}}}}
  token: {{action: send, channel: {{$ref: '#/channels/token'}}}}
  hangUp: {{action: send, channel: {{$ref: '#/channels/hangUp'}}}}
  mail: {{action: receive, channel: {{$ref: '#/channels/mail'}}}}
  numbers: {{action: send, channel: {{$ref: '#/channels/numbers'}}}}
'''
ASYNCAPI_2 = f'''asyncapi: 2.6.0
info: {{title: Messages, version: 1.0.0}}
servers:
  socket: {{url: 'ws://service.test:{SOCKET_PORT}', protocol: ws}}
channels:
  /numbers: {{subscribe: {{message: {{contentType: application/json}}}}}}
'''
EVENTS = ''.join(f'event: number\nid: {n}\ndata: {{"n": {n}}}\n\n' for n in range(1, 10))

SWAGGER_YAML = '''swagger: "2.0"
paths:
  /echo/{id}:
    get:
      operationId: getEcho
      parameters:
        - {name: id, in: path, required: true, type: string}
        - &tag {name: tag, in: query, type: array, items: {type: string}, collectionFormat: multi}
      responses: {200: {description: ok}}
'''
FUNCTION = '''input:
  schema:
    document:
      type: object
      required: [ name ]
set:
  greeting: ${ "Hello \\(.name)" }
'''
SCRIPT = 'import sys\nprint(sum(map(int, sys.argv[1:])))\n'
SCHEMA_YAML = 'type: object\nrequired: [name]\nproperties: {name: {type: string}}\n'
SCHEMA = {'type': 'object', 'required': ['name'], 'properties': {'name': {'type': 'string'}}}


class Answer:
    def __init__(self, status=200, value=None, headers=(), body=None, content_type='application/json'):
        self.status, self.headers = status, dict(headers)
        if body is None and value is not None:
            body = json.dumps(value).encode()
        self.body = body or b''
        if self.body:
            self.headers.setdefault('Content-Type', content_type)


class Request:
    def __init__(self, host, method, target, headers, body):
        self.host, self.method, self.headers, self.body = host, method, headers, body
        path, _, self.query = target.partition('?')
        self.path = urllib.parse.unquote(path)

    def arguments(self):
        values = {}
        for name, value in urllib.parse.parse_qsl(self.query, keep_blank_values=True):
            if name in values:
                values[name] = [*(values[name] if isinstance(values[name], list) else [values[name]]), value]
            else:
                values[name] = value
        return values

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return self.body.decode('utf-8', 'replace') or None


class Services:
    """What the servers answer, and what they remember."""

    def __init__(self):
        self.lock = threading.Lock()
        self.clear()

    def clear(self):
        with self.lock:
            self.log, self.counters, self.answers = [], {}, {}

    def requests(self):
        with self.lock:
            return copy.deepcopy(self.log)

    def count(self, method, path):
        """Requests for `path`, those with the same Idempotency-Key once."""
        keys = [(e['key'] or number) for number, e in enumerate(self.requests())
                if e['method'] == method and e['path'] == path]
        return len(set(keys))

    def answer(self, request):
        key = request.headers.get('idempotency-key')
        with self.lock:
            self.log.append({'host': request.host, 'method': request.method, 'path': request.path, 'query': request.query,
                             'key': key, 'body': request.json()})
            known = self.answers.get((key, request.method, request.path)) if key else None
        if known:
            return known
        found = self.route(request)
        if key and found.status != 401:  # a challenge: nothing was done, and the answer to it has the same key
            with self.lock:
                self.answers[(key, request.method, request.path)] = found
        return found

    def route(self, request):
        if request.host == 'petstore.swagger.io':
            return self.petstore(request)
        if request.host == 'httpbin.org':
            return self.httpbin(request)
        if request.host == 'swapi.dev':
            return self.swapi(request)
        if request.host == 'external-service.example.com':
            return Answer(503)
        for pattern, handler in self.ROUTES:
            match = re.fullmatch(pattern, request.path)
            if match:
                return handler(self, request, *match.groups())
        return Answer(404, {'error': 'no such path'})

    # -- the two public services ----------------------------------------------------------------------------------
    def petstore(self, request):
        if request.path == '/v2/swagger.json':
            return Answer(200, PETSTORE)
        if request.method == 'GET' and request.path == '/v2/pet/findByStatus':
            statuses = [s for value in urllib.parse.parse_qs(request.query).get('status', []) for s in value.split(',')]
            return Answer(200, [pet(n, s) for s in statuses for n in (1, 2, 3) if s in ('available', 'pending', 'sold')])
        one = re.fullmatch(r'/v2/pet/(\d+)', request.path)
        if request.method == 'GET' and one:
            return Answer(200, pet(int(one[1])))
        if request.method in ('POST', 'PUT') and request.path in ('/v2/pet', '/v2/pet/'):
            return Answer(200, request.json())
        return Answer(404, {'code': 404, 'type': 'unknown', 'message': f'null for uri: http://petstore.swagger.io{request.path}'})

    def swapi(self, request):
        luke = {'name': 'Luke Skywalker', 'homeworld': 'https://swapi.dev/api/planets/1/'}
        return {'/api/people/': Answer(200, {'count': 1, 'results': [luke]}), '/api/people/1': Answer(200, luke),
                '/api/planets/1/': Answer(200, {'name': 'Tatooine'})}.get(request.path, Answer(404, {'detail': 'Not found'}))

    def httpbin(self, request):
        match = re.fullmatch(r'/basic-auth/([^/]+)/([^/]+)', request.path)
        return self.basic(request, *match.groups()) if match else Answer(404, {'error': 'no such path'})

    # -- service.test ---------------------------------------------------------------------------------------------
    def echo(self, request, *_):
        hidden = ('host', 'connection', 'content-length', 'accept-encoding', 'user-agent', 'idempotency-key', 'traceparent')
        return Answer(200, {'method': request.method, 'path': request.path, 'query': request.arguments(),
                            'headers': {k: v for k, v in request.headers.items() if k not in hidden}, 'body': request.json()})

    def status(self, request, code):
        return Answer(int(code), None if code in ('204', '304') else {'status': int(code)})

    def redirect(self, request, code):
        return Answer(int(code), {'redirected': True}, {'Location': request.arguments().get('to', '/echo')})

    def flaky(self, request, key):
        arguments = request.arguments()
        with self.lock:
            attempt = self.counters[key] = self.counters.get(key, 0) + 1
        if attempt <= int(arguments.get('fail', 1)):
            return Answer(int(arguments.get('status', 503)), {'attempt': attempt})
        return Answer(200, {'attempt': attempt})

    def delay(self, request, milliseconds):
        time.sleep(int(milliseconds) / 1000)
        return Answer(200, {'delayed': int(milliseconds)})

    def fixed(self, request, name):
        return {'text': lambda: Answer(200, body=b'hello', content_type='text/plain'),
                'xml': lambda: Answer(200, body=b'<a/>', content_type='application/xml'),
                'bytes': lambda: Answer(200, body=b'\x00\x01\x02\xff', content_type='application/octet-stream'),
                'vendor': lambda: Answer(200, {'vendor': True}, content_type='application/vnd.test+json'),
                'empty': lambda: Answer(204)}[name]()

    def basic(self, request, user, password):
        wanted = 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()
        if request.headers.get('authorization') != wanted:
            return Answer(401, headers={'WWW-Authenticate': 'Basic realm="Fake Realm"'})
        return Answer(200, {'authenticated': True, 'user': user})

    def bearer(self, request, token):
        if request.headers.get('authorization') != f'Bearer {token}':
            return Answer(401, headers={'WWW-Authenticate': 'Bearer'})
        return Answer(200, {'authenticated': True, 'token': token})

    def digest(self, request, user, password):
        realm, nonce = 'test', 'dcd98b7102dd2f0e8b11d0f600bfb0c093'
        given = dict(re.findall(r'(\w+)="?([^",]+)"?', request.headers.get('authorization', '').partition(' ')[2]))

        def md5(*parts):
            return hashlib.md5(':'.join(parts).encode()).hexdigest()  # noqa: S324: what the scheme says
        wanted = given.get('nonce') == nonce and md5(
            md5(user, realm, password), nonce, given.get('nc', ''), given.get('cnonce', ''), given.get('qop', ''),
            md5(request.method, given.get('uri', '')))
        if not wanted or given.get('response') != wanted:
            return Answer(401, headers={'WWW-Authenticate': f'Digest realm="{realm}", nonce="{nonce}", qop="auth", algorithm=MD5'})
        return Answer(200, {'authenticated': True, 'user': user})

    def token(self, request, *_):
        given = request.json()
        if isinstance(given, str):
            given = dict(urllib.parse.parse_qsl(given))
        given = dict(given or {})
        basic = request.headers.get('authorization', '').partition(' ')
        if basic[0] == 'Basic':
            given['client_id'], _, given['client_secret'] = base64.b64decode(basic[2]).decode().partition(':')
        if (given.get('client_id'), given.get('client_secret')) != ('client', 'secret'):
            return Answer(401, {'error': 'invalid_client'})
        if given.get('grant_type') == 'password' and (given.get('username'), given.get('password')) != ('ann', 'pass'):
            return Answer(400, {'error': 'invalid_grant'})
        return Answer(200, {'access_token': TOKEN, 'token_type': 'Bearer', 'expires_in': 3600, 'scope': given.get('scope', '')})

    def discovery(self, request):
        return Answer(200, {'issuer': f'https://{request.host}/oidc', 'token_endpoint': f'https://{request.host}/oidc/token'})

    def proto(self, request, name):
        with open(os.path.join(PROTOS, name), 'rb') as file:
            return Answer(200, body=file.read(), content_type='text/plain')

    def protected(self, request):
        return self.bearer(request, TOKEN)

    ROUTES = [
        (r'/echo(/.*)?', echo), (r'/status/(\d{3})', status), (r'/redirect/(\d{3})', redirect), (r'/flaky/([\w-]+)', flaky),
        (r'/delay/(\d+)', delay), (r'/(text|xml|bytes|vendor|empty)', fixed), (r'/basic/([^/]+)/([^/]+)', basic),
        (r'/bearer/([^/]+)', bearer), (r'/digest/([^/]+)/([^/]+)', digest), (r'/oauth2/token', token), (r'/oidc/token', token),
        (r'/oidc/\.well-known/openid-configuration', discovery), (r'/protected', protected),
        (r'/openapi\.json', lambda self, request: Answer(200, OPENAPI)),
        (r'/asyncapi3\.yaml', lambda self, request: Answer(200, body=ASYNCAPI_3.encode(), content_type='application/yaml')),
        (r'/asyncapi2\.yaml', lambda self, request: Answer(200, body=ASYNCAPI_2.encode(), content_type='application/yaml')),
        (r'/events', lambda self, request: Answer(200, body=EVENTS.encode(), content_type='text/event-stream')),
        (r'/accepted', lambda self, request: Answer(204)), (r'/protos/((?:common/)?\w+\.proto)', proto),
        (r'/swagger\.yaml',
         lambda self, request: Answer(200, body=SWAGGER_YAML.encode(), content_type='application/yaml')),
        (r'/schemas/person\.json', lambda self, request: Answer(200, SCHEMA)),
        (r'/schemas/person\.yaml', lambda self, request: Answer(200, body=SCHEMA_YAML.encode(), content_type='application/yaml')),
        (r'/scripts/sum\.py', lambda self, request: Answer(200, body=SCRIPT.encode(), content_type='text/x-python')),
        (r'/functions/greet/1\.0\.0/function\.yaml',
         lambda self, request: Answer(200, body=FUNCTION.encode(), content_type='application/yaml'))]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    services = None

    def serve(self):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        host = headers.get('host', '').partition(':')[0].lower()
        if self.path == '/__requests':
            if self.command == 'DELETE':
                self.services.clear()
            answer = Answer(200, self.services.requests())
        else:
            answer = self.services.answer(Request(host, self.command, self.path, headers, body))
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header('Content-Length', str(len(answer.body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = serve

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    tls = None

    def get_request(self):
        connection, address = super().get_request()
        if self.tls:  # the handshake belongs to the connection's own thread
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, client_address):
        pass  # a client that went away


def start(services, port, certificate=None, key=None):
    """A server on 127.0.0.1 in a thread of its own."""
    server = Server(('127.0.0.1', port), type('Bound', (Handler,), {'services': services}))
    if certificate:
        server.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.tls.load_cert_chain(certificate, key)
    threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--http', type=int, default=8080)
    parser.add_argument('--https', type=int)
    parser.add_argument('--cert')
    parser.add_argument('--key')
    arguments = parser.parse_args()
    services = Services()
    start(services, arguments.http)
    if arguments.https:
        start(services, arguments.https, arguments.cert, arguments.key)
    threading.Event().wait()


if __name__ == '__main__':
    main()
