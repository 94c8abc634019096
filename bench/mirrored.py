"""The clients of mirrored.sh: publishes in rounds over all nodes, consumes, and ends and starts nodes meanwhile."""

import asyncio
import os
import random
import signal
import sys
import time

import aio_pika

PAUSE = 0.1
SETTLED = 3.0  # Seconds without a longer confirm, after which an event is over.

home, rounds, hang, count, seed, *ports = sys.argv[1:]
rounds, hang, count = int(rounds), float(hang), int(count)
queues = [f"mirrored.{number}" for number in range(count)]
confirmed, delivered = set(), set()
closed = 0
stopping = False


async def connect(node):
    """A connection to a node, or to the next one that takes it."""
    while True:
        try:
            connection = await aio_pika.connect(host="127.0.0.1", port=int(ports[node]), heartbeat=8, timeout=2)
            return connection, node
        except Exception:
            node = (node + 1) % len(ports)
            await asyncio.sleep(PAUSE)


class Publisher:
    """Publishes two messages to each queue, waits until all are confirmed, and begins again."""

    def __init__(self, number, home_node):
        self.number, self.home, self.published, self.rounds = number, home_node, 0, 0
        self.stayed = self.recovered = 0.0
        self.under = {}

    def longest(self):
        """The longest confirm since the last call, that which is not there yet included: for who stayed connected, and for who had to connect again."""
        now = time.monotonic()
        stayed, recovered = self.stayed, self.recovered
        for began, first in self.under.values():
            if first:
                stayed = max(stayed, now - began)
            else:
                recovered = max(recovered, now - began)
        self.stayed = self.recovered = 0.0
        return stayed, recovered

    async def run(self):
        global closed
        node = self.home
        while not stopping:
            connection, node = await connect(node)
            try:
                channel = await connection.channel(publisher_confirms=True)
                while not stopping:
                    if node != self.home and await self.is_home_there():
                        node = self.home
                        break
                    await asyncio.gather(*(self.publish(channel, queue, which) for queue in queues for which in range(2)))
                    self.rounds += 1
                    await asyncio.sleep(PAUSE)
                await connection.close()
            except Exception:
                closed += 1
                node = (node + 1) % len(ports)
                self.under = {key: (began, False) for key, (began, _) in self.under.items()}
                try:
                    await asyncio.wait_for(connection.close(), 2)
                except Exception:
                    pass

    async def is_home_there(self):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", int(ports[self.home]))
            writer.close()
            return True
        except OSError:
            return False

    async def publish(self, channel, queue, which):
        self.published += 1
        body = f"{self.number}/{self.published}"
        began, first = self.under.setdefault((queue, which), (time.monotonic(), True))
        await channel.default_exchange.publish(aio_pika.Message(body.encode(), delivery_mode=2), queue)
        confirmed.add((queue, body))
        took = time.monotonic() - began
        self.under.pop((queue, which), None)
        if first:
            self.stayed = max(self.stayed, took)
        else:
            self.recovered = max(self.recovered, took)


async def consume(node, share):
    global closed
    own = node
    while not stopping:
        connection, node = await connect(node)
        over = asyncio.get_running_loop().create_future()
        connection.close_callbacks.add(lambda *_: over.done() or over.set_result(None))
        try:
            channel = await connection.channel()
            await channel.set_qos(50)
            for queue in queues[share :: len(ports)]:
                await (await channel.declare_queue(queue, durable=True)).consume(take(queue))
            await over
        except Exception:
            await asyncio.sleep(PAUSE)
        if not stopping:
            closed += 1
            node = (node + 1) % len(ports)


def take(queue):
    async def received(message):
        delivered.add((queue, message.body.decode()))
        try:
            await message.ack()
        except Exception:
            pass  # It comes again.

    return received


async def start(node):
    process = await asyncio.create_subprocess_exec(f"{home}/{node + 1}/start")
    await process.wait()


async def happen(kind, node):
    with open(f"{home}/{node + 1}/pid", encoding="ascii") as file:
        pid = int(file.read())
    os.kill(pid, getattr(signal, "SIG" + kind))
    if kind == "STOP":
        await asyncio.sleep(hang)
        os.kill(pid, signal.SIGCONT)
        return
    while os.path.exists(f"/proc/{pid}"):
        await asyncio.sleep(PAUSE)


async def settle(publishers):
    """Until each publisher has had a whole round that began after this call, and for a while after that."""
    before = [publisher.rounds for publisher in publishers]
    limit = time.monotonic() + 300
    while any(publisher.rounds < had + 2 for publisher, had in zip(publishers, before)):
        if time.monotonic() > limit:
            raise SystemExit("no whole round within five minutes")
        await asyncio.sleep(PAUSE)
    await asyncio.sleep(SETTLED)


async def main():
    global closed, stopping
    # The library's own tasks fail with the connections that are cut off here.
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    choice = random.Random(int(seed))
    connection, _ = await connect(0)
    channel = await connection.channel()
    for queue in queues:
        await channel.declare_queue(queue, durable=True)
    await connection.close()
    publishers = [Publisher(number, number % len(ports)) for number in range(4)]
    running = [asyncio.create_task(publisher.run()) for publisher in publishers]
    running += [asyncio.create_task(consume(node, node)) for node in range(len(ports))]
    await settle(publishers)
    print("| event | of | longest confirm of clients that stayed connected, s | of clients that connected again, s | connections closed | load of the machine |")
    print("|---|---|---|---|---|---|", flush=True)
    kinds = ["KILL", "TERM", "STOP"] * rounds
    choice.shuffle(kinds)
    for kind in kinds:
        node = choice.randrange(len(ports))
        closed = 0
        for publisher in publishers:
            publisher.longest()
        await happen(kind, node)
        await settle(publishers)
        stayed, recovered = (max(pair) for pair in zip(*(publisher.longest() for publisher in publishers)))
        if kind != "STOP":
            await start(node)
            await settle(publishers)
        load = os.getloadavg()[0]
        print(f"| {kind} | node {node + 1} | {stayed:.2f} | {recovered:.2f} | {closed} | {load:.1f} |", flush=True)

    stopping = True
    limit = time.monotonic() + 60
    while confirmed - delivered and time.monotonic() < limit:
        await asyncio.sleep(PAUSE)
    print(f"{len(confirmed)} messages confirmed, {len(confirmed - delivered)} of them did not come")
    os._exit(0 if not confirmed - delivered else 1)


asyncio.run(main())
