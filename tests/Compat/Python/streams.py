"""Streams: read by many, from wherever they want, with acknowledgements as credit; and what is refused of them."""
import datetime
import time

import pika
import pika.exceptions

from broker import DEADLINE, connect, expect, name, wait_until


def declare(channel, **arguments):
    queue = name("stream")
    channel.queue_declare(queue=queue, durable=True, arguments={"x-queue-type": "stream", **{"x-" + key.replace("_", "-"): value for key, value in arguments.items()}})
    return queue


def publish(channel, queue, bodies, headers=None):
    for body in bodies:
        channel.basic_publish("", queue, body, pika.BasicProperties(headers=headers, content_type="text/plain", message_id=body), mandatory=True)


def numbers(first, end):
    return ["%d" % number for number in range(first, end)]


def read(connection, queue, count, prefetch=10, acks=True, **arguments):
    """The next `count` messages from an offset on, as (offset, body); and that no more come at once."""
    channel = connection.channel()
    channel.basic_qos(prefetch_count=prefetch)
    found = []
    for method, properties, body in channel.consume(queue, arguments={"x-" + key.replace("_", "-"): value for key, value in arguments.items()}, inactivity_timeout=DEADLINE if count else 0.2):
        if body is None:
            break
        expect((method.redelivered, method.routing_key, properties.content_type, properties.message_id), (False, queue, "text/plain", body.decode()), "what was published")
        found.append((properties.headers["x-stream-offset"], body.decode()))
        if acks:
            channel.basic_ack(method.delivery_tag)
        if len(found) == count:
            break
    channel.close()
    return found


def offsets(first, end):
    return [(number, "%d" % number) for number in range(first, end)]


def read_from_offsets(connection, channel):
    queue = declare(channel)
    publish(channel, queue, numbers(0, 100))
    expect(read(connection, queue, 100, stream_offset="first"), offsets(0, 100), "from the first")
    expect(read(connection, queue, 1, stream_offset="last"), offsets(99, 100), "the last")
    expect(read(connection, queue, 0, stream_offset="next"), [], "what comes next")
    expect(read(connection, queue, 0), [], "what comes by default")
    expect(read(connection, queue, 40, stream_offset=60), offsets(60, 100), "from an offset")
    expect(read(connection, queue, 0, stream_offset=1000), [], "from beyond the end")
    expect(read(connection, queue, 100, stream_offset="1h"), offsets(0, 100), "what came in the last hour")
    past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
    expect(read(connection, queue, 100, stream_offset=past), offsets(0, 100), "what came since a time")
    future = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    expect(read(connection, queue, 0, stream_offset=future), [], "what comes after a time to come")
    expect(read(connection, queue, 100, stream_offset="first"), offsets(0, 100), "all of it again")


def two_consumers_on_a_channel(connection, channel):
    queue = declare(channel)
    publish(channel, queue, numbers(0, 50))
    reader = connection.channel()
    reader.basic_qos(prefetch_count=7)
    found = {"a": [], "b": []}

    def take(ch, method, properties, body):
        found[method.consumer_tag].append((properties.headers["x-stream-offset"], body.decode()))
        ch.basic_ack(method.delivery_tag)

    reader.basic_consume(queue, take, consumer_tag="a", arguments={"x-stream-offset": "first"})
    reader.basic_consume(queue, take, consumer_tag="b", arguments={"x-stream-offset": 10})
    publish(channel, queue, numbers(50, 60))
    end = time.monotonic() + DEADLINE
    while (len(found["a"]), len(found["b"])) != (60, 50) and time.monotonic() < end:
        connection.process_data_events(time_limit=0.1)
    expect(found, {"a": offsets(0, 60), "b": offsets(10, 60)}, "what two consumers read")
    reader.close()


