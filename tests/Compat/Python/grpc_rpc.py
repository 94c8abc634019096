"""Call and Serve: with each other, and each with an AMQP client (pika) on the other side."""
import threading
import time

import grpc
import pika

import broker
from granary import DEADLINE, Stream, call, declare, delete, expect, pb, refused, rpc


def ask(queue, body, timeout=DEADLINE, **properties):
    message = pb.Message(routing_key=queue, body=body, properties=pb.BasicProperties(**properties))
    return call(rpc.Call, pb.CallRequest(message=message), timeout=timeout)


def serve(queue, requests):
    """Answers requests in the opposite order of their arrival, once there are so many."""
    stream = Stream(rpc.Serve)
    stream.send(pb.ServeRequest(subscribe=pb.Subscribe(queue=queue)))
    stream.next()

    def work():
        open_requests = []
        while len(open_requests) < requests:
            open_requests += stream.next().requests
        for request in reversed(open_requests):
            stream.send(pb.ServeRequest(replies=[pb.Reply(delivery_tag=request.delivery_tag, body=request.body.upper())]))
        expect(stream.rest(), [], "responses at the end")

    worker = threading.Thread(target=work)
    worker.start()
    return worker


queue = declare()

# gRPC on both sides; each caller gets its own answer, with its own correlation id.
worker = serve(queue, 3)
answers = {}
callers = [threading.Thread(target=lambda n=n: answers.update({n: ask(queue, b"abc%d" % n, correlation_id="c%d" % n)})) for n in range(3)]
for thread in callers:
    thread.start()
for thread in callers + [worker]:
    thread.join(DEADLINE)
expect({n: (a.body, a.properties.correlation_id) for n, a in answers.items()}, {n: (b"ABC%d" % n, "c%d" % n) for n in range(3)}, "answers")

# An AMQP server.
with broker.connect() as connection:
    channel = connection.channel()

    def answer(ch, method, properties, body):
        ch.basic_publish("", properties.reply_to, body * 2, pika.BasicProperties(correlation_id=properties.correlation_id, type="double"))
        ch.basic_ack(method.delivery_tag)

    channel.basic_consume(queue, answer)
    got = []
    caller = threading.Thread(target=lambda: got.append(ask(queue, b"ab")))
    caller.start()
    end = time.monotonic() + DEADLINE
    while caller.is_alive() and time.monotonic() < end:
        connection.process_data_events(0.05)
    expect([(a.body, a.properties.type) for a in got], [(b"abab", "double")], "the AMQP server's answer")

# AMQP callers, over direct reply-to and over a queue of their own.
for direct in (True, False):
    worker = serve(queue, 1)
    with broker.connect() as connection:
        channel = connection.channel()
        reply_to = "amq.rabbitmq.reply-to" if direct else channel.queue_declare("", exclusive=True).method.queue
        replies = []
        channel.basic_consume(reply_to, lambda ch, method, properties, body: replies.append((properties.correlation_id, body)), auto_ack=True)
        channel.basic_publish("", queue, b"shout", pika.BasicProperties(reply_to=reply_to, correlation_id="mine"))
        end = time.monotonic() + DEADLINE
        while not replies and time.monotonic() < end:
            connection.process_data_events(0.05)
        expect(replies, [("mine", b"SHOUT")], "the reply to an AMQP caller")
        worker.join(DEADLINE)

refused(grpc.StatusCode.NOT_FOUND, 312, lambda: ask(queue + ".none", b""))
refused(grpc.StatusCode.DEADLINE_EXCEEDED, None, lambda: ask(queue, b"nobody answers", timeout=2))
expect(delete(queue), 1, "the request nobody answered")
