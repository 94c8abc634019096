"""RPC: Fibonacci numbers by reply_to and correlation_id, over an exclusive reply queue and over direct reply-to."""
import threading
import uuid

import pika

from broker import DEADLINE, connect, expect, name


def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


def serve(requests, ready):
    with connect() as connection:
        channel = connection.channel()
        channel.queue_declare(queue=requests)
        channel.basic_qos(prefetch_count=1)
        ready.set()
        for method, properties, body in channel.consume(requests, inactivity_timeout=DEADLINE):
            if body in (None, b"stop"):
                break
            answer = pika.BasicProperties(correlation_id=properties.correlation_id)
            channel.basic_publish("", properties.reply_to, str(fibonacci(int(body))), answer)
            channel.basic_ack(method.delivery_tag)
        channel.queue_delete(requests)


class Client:
    def __init__(self, connection, reply_to):
        self.connection = connection
        self.channel = connection.channel()
        self.answers = {}
        self.reply_to = reply_to or self.channel.queue_declare(queue="", exclusive=True).method.queue
        self.channel.basic_consume(self.reply_to, self.on_answer, auto_ack=True)

    def on_answer(self, channel, method, properties, body):
        self.answers[properties.correlation_id] = int(body)

    def call(self, requests, n):
        call_id = str(uuid.uuid4())
        self.channel.basic_publish("", requests, str(n), pika.BasicProperties(reply_to=self.reply_to, correlation_id=call_id))
        for _ in range(DEADLINE * 10):
            if call_id in self.answers:
                return self.answers.pop(call_id)
            self.connection.process_data_events(time_limit=0.1)
        raise AssertionError("no answer for %d" % n)


requests = name("rpc")
ready = threading.Event()
server = threading.Thread(target=serve, args=(requests, ready), daemon=True)
server.start()
expect(ready.wait(DEADLINE), True, "the server declared its queue")
with connect() as connection:
    for reply_to in (None, "amq.rabbitmq.reply-to"):
        client = Client(connection, reply_to)
        for n in (0, 1, 2, 30, 90):
            expect(client.call(requests, n), fibonacci(n), "fib(%d) by %s" % (n, client.reply_to))
    connection.channel().basic_publish("", requests, "stop")
    server.join(DEADLINE)
    expect(server.is_alive(), False, "the server is still waiting")
