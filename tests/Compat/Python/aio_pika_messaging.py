"""aio-pika over a robust connection: confirms, returns, prefetch, acks and requeue, and its RPC pattern."""
import asyncio
import os

import aio_pika
from aio_pika.exceptions import DeliveryError
from aio_pika.patterns import RPC

from broker import DEADLINE, expect, name


async def publish_and_consume(connection):
    channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
    await channel.set_qos(prefetch_count=5)
    exchange = await channel.declare_exchange(name("events"), aio_pika.ExchangeType.TOPIC, durable=True)
    queue = await channel.declare_queue(name("orders"), durable=True)
    await queue.bind(exchange, "order.*")

    async def publish(number, key):
        headers = {"number": number, "inner": {"flag": True}}
        message = aio_pika.Message(b"%d" % number, headers=headers, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        return await exchange.publish(message, key, mandatory=True, timeout=DEADLINE)

    await asyncio.gather(*(publish(i, "order.new") for i in range(200)))
    try:
        await publish(0, "invoice.new")
        raise AssertionError("the unroutable message was taken")
    except DeliveryError:
        pass

    seen = []
    async with queue.iterator() as messages:
        async for message in messages:
            if message.headers["number"] == 7 and not message.redelivered:
                await message.reject(requeue=True)
                continue
            async with message.process():
                seen.append(int(message.body))
                expect(message.headers["inner"], {"flag": True}, "headers")
            if len(seen) == 200:
                break
    expect(sorted(seen), list(range(200)), "bodies")
    left = await queue.declare()
    expect(left.message_count, 0, "left in the queue")
    await queue.delete()
    await exchange.delete()


async def call(connection):
    rpc = await RPC.create(await connection.channel())
    method = name("multiply")

    async def multiply(*, x, y):
        return x * y

    await rpc.register(method, multiply, auto_delete=True)
    answers = await asyncio.gather(*(rpc.call(method, kwargs={"x": i, "y": 3}) for i in range(50)))
    expect(answers, [i * 3 for i in range(50)], "answers")
    await rpc.unregister(multiply)


async def main():
    connection = await aio_pika.connect_robust(os.environ["AMQP_URL"], timeout=DEADLINE)
    async with connection:
        await publish_and_consume(connection)
        await call(connection)


asyncio.run(asyncio.wait_for(main(), 3 * DEADLINE))
