#!/usr/bin/env python3
"""The gRPC service that scenarios tagged @grpc call: greet.Greeter of protos/greet.proto. Needs grpcio and protobuf.

usage: grpc_service.py [--port N] [--cert FILE --key FILE]

Prints the port it listens on. Ends with its standard input.
"""
import argparse
import concurrent.futures
import sys
import threading
import time

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

TYPE = descriptor_pb2.FieldDescriptorProto


def field(message, name, number, kind, of='', repeated=False):
    made = message.field.add(name=name, number=number, type=kind,
                             label=TYPE.LABEL_REPEATED if repeated else TYPE.LABEL_OPTIONAL)
    if of:
        made.type_name = of


def text_map(message, full_name, name, number):
    entry = message.nested_type.add(name=f'{name.capitalize()}Entry')
    entry.options.map_entry = True
    field(entry, 'key', 1, TYPE.TYPE_STRING)
    field(entry, 'value', 2, TYPE.TYPE_STRING)
    field(message, name, number, TYPE.TYPE_MESSAGE, f'.{full_name}.{entry.name}', True)


def messages():
    """The messages, written down once more without a compiler of .proto files."""
    pool = descriptor_pool.DescriptorPool()
    stamp = descriptor_pb2.FileDescriptorProto()
    timestamp_pb2.DESCRIPTOR.CopyToProto(stamp)
    pool.Add(stamp)
    common = descriptor_pb2.FileDescriptorProto(name='common/person.proto', package='common', syntax='proto3')
    mood = common.enum_type.add(name='Mood')
    mood.value.add(name='MOOD_UNKNOWN', number=0)
    mood.value.add(name='MOOD_CALM', number=1)
    person = common.message_type.add(name='Person')
    field(person, 'first_name', 1, TYPE.TYPE_STRING)
    field(person, 'titles', 2, TYPE.TYPE_STRING, repeated=True)
    field(person, 'mood', 3, TYPE.TYPE_ENUM, '.common.Mood')
    pool.Add(common)
    greet = descriptor_pb2.FileDescriptorProto(name='greet.proto', package='greet', syntax='proto3',
                                               dependency=['common/person.proto', 'google/protobuf/timestamp.proto'])
    request = greet.message_type.add(name='HelloRequest')
    field(request, 'person', 1, TYPE.TYPE_MESSAGE, '.common.Person')
    field(request, 'count', 2, TYPE.TYPE_INT32)
    reply = greet.message_type.add(name='HelloReply')
    field(reply, 'message', 1, TYPE.TYPE_STRING)
    field(reply, 'total_calls', 2, TYPE.TYPE_INT64)
    for message in (request, reply):
        text_map(message, f'greet.{message.name}', 'tags', 3)
        field(message, 'sent_at', 4, TYPE.TYPE_MESSAGE, '.google.protobuf.Timestamp')
        field(message, 'picture', 5, TYPE.TYPE_BYTES)
    field(reply, 'mood', 6, TYPE.TYPE_ENUM, '.common.Mood')
    pool.Add(greet)
    made = getattr(message_factory, 'GetMessageClass', None) or message_factory.MessageFactory(pool).GetPrototype
    return [made(pool.FindMessageTypeByName(f'greet.{name}')) for name in ('HelloRequest', 'HelloReply')]


class Greeter(grpc.GenericRpcHandler):
    def __init__(self):
        self.Request, self.Reply = messages()
        self.lock, self.calls, self.known = threading.Lock(), 0, {}
        self.flaky = {}

    def service(self, call):
        service, _, method = call.method.strip('/').partition('/')
        if service != 'greet.Greeter':
            return None
        stream = method == 'SayHellos'
        serve = {'SayHello': self.hello, 'SayHellos': self.hellos, 'Fail': self.fail, 'Flaky': self.flake,
                 'Slow': self.slow, 'Echo': self.echo}.get(method)
        make = grpc.unary_stream_rpc_method_handler if stream else grpc.unary_unary_rpc_method_handler
        return serve and make(serve, self.Request.FromString, self.Reply.SerializeToString)

    def hello(self, request, context):
        # A call that is made again with its key counts once.
        key = dict(context.invocation_metadata()).get('idempotency-key')
        with self.lock:
            if key not in self.known:
                self.calls += 1
                self.known[key] = self.calls
        names = [*request.person.titles, request.person.first_name]
        return self.Reply(message='Hello ' + ' '.join(names), total_calls=self.known[key], tags=dict(request.tags),
                          sent_at=request.sent_at, picture=request.picture, mood=request.person.mood)

    def hellos(self, request, _):
        for number in range(request.count):
            yield self.Reply(message=f'Hello {number + 1}')

    def fail(self, request, context):
        code = next(c for c in grpc.StatusCode if c.value[0] == request.count)
        context.abort(code, f'as asked: {request.person.first_name} ü%')

    def flake(self, request, context):
        with self.lock:
            done = self.flaky[request.person.first_name] = self.flaky.get(request.person.first_name, 0) + 1
        if done <= request.count:
            context.abort(grpc.StatusCode.UNAVAILABLE, 'not yet')
        return self.Reply(message=f'attempt {done}')

    def slow(self, request, context):
        end = time.monotonic() + request.count / 1000
        while time.monotonic() < end and context.is_active():
            time.sleep(0.005)
        return self.Reply(message='slow', tags={'left': str(int(context.time_remaining() or 0))})

    def echo(self, _, context):
        return self.Reply(tags={name: str(value) for name, value in context.invocation_metadata()})


def start(port=0, certificate=None, key=None):
    """The server and its port."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=(Greeter(),))
    if not certificate:
        return server, server.add_insecure_port(f'127.0.0.1:{port}')
    with open(key, 'rb') as private, open(certificate, 'rb') as public:
        credentials = grpc.ssl_server_credentials([(private.read(), public.read())])
    return server, server.add_secure_port(f'127.0.0.1:{port}', credentials)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--port', type=int, default=0)
    parser.add_argument('--cert')
    parser.add_argument('--key')
    arguments = parser.parse_args()
    server, port = start(arguments.port, arguments.cert, arguments.key)
    server.start()
    print(port, flush=True)
    sys.stdin.read()
    server.stop(0)


if __name__ == '__main__':
    main()
