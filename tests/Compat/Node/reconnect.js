'use strict';
// amqp-connection-manager: the broker is killed and started again when this program says "RESTART"; what is published meanwhile waits in the client, all of it
// arrives, and the consumer is there again by its setup function.
const assert = require('node:assert');
const { once } = require('node:events');
const manager = require('amqp-connection-manager');
const { Inbox, name } = require('./broker');

const HALF = 200;

async function main() {
  const connection = manager.connect([process.env.AMQP_URL], { reconnectTimeInSeconds: 0.2 });
  const queue = name('reconnect');
  const deliveries = new Inbox();
  const setups = [];
  const consuming = connection.createChannel({
    setup: async (channel) => {
      setups.push(await channel.assertQueue(queue, { durable: true }));
      await channel.prefetch(10);
      await channel.consume(queue, (message) => {
        // Null when the queue is deleted at the end.
        if (message) {
          channel.ack(message);
          deliveries.put(message.content.toString());
        }
      });
    },
  });
  const publishing = connection.createChannel({ json: true, setup: (channel) => channel.assertQueue(queue, { durable: true }) });
  await Promise.all([consuming.waitForConnect(), publishing.waitForConnect()]);

  const publish = (from) => Promise.all(Array.from({ length: HALF }, (_, i) => publishing.sendToQueue(queue, from + i, { persistent: true })));
  await publish(0);
  const lost = once(connection, 'disconnect');
  console.log('RESTART');
  await lost;
  await publish(HALF);

  // Whose acknowledgement was lost with the connection comes a second time.
  const seen = new Set();
  while (seen.size < 2 * HALF) {
    seen.add(await deliveries.take(`message ${seen.size + 1}`));
  }
  assert.ok(setups.length >= 2, 'the setup ran again');
  await publishing.deleteQueue(queue);
  await connection.close();
}

main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
