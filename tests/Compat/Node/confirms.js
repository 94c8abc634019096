'use strict';
const assert = require('node:assert');
const { name, run } = require('./broker');

// Every publish is confirmed, persistent or not, and all of them are in the queue afterwards.
run(async (connection) => {
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue(name('confirms'), { durable: true });
  const confirms = [];
  for (let i = 0; i < 500; i++) {
    confirms.push(new Promise((resolve, reject) => {
      channel.sendToQueue(queue, Buffer.from(`message ${i}`), { persistent: i % 2 === 0 }, (error) => error ? reject(error) : resolve());
    }));
  }
  await Promise.all(confirms);
  assert.strictEqual((await channel.checkQueue(queue)).messageCount, 500);
  assert.strictEqual((await channel.purgeQueue(queue)).messageCount, 500);
  await channel.deleteQueue(queue);
});
