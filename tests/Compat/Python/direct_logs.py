"""Routing: a queue gets the severities it is bound with, once each even when two bindings match."""
from broker import bodies, connect, expect, name

with connect() as connection:
    channel = connection.channel()
    logs = name("direct_logs")
    channel.exchange_declare(exchange=logs, exchange_type="direct")

    def receiver(*severities):
        queue = channel.queue_declare(queue="", exclusive=True).method.queue
        for severity in severities:
            channel.queue_bind(exchange=logs, queue=queue, routing_key=severity)
        return queue

    errors = receiver("error")
    everything = receiver("info", "warning", "error", "error")
    for severity in ("info", "warning", "error", "debug", "error"):
        channel.basic_publish(exchange=logs, routing_key=severity, body=severity)

    expect(bodies(channel, errors, 2), ["error", "error"], "errors alone")
    expect(bodies(channel, everything, 4), ["info", "warning", "error", "error"], "all severities but debug")
    expect(channel.queue_declare(errors, passive=True).method.message_count, 0, "left for errors")
    channel.exchange_delete(logs)
