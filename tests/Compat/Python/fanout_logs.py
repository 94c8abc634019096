"""Publish and subscribe: every exclusive, server-named queue bound to the fanout exchange gets every log line."""
from broker import bodies, connect, expect, name

with connect() as emitter, connect() as first, connect() as second:
    logs = name("logs")
    publisher = emitter.channel()
    publisher.exchange_declare(exchange=logs, exchange_type="fanout")
    publisher.basic_publish(exchange=logs, routing_key="", body="lost: nobody listens")
    # Answered when what was published before it on the channel has been read; the queues are bound by other connections.
    publisher.exchange_declare(exchange=logs, passive=True)

    receivers = []
    for connection in (first, second):
        channel = connection.channel()
        queue = channel.queue_declare(queue="", exclusive=True).method.queue
        expect(queue.startswith("amq.gen-"), True, "server-named queue " + queue)
        channel.queue_bind(exchange=logs, queue=queue)
        receivers.append((channel, queue))

    lines = ["line %d" % i for i in range(10)]
    for line in lines:
        publisher.basic_publish(exchange=logs, routing_key="ignored", body=line)
    for channel, queue in receivers:
        expect(bodies(channel, queue, len(lines)), lines, "what " + queue + " got")
    publisher.exchange_delete(logs)
