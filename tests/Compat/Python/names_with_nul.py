"""Names and keys with NUL in them, which PostgreSQL's text cannot have: everything of them works, and is there after the broker was killed and started again ("RESTART")."""
import pika

from broker import DEADLINE, connect, connect_again, expect, name

HEADERS = {"h\0": "v\0"}
TYPES = ("direct", "fanout", "topic", "headers")


def names(kind, durable):
    start = name(f"\0{kind}\0{durable}")
    return start + "\0", start + "x\0\0", "\0k\0\x01"


def binding(kind):
    return {"x-match": "all", **HEADERS} if kind == "headers" else None


def make(channel, kind, queue, exchange, key, durable):
    channel.exchange_declare(exchange, kind, durable=durable)
    channel.queue_declare(queue, durable=durable)
    channel.queue_bind(queue, exchange, key, arguments=binding(kind))
    persistent = pika.BasicProperties(delivery_mode=2, headers=HEADERS)
    channel.basic_publish(exchange, key, b"by the exchange", persistent, mandatory=True)
    channel.basic_publish("", queue, b"by its name", persistent, mandatory=True)
    method, properties, body = channel.basic_get(queue)
    expect((method.exchange, method.routing_key, body), (exchange, key, b"by the exchange"), "the first message")
    expect(properties.headers, HEADERS, "its headers")
    channel.basic_nack(method.delivery_tag, requeue=True)


def use(channel, kind, queue, exchange, key):
    bodies = []
    for method, _, body in channel.consume(queue, inactivity_timeout=DEADLINE):
        expect(method is not None, True, "a delivery came")
        channel.basic_ack(method.delivery_tag)
        bodies.append(body)
        if len(bodies) == 2:
            break
    channel.cancel()
    expect(bodies, [b"by the exchange", b"by its name"], "bodies")
    channel.basic_publish(exchange, key, b"once more", pika.BasicProperties(headers=HEADERS), mandatory=True)
    expect(channel.queue_purge(queue).method.message_count, 1, "messages of the purge")
    channel.queue_unbind(queue, exchange, key, arguments=binding(kind))
    channel.queue_delete(queue)
    channel.exchange_delete(exchange, if_unused=True)


def is_gone(connection, queue):
    try:
        connection.channel().queue_declare(queue, passive=True)
    except pika.exceptions.ChannelClosedByBroker as closed:
        return closed.reply_code == 404
    return False


def main():
    connection = connect()
    channel = connection.channel()
    channel.confirm_delivery()
    durable = {kind: names(kind, True) for kind in TYPES}
    transient = {kind: names(kind, False) for kind in TYPES}
    for kind in TYPES:
        make(channel, kind, *durable[kind], True)
        make(channel, kind, *transient[kind], False)
        use(channel, kind, *transient[kind])

    print("RESTART", flush=True)
    try:
        while True:
            connection.process_data_events(time_limit=DEADLINE)
    except (pika.exceptions.AMQPError, OSError):
        pass

    with connect_again() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for kind in TYPES:
            use(channel, kind, *durable[kind])
            expect(is_gone(connection, durable[kind][0]), True, "the queue is gone")


main()
