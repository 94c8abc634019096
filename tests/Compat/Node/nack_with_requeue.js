'use strict';
const assert = require('node:assert');
const { Inbox, name, run } = require('./broker');

// nack(requeue) brings messages back in their old order and marked; nack without requeue drops; reject does either.
run(async (connection) => {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue(name('nack'));
  ['a', 'b', 'c'].forEach((body) => channel.sendToQueue(queue, Buffer.from(body)));
  const deliveries = new Inbox();
  await channel.consume(queue, deliveries.put);
  const first = [];
  for (let i = 0; i < 3; i++) {
    first.push(await deliveries.take(`delivery ${i}`));
  }
  channel.nack(first[2], true, true);
  const again = [];
  for (let i = 0; i < 3; i++) {
    again.push(await deliveries.take(`redelivery ${i}`));
  }
  assert.deepStrictEqual(again.map((m) => [m.content.toString(), m.fields.redelivered]), [['a', true], ['b', true], ['c', true]]);
  channel.nack(again[0], false, false);
  channel.reject(again[1], true);
  channel.ack(again[2]);
  const last = await deliveries.take('the rejected message');
  assert.strictEqual(last.content.toString(), 'b');
  channel.ack(last);
  await channel.close();
  const later = await connection.createChannel();
  assert.strictEqual((await later.deleteQueue(queue)).messageCount, 0);
});
