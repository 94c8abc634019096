"""A stream of which all is there after the broker was killed and started again ("RESTART"), with the offsets that went before; it goes on behind them."""
import pika

from broker import DEADLINE, connect, connect_again, expect, name

COUNT = 3000
SEGMENT = 20_000


def publish(connection, queue, first, end):
    channel = connection.channel()
    channel.confirm_delivery()
    for number in range(first, end):
        channel.basic_publish("", queue, b"%d" % number, pika.BasicProperties(delivery_mode=1 + number % 2), mandatory=True)
    channel.close()


def read(connection, queue, offset, count):
    channel = connection.channel()
    channel.basic_qos(prefetch_count=100)
    found = []
    for method, properties, body in channel.consume(queue, arguments={"x-stream-offset": offset}, inactivity_timeout=DEADLINE):
        expect(method is not None, True, "a delivery came, after %d" % len(found))
        found.append((properties.headers["x-stream-offset"], int(body)))
        channel.basic_ack(method.delivery_tag)
        if len(found) == count:
            break
    channel.close()
    return found


def offsets(first, end):
    return [(number, number) for number in range(first, end)]


def limit(connection, queue):
    """A stream that keeps no more than a few segments: what of it is there."""
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1000)
    for method, properties, body in channel.consume(queue, arguments={"x-stream-offset": 0}, inactivity_timeout=DEADLINE):
        first = properties.headers["x-stream-offset"]
        channel.close()
        return first


def run():
    connection = connect()
    queue, limited = name("stream"), name("limited")
    arguments = {"x-queue-type": "stream"}
    short = {**arguments, "x-max-length-bytes": 3 * SEGMENT, "x-stream-max-segment-size-bytes": SEGMENT}
    connection.channel().queue_declare(queue, durable=True, arguments=arguments)
    connection.channel().queue_declare(limited, durable=True, arguments=short)
    publish(connection, queue, 0, COUNT)
    publish(connection, limited, 0, COUNT)
    began = limit(connection, limited)
    expect(0 < began < COUNT, True, "%d messages were dropped" % began)
    expect(read(connection, limited, began, COUNT - began), offsets(began, COUNT), "what is kept")
    print("RESTART", flush=True)
    while connection.is_open:
        try:
            connection.process_data_events(time_limit=0.1)
        except pika.exceptions.AMQPError:
            break

    connection = connect_again()
    expect(connection.channel().queue_declare(queue, passive=True).method.message_count, COUNT, "messages that are there")
    expect(read(connection, queue, "first", COUNT), offsets(0, COUNT), "all of it")
    expect(read(connection, queue, COUNT - 10, 10), offsets(COUNT - 10, COUNT), "its end")
    expect(read(connection, queue, "1h", COUNT), offsets(0, COUNT), "what came in the last hour")
    publish(connection, queue, COUNT, COUNT + 10)
    expect(read(connection, queue, COUNT - 5, 15), offsets(COUNT - 5, COUNT + 10), "what came before and after")

    expect(limit(connection, limited), began, "the first that is kept")
    expect(read(connection, limited, began, COUNT - began), offsets(began, COUNT), "what is kept")
    publish(connection, limited, COUNT, 2 * COUNT)
    after = limit(connection, limited)
    expect(COUNT < after < 2 * COUNT, True, "%d were dropped" % after)
    expect(read(connection, limited, 0, 2 * COUNT - after), offsets(after, 2 * COUNT), "what is kept now")
    connection.channel().queue_delete(queue)
    connection.channel().queue_delete(limited)
    connection.close()


if __name__ == "__main__":
    run()
