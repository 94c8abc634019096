"""What the Celery cases share: workers in processes of their own, and waiting with a deadline."""
import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid

DEADLINE = 40
FOLDER = os.path.dirname(os.path.abspath(__file__))
NOTES = tempfile.mkdtemp(prefix="granary-celery-")

os.environ["CELERY_CASE"] = "celery." + uuid.uuid4().hex[:12]
os.environ["CELERY_NOTES"] = os.path.join(NOTES, "notes")
atexit.register(shutil.rmtree, NOTES, True)


def expect(actual, expected, what):
    if actual != expected:
        raise AssertionError("%s: expected %r, got %r" % (what, expected, actual))


def wait_until(condition, what):
    end = time.monotonic() + DEADLINE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("never came true: %s; notes: %r" % (what, notes()))
        time.sleep(0.05)


def notes():
    """The lines that tasks have written down."""
    try:
        with open(os.environ["CELERY_NOTES"]) as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def celery(*arguments):
    command = [sys.executable, "-m", "celery", "-A", "tasks", *arguments]
    return subprocess.Popen(command, cwd=FOLDER)


@contextlib.contextmanager
def worker(name, queues, *arguments):
    """A worker with one process that runs tasks, ended in good order unless it is gone by then."""
    names = ",".join(os.environ["CELERY_CASE"] + "." + queue for queue in queues)
    process = celery("worker", "-n", name + "@%h", "-Q", names, "-c", "1", "-l", "warning", *arguments)
    try:
        yield process
        if process.poll() is None:
            process.terminate()
            expect(process.wait(DEADLINE), 0, "exit code of the worker " + name)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
