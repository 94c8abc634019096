"""What the gRPC scripts share: stubs that carry credentials, a consumer whose deliveries come one by one, and errors by code."""
import base64
import os
import queue
import uuid

import grpc

import granary_pb2 as pb
import granary_pb2_grpc as api

DEADLINE = 20
WHO = [("authorization", "Basic " + base64.b64encode(b"guest:guest").decode())]

channel = grpc.insecure_channel(os.environ["GRANARY_GRPC"])
topology = api.TopologyStub(channel)
messaging = api.MessagingStub(channel)
rpc = api.RpcStub(channel)


def call(method, request, metadata=WHO, timeout=DEADLINE):
    return method(request, metadata=metadata, timeout=timeout)


def declare(**fields):
    return call(topology.DeclareQueue, pb.DeclareQueueRequest(queue="grpc.python." + uuid.uuid4().hex[:12], **fields)).queue


def delete(name):
    return call(topology.DeleteQueue, pb.DeleteQueueRequest(queue=name)).message_count


def publish(name, *bodies):
    for body in bodies:
        assert call(messaging.Publish, pb.PublishRequest(message=pb.Message(routing_key=name, body=body))).routed


def get(name, limit=100):
    return list(call(messaging.Get, pb.GetRequest(queue=name, auto_ack=True, limit=limit)).deliveries)


def expect(actual, expected, what):
    if actual != expected:
        raise AssertionError("%s: expected %r, got %r" % (what, expected, actual))


def refused(code, reply_code, action):
    """The error of a call that has to fail, with the AMQP reply code in its trailers (None: without)."""
    try:
        action()
    except grpc.RpcError as error:
        trailers = dict(error.trailing_metadata() or ())
        expect((error.code(), trailers.get("granary-reply-code")), (code, reply_code and str(reply_code)), error.details())
        return error
    raise AssertionError("no error; %s was expected" % code)


class Stream:
    """A duplex call whose requests are put one by one; `end` half-closes it."""

    def __init__(self, method):
        self.requests = queue.SimpleQueue()
        self.responses = method(iter(self.requests.get, None), metadata=WHO, timeout=DEADLINE)

    def send(self, request):
        self.requests.put(request)

    def next(self):
        return next(self.responses)

    def end(self):
        self.requests.put(None)

    def rest(self):
        self.end()
        return list(self.responses)


class Consumer(Stream):
    def __init__(self, name, **subscribe):
        super().__init__(messaging.Consume)
        self.pending = []
        self.send(pb.ConsumeRequest(subscribe=pb.Subscribe(queue=name, **subscribe)))
        self.tag = self.next().subscribed.consumer_tag
        assert self.tag

    def delivery(self):
        while not self.pending:
            response = self.next()
            assert response.deliveries, response
            self.pending.extend(response.deliveries)
        return self.pending.pop(0)

    def bodies(self, count):
        return [self.delivery().body for _ in range(count)]

    def ack(self, *tags):
        self.send(pb.ConsumeRequest(acks=tags))

    def settle(self, tag, outcome, multiple=False):
        self.send(pb.ConsumeRequest(settlements=[pb.Settlement(delivery_tag=tag, outcome=outcome, multiple=multiple)]))
