"""Beat sends a task each second, and a worker does it."""
import os

from case import NOTES, celery, notes, wait_until, worker

schedule = os.path.join(NOTES, "schedule")
with worker("beaten", ["fast"]):
    beat = celery("beat", "-s", schedule, "--pidfile=", "-l", "warning")
    try:
        wait_until(lambda: notes().count("beat") >= 3, "three beats")
    finally:
        beat.terminate()
        beat.wait()
