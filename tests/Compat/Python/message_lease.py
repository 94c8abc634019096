"""x-message-lease: what a client keeps too long comes again, in its place, and what it says of it later does no harm."""
import time

import pika
from pika.exceptions import ChannelClosedByBroker

from broker import DEADLINE, connect, expect, name, wait_until

# The second is longer than this takes, also on a busy machine.
LEASE, LONG_LEASE = 400, 60_000


def expect_refusal(connection, code, reason, action):
    channel = connection.channel()
    try:
        action(channel)
    except ChannelClosedByBroker as closed:
        expect((closed.reply_code, closed.reply_text[-len(reason):]), (code, reason), "the refusal")
        return
    raise AssertionError("nothing was refused; %r was expected" % reason)


def publish(channel, queue, *bodies, **properties):
    for body in bodies:
        channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2, **properties), mandatory=True)


def deliveries(channel, queue, count, **arguments):
    """The next deliveries, unacknowledged: (tag, body, redelivered, count of deliveries)."""
    found = []
    for method, properties, body in channel.consume(queue, inactivity_timeout=DEADLINE, arguments=arguments or None):
        expect(method is not None, True, "a delivery of %s came, after %r" % (queue, found))
        found.append((method.delivery_tag, body, method.redelivered, (properties.headers or {}).get("x-delivery-count")))
        if len(found) == count:
            return found


with connect() as connection:
    channel = connection.channel()
    channel.confirm_delivery()
    channel.basic_qos(prefetch_count=2)
    queue = name("lease")
    channel.queue_declare(queue=queue, durable=True, arguments={"x-message-lease": LEASE})
    publish(channel, queue, b"a", b"b", b"c")

    # Two are kept until they come again, before the third.
    expect(deliveries(channel, queue, 4), [(1, b"a", False, None), (2, b"b", False, None), (3, b"a", True, None), (4, b"b", True, None)], "deliveries")
    channel.basic_ack(1)
    channel.basic_nack(2, requeue=False)
    channel.cancel()

    # To a consumer whose lease is longer: what is said of these is in time.
    wait_until(lambda: channel.queue_declare(queue=queue, passive=True).method.message_count == 3, "all are back")
    own = {"x-message-lease": LONG_LEASE}
    found = deliveries(channel, queue, 2, **own)
    expect([kept[1:] for kept in found], [(b"a", True, None), (b"b", True, None)], "deliveries that may be kept for longer")
    last = found[-1][0]
    channel.basic_ack(last, multiple=True)
    expect([found[:3] for found in deliveries(channel, queue, 1, **own)], [(last + 1, b"c", False)], "what the acknowledgement made room for")
    channel.basic_ack(last + 1)
    channel.cancel()
    expect(channel.queue_declare(queue=queue, passive=True).method.message_count, 0, "messages left")

    # basic.get has the queue's lease, too; a tag that never was closes the channel.
    publish(channel, queue, b"d")
    late = channel.basic_get(queue)
    expect((late[0].delivery_tag, late[2]), (last + 2, b"d"), "the message that is got")
    end = time.monotonic() + DEADLINE
    while (got := channel.basic_get(queue, auto_ack=True))[0] is None and time.monotonic() < end:
        time.sleep(0.02)
    expect((got[0].delivery_tag, got[0].redelivered, got[2]), (last + 3, True, b"d"), "the message that is got again")
    channel.basic_ack(late[0].delivery_tag)

    def acknowledge_what_never_was(other):
        other.basic_ack(99)
        other.queue_declare(queue=queue, passive=True)

    expect_refusal(connection, 406, "unknown delivery tag 99", acknowledge_what_never_was)

    # A quorum queue counts it; a consumer may have a lease of its own; messages of a group follow each other all the same.
    counted = name("lease.quorum")
    channel.queue_declare(queue=counted, durable=True, arguments={"x-queue-type": "quorum", "x-delivery-limit": 2, "x-message-group": "group"})
    publish(channel, counted, b"e", b"f", headers={"group": "g"})
    found = deliveries(channel, counted, 6, **{"x-message-lease": LEASE})
    expect(sorted(body for _, body, _, _ in found), [b"e"] * 3 + [b"f"] * 3, "deliveries up to the limit")
    expect([count for _, body, _, count in found if body == b"e"], [None, 1, 2], "counts of deliveries")
    channel.cancel()

    # A transaction that settles what is too late does nothing.
    publish(channel, queue, b"g")
    with connect() as other:
        transactional = other.channel()
        transactional.tx_select()
        tag = transactional.basic_get(queue)[0].delivery_tag
        transactional.basic_publish("", queue, b"h")
        while channel.queue_declare(queue=queue, passive=True).method.message_count == 0:
            time.sleep(0.02)
        transactional.basic_ack(tag)
        try:
            transactional.tx_commit()
            raise AssertionError("the commit was answered")
        except ChannelClosedByBroker as closed:
            expect((closed.reply_code, closed.reply_text), (406, "PRECONDITION_FAILED - the lease of a delivery that the transaction settles is over"), "the commit")
    expect(channel.queue_declare(queue=queue, passive=True).method.message_count, 1, "messages after the commit")

    for value, reason in ((0, "{value_zero,0}"), (-1, "{value_negative,-1}"), ("1", '"expected integer, got longstr"')):
        expect_refusal(connection, 406, reason, lambda other: other.queue_declare(queue=name("refused"), arguments={"x-message-lease": value}))
    expect_refusal(connection, 406, "received '500' but current is '%d'" % LEASE, lambda other: other.queue_declare(queue=queue, durable=True, arguments={"x-message-lease": 500}))
    channel.queue_delete(queue)
    channel.queue_delete(counted)
