"""What the pika scripts share: the broker's address, names of one's own, and consuming with a deadline."""
import os
import time
import uuid

import pika

DEADLINE = 20


def connect():
    return pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))


def connect_again():
    """As soon as the broker is there again. ValueError is pika's for a connection that has just been made and is reset at once, as one to a broker that is killed."""
    deadline = time.monotonic() + DEADLINE
    while True:
        try:
            return connect()
        except (pika.exceptions.AMQPError, OSError, ValueError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def name(purpose):
    return "pika.%s.%s" % (purpose, uuid.uuid4().hex[:12])


def expect(actual, expected, what):
    if actual != expected:
        raise AssertionError("%s: expected %r, got %r" % (what, expected, actual))


def bodies(channel, queue, count, auto_ack=True):
    """The next `count` bodies of `queue`, as text; fails when they do not come in time."""
    found = []
    for _, _, body in channel.consume(queue, auto_ack=auto_ack, inactivity_timeout=DEADLINE):
        if body is None:
            raise AssertionError("%s: only %r came" % (queue, found))
        found.append(body.decode())
        if len(found) == count:
            break
    channel.cancel()
    return found


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never came true: " + what)
        time.sleep(0.02)
