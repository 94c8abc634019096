"""300 tasks over two routed queues with results by rpc://, retry, countdown, chain, group, and inspect ping."""
import time

from case import DEADLINE, expect, wait_until, worker
from celery import chain, group
from celery.result import ResultSet
from tasks import add, app, flaky, slow_add

with worker("fast", ["fast"]), worker("slow", ["slow"]):
    results = [(add if i % 2 == 0 else slow_add).delay(i, 1000) for i in range(300)]
    expect(ResultSet(results).get(timeout=DEADLINE), [i + 1000 for i in range(300)], "300 results")

    expect(flaky.delay(3).get(timeout=DEADLINE), 3, "a task that succeeds at its third retry")

    asked = time.monotonic()
    expect(add.apply_async((1, 2), countdown=2).get(timeout=DEADLINE), 3, "the result of a task with a countdown")
    expect(time.monotonic() - asked >= 1.9, True, "a countdown of 2 s takes as long")

    expect(chain(add.s(1, 2), slow_add.s(10), add.s(100))().get(timeout=DEADLINE), 113, "a chain")
    expect(group(slow_add.s(i, i) for i in range(10))().get(timeout=DEADLINE), [2 * i for i in range(10)], "a group")

    names = set()

    def both_answer():
        names.update(name.split("@")[0] for reply in app.control.ping(timeout=1) for name in reply)
        return names == {"fast", "slow"}

    wait_until(both_answer, "both workers answer a ping")
    pongs = app.control.inspect(timeout=2).ping()
    expect(sorted(pongs.values(), key=str), [{"ok": "pong"}] * 2, "inspect ping")
