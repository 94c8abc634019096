"""Binds that overlap the deletion of their queue, on two connections: each is answered ok or 404, and no binding is left."""
import threading

import pika
from pika.exceptions import ChannelClosedByBroker

from broker import connect, expect, name

ROUNDS = 150

exchange = name("race")
queue = name("race")
start, end = threading.Barrier(2, timeout=20), threading.Barrier(2, timeout=20)
answers, failures = {"ok": 0, "404": 0}, []


def bind():
    with connect() as connection:
        channel = connection.channel()
        for _ in range(ROUNDS):
            start.wait()
            try:
                channel.queue_bind(queue, exchange, "")
                answers["ok"] += 1
            except ChannelClosedByBroker as error:
                expect(error.reply_code, 404, "refusal of the bind")
                answers["404"] += 1
                channel = connection.channel()
            end.wait()


def guarded():
    try:
        bind()
    except BaseException as error:
        failures.append(error)
        start.abort()
        end.abort()


with connect() as connection:
    channel = connection.channel()
    channel.exchange_declare(exchange, "fanout", durable=True)
    binder = threading.Thread(target=guarded)
    binder.start()
    for _ in range(ROUNDS):
        channel.queue_declare(queue, durable=True)
        start.wait()
        channel.queue_delete(queue)
        end.wait()
    binder.join()
    expect(failures, [], "failures of the other connection")
    expect(answers["ok"] + answers["404"], ROUNDS, "answers")

    # A queue declared since has no binding, and the exchange none at all.
    channel.queue_declare(queue, durable=True)
    channel.confirm_delivery()
    try:
        channel.basic_publish(exchange, "", "x", mandatory=True)
        raise AssertionError("a binding is left")
    except pika.exceptions.UnroutableError:
        pass
    channel.exchange_delete(exchange, if_unused=True)
    channel.queue_delete(queue)
