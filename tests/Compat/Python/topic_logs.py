"""Topics: '#', '*' and several words, and the critters of the tutorial."""
from broker import bodies, connect, expect, name

with connect() as connection:
    channel = connection.channel()
    logs = name("topic_logs")
    channel.exchange_declare(exchange=logs, exchange_type="topic")

    def receiver(*patterns):
        queue = channel.queue_declare(queue="", exclusive=True).method.queue
        for pattern in patterns:
            channel.queue_bind(exchange=logs, queue=queue, routing_key=pattern)
        return queue

    keys = [
        "kern.info", "cron.critical", "kern", "lazy", "lazy.orange.male.rabbit", "quick.orange.rabbit",
        "lazy.orange.elephant", "quick.orange.fox", "lazy.pink.rabbit", "quick.brown.fox", "orange", "..", "",
    ]
    cases = {
        receiver("#"): keys,
        receiver("*.info"): ["kern.info"],
        receiver("kern.*", "*.critical"): ["kern.info", "cron.critical"],
        receiver("lazy.*"): [],
        receiver("lazy.#"): ["lazy", "lazy.orange.male.rabbit", "lazy.orange.elephant", "lazy.pink.rabbit"],
        receiver("*.orange.*"): ["quick.orange.rabbit", "lazy.orange.elephant", "quick.orange.fox"],
        receiver("*.*.rabbit", "lazy.#"):
            ["lazy", "lazy.orange.male.rabbit", "quick.orange.rabbit", "lazy.orange.elephant", "lazy.pink.rabbit"],
        receiver("#.rabbit"): ["lazy.orange.male.rabbit", "quick.orange.rabbit", "lazy.pink.rabbit"],
        receiver("*.*.*"):
            ["quick.orange.rabbit", "lazy.orange.elephant", "quick.orange.fox", "lazy.pink.rabbit", "quick.brown.fox", ".."],
        receiver("#.orange.#"):
            ["lazy.orange.male.rabbit", "quick.orange.rabbit", "lazy.orange.elephant", "quick.orange.fox", "orange"],
    }
    for key in keys:
        channel.basic_publish(exchange=logs, routing_key=key, body=key)
    for queue, expected in cases.items():
        end = "end of " + queue
        channel.basic_publish(exchange="", routing_key=queue, body=end)
        expect(bodies(channel, queue, len(expected) + 1), expected + [end], queue)
    channel.exchange_delete(logs)