def acknowledgements_are_credit(connection, channel):
    queue = declare(channel)
    publish(channel, queue, numbers(0, 20))
    reader = connection.channel()
    reader.basic_qos(prefetch_count=5)
    tags = []
    reader.basic_consume(queue, lambda ch, method, properties, body: tags.append(method.delivery_tag), arguments={"x-stream-offset": "first"})
    wait_until(lambda: connection.process_data_events(time_limit=0.05) or len(tags) == 5, "a prefetch of messages")
    connection.process_data_events(time_limit=0.2)
    expect(tags, [1, 2, 3, 4, 5], "no more than the prefetch")
    reader.basic_ack(2, multiple=True)
    reader.basic_reject(3, requeue=True)
    wait_until(lambda: connection.process_data_events(time_limit=0.05) or len(tags) == 8, "what settlements made room for")
    connection.process_data_events(time_limit=0.2)
    expect(len(tags), 8, "what settlements made room for, and nothing twice")
    reader.close()
    expect(channel.queue_declare(queue, passive=True).method.message_count, 20, "messages that stay")


def filters(connection, channel):
    queue = declare(channel)
    for number in numbers(0, 30):
        publish(channel, queue, [number], headers={"x-stream-filter-value": "even" if int(number) % 2 == 0 else "odd"} if int(number) < 20 else None)
    even = [(number, "%d" % number) for number in range(0, 20, 2)]
    expect(read(connection, queue, 10, stream_offset="first", stream_filter="even"), even, "what has a filter value")
    expect(read(connection, queue, 20, stream_offset="first", stream_filter=["even", "none"], stream_match_unfiltered=True), even + offsets(20, 30), "and what has none")


def refused(url_connection, action, code, text):
    connection = url_connection()
    try:
        action(connection.channel())
        raise AssertionError("not refused: " + text)
    except (pika.exceptions.ChannelClosedByBroker, pika.exceptions.ConnectionClosedByBroker) as closed:
        expect((closed.reply_code, text in closed.reply_text), (code, True), closed.reply_text)
        expect(isinstance(closed, pika.exceptions.ConnectionClosedByBroker), code == 540, "what was closed")
    finally:
        if connection.is_open:
            connection.close()


def refusals(channel):
    queue = declare(channel)
    what = "queue '%s' in vhost '/'" % queue

    def consume(ch, prefetch=10, qos_of_all=False, auto_ack=False, queue=queue, **arguments):
        ch.basic_qos(prefetch_count=prefetch, global_qos=qos_of_all)
        ch.basic_consume(queue, lambda *_: None, auto_ack=auto_ack, arguments={"x-" + key.replace("_", "-"): value for key, value in arguments.items()})

    refused(connect, lambda ch: consume(ch, prefetch=0), 406, "consumer prefetch count is not set for stream " + what)
    refused(connect, lambda ch: consume(ch, auto_ack=True), 540, "automatic acknowledgement not supported by stream " + what)
    refused(connect, lambda ch: (ch.basic_qos(prefetch_count=5), consume(ch, qos_of_all=True)), 540, what + " does not support global qos")
    refused(connect, lambda ch: consume(ch, stream_offset="some"), 406, "invalid arg 'x-stream-offset' for %s: {invalid_stream_offset_arg,{longstr,<<\"some\">>}}" % what)
    refused(connect, lambda ch: consume(ch, priority=5), 406, "invalid arg 'x-priority' for %s of queue type rabbit_stream_queue" % what)
    refused(connect, lambda ch: ch.basic_get(queue), 540, "basic.get not supported by stream queues " + what)
    refused(connect, lambda ch: ch.queue_purge(queue), 540, "queue.purge not supported by stream queues " + what)
    for argument, value in {"x-message-ttl": 1000, "x-expires": 1000, "x-max-length": 5, "x-dead-letter-exchange": "x", "x-max-priority": 5, "x-single-active-consumer": True}.items():
        refused(connect, lambda ch: ch.queue_declare(name("refused"), durable=True, arguments={"x-queue-type": "stream", argument: value}), 406, "of queue type rabbit_stream_queue")
    channel.queue_delete(queue, if_unused=True, if_empty=True)


def run():
    connection = connect()
    channel = connection.channel()
    channel.confirm_delivery()
    read_from_offsets(connection, channel)
    two_consumers_on_a_channel(connection, channel)
    acknowledgements_are_credit(connection, channel)
    filters(connection, channel)
    refusals(channel)
    connection.close()


if __name__ == "__main__":
    run()
