'use strict';
const assert = require('node:assert');
const amqp = require('amqplib');
const { call, consume, declare, messaging, run, topology } = require('./granary');

// All that amqplib writes: it leaves out cluster_id.
const properties = {
  content_type: 'text/plain', content_encoding: '', delivery_mode: 2, priority: 9, correlation_id: 'c', reply_to: 'r', expiration: '60000',
  message_id: 'm', timestamp: 1700000000, type: 't', user_id: 'guest', app_id: 'grün',
};
const amqplibProperties = {
  contentType: 'text/plain', contentEncoding: '', deliveryMode: 2, priority: 9, correlationId: 'c', replyTo: 'r', expiration: '60000',
  messageId: 'm', timestamp: 1700000000, type: 't', userId: 'guest', appId: 'grün', clusterId: undefined,
};
const amqplibHeaders = {
  text: 'grün', flag: true, nothing: null, bytes: Buffer.from([0, 255]), small: 7, medium: 300, int: 70000, long: 2 ** 40, double: 1.5,
  list: [1, 'two', []], table: { inner: { deeper: false } },
};
const text = (value) => ({ long_string: Buffer.from(value) });
const table = (fields) => ({ entries: Object.entries(fields).map(([name, value]) => ({ name, value })) });
const VOID = { void: {} };
const headers = table({
  text: text('grün'), flag: { boolean: true }, nothing: VOID, bytes: { byte_array: Buffer.from([0, 255]) }, small: { int8: 7 },
  medium: { int16: 300 }, int: { int32: 70000 }, long: { int64: 2 ** 40 }, double: { float64: 1.5 },
  list: { array: { values: [{ int8: 1 }, text('two'), { array: { values: [] } }] } },
  table: { table: table({ inner: { table: table({ deeper: { boolean: false } }) } }) },
});

// proto-loader adds which arm of a oneof is set, and nulls; only what was sent counts.
function plain(value) {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (value === null || typeof value !== 'object' || Buffer.isBuffer(value)) {
    return value;
  }
  return Object.fromEntries(Object.entries(value)
    .filter(([name, field]) => field !== null && name !== 'kind' && !name.startsWith('_'))
    .map(([name, field]) => [name, plain(field)]));
}

function nested(depth) {
  let inner = { entries: [] };
  for (let i = 1; i < depth; i++) {
    inner = table({ t: { table: inner } });
  }
  return inner;
}

// The same messages over gRPC and AMQP (amqplib): all properties, and headers of the types that amqplib writes.
run(async () => {
  const queue = await declare();
  const connection = await amqp.connect(process.env.AMQP_URL);
  const channel = await connection.createConfirmChannel();
  channel.sendToQueue(queue, Buffer.from([0, 1]), { ...amqplibProperties, headers: amqplibHeaders });
  await channel.waitForConfirms();
  const consumer = await consume(queue);
  const delivery = await consumer.delivery();
  assert.deepStrictEqual([delivery.exchange, delivery.routing_key, [...delivery.body]], ['', queue, [0, 1]]);
  assert.deepStrictEqual(plain(delivery.properties), { ...properties, headers: plain(headers) });
  consumer.write({ acks: [1] });
  consumer.end();
  assert.strictEqual(await consumer.ended, undefined);

  await call(messaging, 'Publish', { message: { routing_key: queue, body: Buffer.from([0, 1]), properties: { ...properties, headers } } });
  const got = await channel.get(queue, { noAck: true });
  assert.deepStrictEqual([...got.content], [0, 1]);
  assert.deepStrictEqual({ ...got.properties }, { ...amqplibProperties, headers: amqplibHeaders });

  // As deep as gRPC carries tables.
  await call(messaging, 'Publish', { message: { routing_key: queue, properties: { headers: nested(30) } } });
  const deep = (await call(messaging, 'Get', { queue, auto_ack: true })).deliveries[0];
  assert.deepStrictEqual(plain(deep.properties.headers), nested(30));
  await connection.close();
  await call(topology, 'DeleteQueue', { queue });
});
