'use strict';
const assert = require('node:assert');
const { Inbox, name, run } = require('./broker');

// A mandatory message without a queue comes back, body and properties whole, before it is confirmed.
run(async (connection) => {
  const channel = await connection.createConfirmChannel();
  const events = new Inbox();
  channel.on('return', (message) => events.put(message));
  const key = name('nowhere');
  const body = Buffer.alloc(300000, 'x');
  channel.publish('', key, body, { mandatory: true, messageId: 'm1' }, (error) => events.put(error ?? 'confirmed'));
  const returned = await events.take('the return');
  assert.strictEqual(returned.fields.replyCode, 312);
  assert.strictEqual(returned.fields.replyText, 'NO_ROUTE');
  assert.strictEqual(returned.fields.routingKey, key);
  assert.strictEqual(returned.properties.messageId, 'm1');
  assert.ok(returned.content.equals(body));
  assert.strictEqual(await events.take('the confirm'), 'confirmed');
});
