"""A worker is killed with SIGKILL while it holds tasks with acks_late: another one does them, and all the rest."""
import signal

from case import DEADLINE, expect, notes, wait_until, worker
from celery.result import ResultSet
from tasks import careful

with worker("doomed", ["fast"], "-P", "solo") as doomed:
    results = [careful.delay(number) for number in range(20)]
    wait_until(lambda: any(" began " in line for line in notes()), "the first worker has begun a task")
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
with worker("heir", ["fast"]):
    expect(ResultSet(results).get(timeout=DEADLINE), list(range(20)), "results")
    begun = [line.split() for line in notes() if " began " in line]
    lost = [int(number) for name, _, number in begun if name.startswith("doomed")]
    redone = [int(number) for name, _, number in begun if name.startswith("heir")]
    expect(lost, [0], "what the killed worker had begun")
    expect(sorted(redone), list(range(20)), "what the other one did")
