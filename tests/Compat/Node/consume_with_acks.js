'use strict';
const assert = require('node:assert');
const { Inbox, name, run } = require('./broker');

// Prefetch holds back what is not acked; properties and headers come as they were sent; what was not acked comes again.
run(async (connection) => {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue(name('acks'));
  const headers = { text: 'grün', count: 7, big: 2 ** 40, flag: true, nothing: null, list: [1, 'two'], table: { inner: 1.5 } };
  for (let i = 0; i < 4; i++) {
    channel.sendToQueue(queue, Buffer.from(String(i)), { headers, contentType: 'text/plain', correlationId: `c${i}`, priority: 3 });
  }
  await channel.prefetch(2);
  const deliveries = new Inbox();
  const { consumerTag } = await channel.consume(queue, deliveries.put);
  const first = await deliveries.take('first delivery');
  const second = await deliveries.take('second delivery');
  assert.deepStrictEqual([first, second].map((m) => m.content.toString()), ['0', '1']);
  assert.deepStrictEqual(first.properties.headers, headers);
  assert.strictEqual(first.properties.contentType, 'text/plain');
  assert.strictEqual(first.properties.correlationId, 'c0');
  assert.strictEqual(first.properties.priority, 3);
  assert.strictEqual(deliveries.items.length, 0);
  channel.ack(second, true);
  assert.strictEqual((await deliveries.take('third delivery')).content.toString(), '2');
  assert.strictEqual((await deliveries.take('fourth delivery')).content.toString(), '3');
  await channel.cancel(consumerTag);
  await channel.close();

  const later = await connection.createChannel();
  const again = await later.get(queue, { noAck: true });
  assert.strictEqual(again.content.toString(), '2');
  assert.strictEqual(again.fields.redelivered, true);
  assert.strictEqual((await later.deleteQueue(queue)).messageCount, 1);
});
