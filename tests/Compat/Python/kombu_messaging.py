"""kombu: routing by a topic, serializers and compression, requeue, an error queue by x-dead-letter-exchange, SimpleQueue, and a pool of connections."""
import os
import socket
import time

from kombu import Connection, Exchange, Queue
from kombu.pools import producers

from broker import DEADLINE, expect, name

VALUE = {"text": "grün", "count": 7, "list": [1, "two"], "inner": {"flag": True}}


def drain(connection, condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never came true: " + what)
        try:
            connection.drain_events(timeout=1)
        except socket.timeout:
            pass


with Connection(os.environ["AMQP_URL"], transport_options={"confirm_publish": True}) as connection:
    events = Exchange(name("events"), type="topic", durable=True)
    failures = Exchange(name("failures"), type="fanout")
    orders = Queue(name("orders"), events, routing_key="order.#", queue_arguments={"x-dead-letter-exchange": failures.name})
    broken = Queue(name("broken"), failures)
    broken(connection.channel()).declare()

    # Two formats and a compressed one, by a pooled producer that declares what it needs.
    with producers[connection].acquire(block=True, timeout=DEADLINE) as producer:
        for options in ({"serializer": "json"}, {"serializer": "pickle"}, {"serializer": "json", "compression": "zlib"}):
            producer.publish(VALUE, exchange=events, routing_key="order.new", declare=[orders], retry=True, **options)
        producer.publish("nobody's", exchange=events, routing_key="invoice.new")

    got = []

    def on_message(body, message):
        got.append((body, message.delivery_info["redelivered"]))
        if len(got) == 1:
            message.requeue()
        elif body == VALUE and len(got) < 4:
            message.ack()
        else:
            message.reject()

    with connection.Consumer([orders], callbacks=[on_message], accept=["json", "pickle"], prefetch_count=1):
        drain(connection, lambda: len(got) == 4, "four deliveries")
    expect(got[0], (VALUE, False), "the first delivery")
    expect(got[1], (VALUE, True), "the requeued one")
    expect([body for body, _ in got], [VALUE] * 4, "bodies")

    dead = []
    with connection.Consumer([broken], on_message=dead.append, accept=["json", "pickle"], no_ack=True):
        drain(connection, lambda: dead, "the dead letter")
    expect(dead[0].headers["x-death"][0]["reason"], "rejected", "reason")

    simple = connection.SimpleQueue(name("simple"))
    simple.put({"n": 1}, serializer="json")
    message = simple.get(block=True, timeout=DEADLINE)
    expect(message.payload, {"n": 1}, "from the simple queue")
    message.ack()
    expect(simple.qsize(), 0, "left in the simple queue")
    simple.close()

    channel = connection.channel()
    for entity in (simple.queue, orders, broken, events, failures):
        entity(channel).delete()
