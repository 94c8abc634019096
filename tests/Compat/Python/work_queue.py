"""Durable queue, persistent tasks, prefetch 1; a worker is killed with a task in hand, and the other one gets that task."""
import os
import subprocess
import sys

import pika

from broker import connect, expect, name, wait_until


def work_and_stall(queue):
    """Takes one task, says so, and never acknowledges it."""
    channel = connect().channel()
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(queue, lambda ch, method, _, body: print(body.decode(), flush=True))
    channel.start_consuming()


def run():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = name("tasks")
        channel.queue_declare(queue=queue, durable=True)

        stalled = subprocess.Popen([sys.executable, os.path.abspath(__file__), queue], stdout=subprocess.PIPE, text=True)
        tasks = ["task %d" % i for i in range(6)]
        for task in tasks:
            channel.basic_publish("", queue, task, pika.BasicProperties(delivery_mode=2), mandatory=True)
        expect(stalled.stdout.readline().strip(), "task 0", "the task of the first worker")

        done, redelivered = [], []

        def work(ch, method, _, body):
            done.append(body.decode())
            if method.redelivered:
                redelivered.append(body.decode())
            ch.basic_ack(method.delivery_tag)

        channel.basic_qos(prefetch_count=1)
        channel.basic_consume(queue, work)

        def count_reached(count):
            connection.process_data_events(time_limit=0.05)
            return len(done) >= count

        wait_until(lambda: count_reached(5), "five tasks for the second worker")
        expect(done, tasks[1:], "what the second worker does while the first holds a task")
        stalled.kill()
        stalled.wait()
        wait_until(lambda: count_reached(6), "the killed worker's task")
        expect(done[5:], ["task 0"], "redelivered task")
        expect(redelivered, ["task 0"], "tasks marked redelivered")
        channel.queue_delete(queue)


if len(sys.argv) > 1:
    work_and_stall(sys.argv[1])
else:
    run()
