#!/usr/bin/env python3
"""A small server that keeps a ledger of effects, for the examples and their tests. Standard library only.

POST or DELETE /ACTION does ACTION once for each Idempotency-Key and answers {"id": "ACTION-N", ...}; the same key again
gets the same answer and no second effect. The body is a JSON object; its "order" (or "campaign") says whom it concerns.

GET  /ledger     every effect in order: {"seq", "action", "subject", "key", "id", "calls", "body"}
GET  /search?q=  a few made-up findings about q
POST /faults     {"action": A, "status": 503, "times": 2}                  the next 2 calls of A fail with 503
                 {"action": A, "status": 503, "times": -1, "subject": S}   all calls of A for S do
                 {"action": A, "lose_answer": true, "times": 1}            the effect happens, the connection breaks
                 {"action": A, "delay_ms": 200, "times": 5}                slow
DELETE /faults   no faults any more

usage: shop.py [--port PORT] [--ledger FILE]     port 0 (default 8099) takes a free one; it is printed
"""
import argparse
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

BODY_LIMIT_BYTES = 1 << 20


class Ledger:
    def __init__(self, path=None):
        self.lock = threading.Lock()
        self.effects = []
        self.by_key = {}
        self.faults = []
        self.file = open(path, 'a', encoding='utf-8') if path else None  # pylint: disable=consider-using-with

    def take_fault(self, action, subject):
        with self.lock:
            for fault in self.faults:
                if fault['action'] == action and fault.get('subject', subject) == subject and fault.get('times', 1) != 0:
                    fault['times'] = fault.get('times', 1) - 1
                    return fault
        return {}

    def apply(self, action, subject, key, body):
        """The effect, and whether it is new. Without a key every call is an effect."""
        with self.lock:
            known = self.by_key.get((action, key)) if key else None
            if known:
                known['calls'] += 1
                return known, False
            effect = {'seq': len(self.effects) + 1, 'action': action, 'subject': subject, 'key': key,
                      'id': f'{action}-{len(self.effects) + 1}', 'calls': 1, 'body': body}
            self.effects.append(effect)
            if key:
                self.by_key[(action, key)] = effect
            if self.file:
                self.file.write(json.dumps(effect) + '\n')
                self.file.flush()
            return effect, True

    def snapshot(self):
        with self.lock:
            return [dict(effect) for effect in self.effects]


class Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True
    ledger = None

    def log_message(self, *_):
        pass

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def body(self):
        length = int(self.headers.get('Content-Length') or 0)
        if length > BODY_LIMIT_BYTES:
            raise ValueError('body too large')
        data = self.rfile.read(length)
        if len(data) != length:
            raise ValueError('the client went away within its request')
        body = json.loads(data or b'{}')
        if not isinstance(body, dict):
            raise ValueError('the body must be a JSON object')
        return body

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == '/ledger':
            self.answer(200, self.ledger.snapshot())
        elif url.path == '/search':
            topic = (parse_qs(url.query).get('q') or ['nothing'])[0]
            self.answer(200, {'articles': [{'title': f'{topic}: finding {n}', 'score': round(1 / n, 2)}
                                           for n in range(1, 4)]})
        else:
            self.answer(404, {'error': f'nothing at {url.path}'})

    def do_DELETE(self):
        if self.path == '/faults':
            with self.ledger.lock:
                self.ledger.faults.clear()
            self.answer(200, {})
        else:
            self.do_POST()

    def do_POST(self):
        action = urlsplit(self.path).path.strip('/')
        try:
            body = self.body()
        except (ValueError, UnicodeDecodeError) as error:
            self.close_connection = True
            self.answer(400, {'error': str(error)})
            return
        if action == 'faults':
            with self.ledger.lock:
                self.ledger.faults.append(body)
            self.answer(200, {})
            return
        subject = body.get('order') or body.get('campaign')
        fault = self.ledger.take_fault(action, subject)
        time.sleep(fault.get('delay_ms', 0) / 1000)
        if fault.get('status'):
            self.answer(fault['status'], {'error': f'{action} was told to fail'})
            return
        effect, new = self.ledger.apply(action, subject, self.headers.get('Idempotency-Key'), body)
        if fault.get('lose_answer'):
            self.close_connection = True
            return
        self.answer(201 if new else 200, {'id': effect['id'], 'action': action, 'subject': subject})


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):  # clients that are killed hang up
            super().handle_error(request, client_address)


def serve(port=0, ledger_path=None):
    """A server that is bound and not yet serving: (server, ledger, its URL)."""
    ledger = Ledger(ledger_path)
    server = Server(('127.0.0.1', port), type('BoundHandler', (Handler,), {'ledger': ledger}))
    return server, ledger, f'http://127.0.0.1:{server.server_address[1]}'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--port', type=int, default=8099)
    parser.add_argument('--ledger', help='append each effect to this file, one JSON object a line')
    args = parser.parse_args()
    server, _, url = serve(args.port, args.ledger)
    print(f'shop: {url}', flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass


if __name__ == '__main__':
    main()
