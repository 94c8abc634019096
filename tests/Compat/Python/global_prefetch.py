"""basic.qos with global, as Celery asks: persistent messages of a durable queue come, no more of them at once than the channel's limit."""
import pika

from broker import connect, expect, name, wait_until

LIMIT = 3
TASKS = ["task %d" % i for i in range(10)]

with connect() as connection:
    publisher = connection.channel()
    publisher.confirm_delivery()
    queue = name("global")
    publisher.queue_declare(queue=queue, durable=True)
    for task in TASKS[:6]:
        publisher.basic_publish("", queue, task, pika.BasicProperties(delivery_mode=2), mandatory=True)

    channel = connection.channel()
    channel.basic_qos(prefetch_count=LIMIT, global_qos=True)
    done, open_tags = [], []

    def take(_, method, __, body):
        done.append(body.decode())
        open_tags.append(method.delivery_tag)

    channel.basic_consume(queue, take)

    def reached(count):
        connection.process_data_events(time_limit=0.05)
        return len(done) >= count

    wait_until(lambda: reached(LIMIT), "as many messages as the limit allows")
    connection.process_data_events(time_limit=0.3)
    expect(done, TASKS[:LIMIT], "what comes before anything is acknowledged")

    def settled(count):
        while open_tags:
            channel.basic_ack(open_tags.pop(0))
        return reached(count)

    wait_until(lambda: settled(6), "what had been published before the consumer came")
    for task in TASKS[6:]:
        publisher.basic_publish("", queue, task, pika.BasicProperties(delivery_mode=2), mandatory=True)
    wait_until(lambda: settled(len(TASKS)), "what was published since")
    expect(done, TASKS, "all of them, in order")
    settled(len(TASKS))
    connection.process_data_events(time_limit=0.1)
    channel.close()
    expect(publisher.queue_delete(queue).method.message_count, 0, "left in the queue")
