"""Tasks that wait for a worker are done by priority, and those of one priority in their order."""
import os

os.environ["CELERY_PRIORITIES"] = "10"

from case import DEADLINE, expect, notes, worker
from celery.result import ResultSet
from tasks import note

PRIORITIES = [0, 9, 3, 9, None, 3, 10, 1]

results = [note.apply_async(("%s %d" % (priority, i),), priority=priority) for i, priority in enumerate(PRIORITIES)]
with worker("lone", ["fast"], "--prefetch-multiplier", "1", "-P", "solo"):
    ResultSet(results).get(timeout=DEADLINE)
by_priority = sorted(enumerate(PRIORITIES), key=lambda task: -(task[1] or 0))
expect(notes(), ["%s %d" % (priority, i) for i, priority in by_priority], "the order of the tasks")
