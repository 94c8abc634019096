"""The tasks that the Celery cases run, and how they are routed. CELERY_CASE sets one case's queues apart from another's, CELERY_NOTES is a file of its own."""
import os
import time

from celery import Celery

CASE = os.environ["CELERY_CASE"]
NOTES = os.environ["CELERY_NOTES"]

app = Celery("tasks", broker=os.environ["AMQP_URL"], backend="rpc://")
app.conf.update(
    task_default_queue=CASE + ".fast",
    task_routes={"tasks.slow_add": {"queue": CASE + ".slow"}},
    task_publish_retry=False,
    worker_prefetch_multiplier=4,
    broker_connection_timeout=10,
    result_expires=60,
    task_queue_max_priority=int(os.environ.get("CELERY_PRIORITIES", 0)) or None,
    beat_schedule={"each second": {"task": "tasks.note", "schedule": 1.0, "args": ("beat",)}},
)


def write_down(text):
    with open(NOTES, "a") as file:
        file.write(text + "\n")


@app.task(name="tasks.add")
def add(x, y):
    return x + y


@app.task(name="tasks.slow_add")
def slow_add(x, y):
    return x + y


@app.task(name="tasks.flaky", bind=True, max_retries=5)
def flaky(self, succeeds_at):
    if self.request.retries < succeeds_at:
        raise self.retry(countdown=0.2)
    return self.request.retries


@app.task(name="tasks.note")
def note(text):
    write_down(text)


@app.task(name="tasks.careful", acks_late=True, bind=True)
def careful(self, number):
    """Takes long on the first worker, which is killed meanwhile."""
    write_down("%s began %d" % (self.request.hostname, number))
    if self.request.hostname.startswith("doomed"):
        time.sleep(600)
    write_down("%s ended %d" % (self.request.hostname, number))
    return number
