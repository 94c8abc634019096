'use strict';
const assert = require('node:assert');
const { call, consume, declare, grpc, messaging, open, refused, run, topology } = require('./granary');

// Credit, acknowledgements, requeue, reject and cancel; what was not settled comes again.
run(async () => {
  const queue = await declare();
  for (let i = 0; i < 4; i++) {
    await call(messaging, 'Publish', { message: { routing_key: queue, body: Buffer.from(String(i)) } });
  }
  const get = async () => (await call(messaging, 'Get', { queue, auto_ack: true, limit: 100 })).deliveries;
  const text = (delivery) => [delivery.body.toString(), delivery.redelivered, delivery.delivery_tag];

  const consumer = await consume(queue, { credit: 2 });
  assert.deepStrictEqual(text(await consumer.delivery()), ['0', false, 1]);
  assert.deepStrictEqual(text(await consumer.delivery()), ['1', false, 2]);
  consumer.write({ acks: [1] });
  assert.deepStrictEqual(text(await consumer.delivery()), ['2', false, 3]);
  consumer.write({ settlements: [{ delivery_tag: 2, outcome: 'OUTCOME_REQUEUE' }] });
  assert.deepStrictEqual(text(await consumer.delivery()), ['1', true, 4]);
  consumer.write({ settlements: [{ delivery_tag: 3, outcome: 'OUTCOME_REJECT' }] });
  assert.deepStrictEqual(text(await consumer.delivery()), ['3', false, 5]);
  consumer.write({ cancel: true });
  assert.strictEqual((await consumer.next('cancelled')).cancelled.reason, 'CANCEL_REASON_CLIENT');
  consumer.write({ acks: [4] });
  consumer.end();
  assert.strictEqual(await consumer.ended, undefined);
  assert.deepStrictEqual((await get()).map(text), [['3', true, 0]]);

  // A stream that is broken off gives back, too.
  await call(messaging, 'Publish', { message: { routing_key: queue, body: Buffer.from('kept') } });
  const broken = await consume(queue);
  assert.strictEqual((await broken.delivery()).body.toString(), 'kept');
  broken.cancel();
  const other = await consume(queue);
  assert.deepStrictEqual(text(await other.delivery()), ['kept', true, 1]);
  await call(topology, 'DeleteQueue', { queue });
  assert.strictEqual((await other.next('cancelled')).cancelled.reason, 'CANCEL_REASON_QUEUE_DELETED');
  other.end();
  assert.strictEqual(await other.ended, undefined);

  const missing = open(messaging, 'Consume');
  missing.write({ subscribe: { queue } });
  await refused(grpc.status.NOT_FOUND, 404, missing.ended.then((error) => Promise.reject(error)));
});
