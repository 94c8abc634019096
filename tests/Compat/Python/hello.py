"""One message through a queue by the default exchange."""
from broker import bodies, connect, expect, name

with connect() as connection:
    channel = connection.channel()
    queue = name("hello")
    declared = channel.queue_declare(queue=queue)
    expect(declared.method.queue, queue, "declare-ok's name")
    channel.basic_publish(exchange="", routing_key=queue, body="Hello World!")
    expect(bodies(channel, queue, 1), ["Hello World!"], "the message")
    expect(channel.queue_delete(queue).method.message_count, 0, "left in the queue")
