'use strict';
const assert = require('node:assert');
const { call, declare, grpc, open, refused, rpc, run, topology } = require('./granary');

// A call is answered by a server, out of order; without one the deadline ends it.
run(async () => {
  const queue = await declare();
  const server = open(rpc, 'Serve');
  server.write({ subscribe: { queue } });
  assert.ok((await server.next('subscribed')).subscribed);
  const ask = (text, seconds) => call(
    rpc, 'Call', { message: { routing_key: queue, body: Buffer.from(text), properties: { correlation_id: `c-${text}` } } }, undefined, seconds);
  const answers = Promise.all(['a', 'b'].map((text) => ask(text)));
  const requests = [];
  while (requests.length < 2) {
    requests.push(...(await server.next('requests')).requests);
  }
  for (const request of requests.reverse()) {
    server.write({ replies: [{ delivery_tag: request.delivery_tag, body: Buffer.from(request.body.toString().toUpperCase()) }] });
  }
  assert.deepStrictEqual((await answers).map((answer) => [answer.body.toString(), answer.properties.correlation_id]), [['A', 'c-a'], ['B', 'c-b']]);
  server.end();
  assert.strictEqual(await server.ended, undefined);

  await refused(grpc.status.DEADLINE_EXCEEDED, undefined, ask('nobody', 0.3));
  await call(topology, 'DeleteQueue', { queue });
  await refused(grpc.status.NOT_FOUND, 312, ask('nowhere'));
});
