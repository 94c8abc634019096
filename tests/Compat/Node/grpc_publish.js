'use strict';
const assert = require('node:assert');
const { call, declare, grpc, messaging, open, refused, run, topology } = require('./granary');

// One by one and as a stream with confirms; what cannot be accepted has its status and AMQP's reply code.
run(async () => {
  const routing_key = await declare();
  const publish = (message, who) => call(messaging, 'Publish', { message }, who);
  assert.strictEqual((await publish({ routing_key, body: Buffer.from('one') })).routed, true);

  const count = 5000;
  const stream = open(messaging, 'PublishStream');
  const answers = [];
  stream.on('data', (answer) => answers.push(answer));
  for (let first = 0; first < count; first += 100) {
    stream.write({ messages: Array.from({ length: 100 }, (_, i) => ({ routing_key, body: Buffer.from(String(first + i)) })) });
  }
  stream.write({ messages: [{ routing_key: `${routing_key}.none`, mandatory: true }] });
  stream.end();
  assert.strictEqual(await stream.ended, undefined);
  assert.strictEqual(answers.at(-1).answered_through, count + 1);
  assert.deepStrictEqual(answers.flatMap((answer) => answer.returned), [{ number: count + 1, reply_code: 312, reply_text: 'NO_ROUTE' }]);
  assert.deepStrictEqual(answers.flatMap((answer) => answer.nacked), []);

  const found = [];
  while (found.length <= count) {
    const { deliveries } = await call(messaging, 'Get', { queue: routing_key, auto_ack: true, limit: 1000 });
    assert.ok(deliveries.length > 0);
    found.push(...deliveries.map((delivery) => delivery.body.toString()));
  }
  assert.deepStrictEqual(found, ['one', ...Array.from({ length: count }, (_, i) => String(i))]);

  await refused(grpc.status.NOT_FOUND, 312, publish({ routing_key: `${routing_key}.none`, mandatory: true }));
  await refused(grpc.status.NOT_FOUND, 404, publish({ exchange: routing_key }));
  await refused(grpc.status.INVALID_ARGUMENT, 502, publish({ routing_key: 'k'.repeat(256) }));
  await refused(grpc.status.FAILED_PRECONDITION, 406, publish({ routing_key, properties: { expiration: 'soon' } }));
  await refused(grpc.status.UNAUTHENTICATED, 403, publish({ routing_key }, new grpc.Metadata()));
  await call(topology, 'DeleteQueue', { queue: routing_key });
});
