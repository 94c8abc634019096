"""x-max-priority: what is got and consumed first, what is requeued, and what a declaration may ask for."""
import pika
from pika.exceptions import ChannelClosedByBroker

from broker import bodies, connect, expect, name


def expect_refusal(connection, arguments, reason, queue=None, durable=False):
    """The queue is not declared, for a reason that ends so."""
    try:
        connection.channel().queue_declare(queue=queue or name("refused"), durable=durable, arguments=arguments)
    except ChannelClosedByBroker as closed:
        expect((closed.reply_code, closed.reply_text[-len(reason):]), (406, reason), "the answer to %r" % arguments)
        return
    raise AssertionError("%r was declared" % arguments)


with connect() as connection:
    channel = connection.channel()
    channel.confirm_delivery()
    queue = name("priorities")
    channel.queue_declare(queue=queue, durable=True, arguments={"x-max-priority": 9})

    def publish(*messages):
        for body, priority in messages:
            channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2, priority=priority), mandatory=True)

    publish(("a", None), ("b", 5), ("c", 255), ("d", 9), ("e", 5), ("f", 0))
    method, properties, body = channel.basic_get(queue)
    expect((body, properties.priority, method.message_count), (b"c", 255, 5), "the first message")
    channel.basic_nack(method.delivery_tag, requeue=True)
    method, _, body = channel.basic_get(queue)
    expect((body, method.redelivered), (b"c", True), "the requeued message")
    channel.basic_ack(method.delivery_tag)
    publish(("g", 9), ("h", 1))
    expect(bodies(channel, queue, 7), ["d", "g", "b", "e", "h", "a", "f"], "order")

    kept = name("kept")
    channel.queue_declare(queue=kept, arguments={"x-max-priority": 5})
    expect_refusal(connection, {"x-max-priority": 6}, "received '6' but current is '5'", kept)
    expect_refusal(connection, {}, "received none but current is the value '5' of type 'signedint'", kept)
    expect_refusal(connection, {"x-max-priority": 256}, "{max_value_exceeded,256}")
    expect_refusal(connection, {"x-max-priority": -1}, "{value_negative,-1}")
    expect_refusal(connection, {"x-max-priority": "5"}, '"expected integer, got longstr"')
    for kind in ("quorum", "stream"):
        arguments = {"x-max-priority": 5, "x-queue-type": kind}
        expect_refusal(connection, arguments, "in vhost '/' of queue type rabbit_%s_queue" % kind, durable=True)
    channel.queue_delete(queue)
    channel.queue_delete(kept)
