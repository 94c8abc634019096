"""Confirms, a mandatory message that comes back, acks, and nack with requeue, as pika reports them."""
import pika
from pika.exceptions import UnroutableError

from broker import DEADLINE, connect, expect, name

with connect() as connection:
    channel = connection.channel()
    channel.confirm_delivery()
    queue = name("guarantees")
    channel.queue_declare(queue=queue, durable=True)
    for body in ("a", "b"):
        channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2), mandatory=True)
    try:
        channel.basic_publish("", queue + ".missing", "back", mandatory=True)
        raise AssertionError("the unroutable message was taken")
    except UnroutableError as error:
        expect([message.body for message in error.messages], [b"back"], "returned bodies")
        expect(error.messages[0].method.reply_code, 312, "reply code of the return")

    seen = []
    for method, _, body in channel.consume(queue, inactivity_timeout=DEADLINE):
        if body is None:
            raise AssertionError("only %r came" % seen)
        seen.append((body.decode(), method.redelivered))
        if seen == [("a", False)]:
            channel.basic_nack(method.delivery_tag, requeue=True)
        else:
            channel.basic_ack(method.delivery_tag)
        if len(seen) == 3:
            break
    channel.cancel()
    expect(sorted(seen), [("a", False), ("a", True), ("b", False)], "deliveries")
    expect(channel.queue_delete(queue, if_empty=True).method.message_count, 0, "left in the queue")
