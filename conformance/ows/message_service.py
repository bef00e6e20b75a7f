#!/usr/bin/env python3
"""The web sockets that scenarios tagged @ws use. Needs the package websockets.

usage: message_service.py [--port N] [--log URL]

  /numbers?from=N&every=MS   {"n": N, "parity": "odd" or "even"}, one after the other
  /hang-up?after=N           as /numbers, and hangs up after N messages; the next connection goes on with the next number
  /accept                    each message it gets is posted to URL/accepted
  /token                     401 unless `Authorization: Bearer token`; then as /numbers

Prints the port it listens on. Ends with its standard input.
"""
import argparse
import asyncio
import http
import json
import sys
import urllib.parse
import urllib.request

import websockets


class Messages:
    def __init__(self, log):
        self.log, self.next = log, {}

    async def refuse(self, path, headers):
        if path.startswith('/token') and headers.get('Authorization') != 'Bearer token':
            return http.HTTPStatus.UNAUTHORIZED, [], b'who are you?'
        return None

    async def serve(self, socket, path=None):
        try:
            await self.talk(socket, path)
        except websockets.ConnectionClosed:
            pass  # the client has had enough

    async def talk(self, socket, path):
        at = urllib.parse.urlparse(path or socket.path)
        asked = dict(urllib.parse.parse_qsl(at.query))
        if at.path == '/accept':
            async for message in socket:
                await asyncio.get_running_loop().run_in_executor(None, self.accepted, message)
            return
        number, left = int(asked.get('from', 0)), -1
        if at.path == '/hang-up':
            number, left = self.next.get(at.query, 0), int(asked['after'])
        while left != 0:
            await socket.send(json.dumps({'n': number, 'parity': 'odd' if number % 2 else 'even'}))
            number, left = number + 1, left - 1
            self.next[at.query] = number
            await asyncio.sleep(int(asked.get('every', 1)) / 1000)

    def accepted(self, message):
        if self.log:
            request = urllib.request.Request(f'{self.log}/accepted', message.encode(), {'Content-Type': 'application/json'})
            urllib.request.urlopen(request, timeout=10).close()
        else:
            print(message, flush=True)


async def run(arguments):
    messages = Messages(arguments.log)
    async with websockets.serve(messages.serve, '127.0.0.1', arguments.port, process_request=messages.refuse) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--log')
    asyncio.run(run(parser.parse_args()))


if __name__ == '__main__':
    main()
