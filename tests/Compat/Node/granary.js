// What the gRPC cases share. NODE_PATH says where @grpc/grpc-js was installed, GRANARY_GRPC where the broker is.
'use strict';
const assert = require('node:assert');
const crypto = require('node:crypto');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');
const { Inbox } = require('./broker');

const file = path.join(__dirname, '..', '..', '..', 'protos', 'granary.proto');
const { granary } = grpc.loadPackageDefinition(loader.loadSync(file, { keepCase: true, longs: Number, enums: String, defaults: true, oneofs: true }));
const clients = ['Topology', 'Messaging', 'Rpc'].map(
  (service) => new granary.v1[service](process.env.GRANARY_GRPC, grpc.credentials.createInsecure()));
const [topology, messaging, rpc] = clients;

function metadata() {
  const all = new grpc.Metadata();
  all.set('authorization', `Basic ${Buffer.from('guest:guest').toString('base64')}`);
  return all;
}

const options = (seconds = 20) => ({ deadline: Date.now() + 1000 * seconds });

function call(client, method, request, who = metadata(), seconds = 20) {
  return new Promise((resolve, reject) => client[method](request, who, options(seconds), (error, response) => (error ? reject(error) : resolve(response))));
}

// A duplex call: responses go to its inbox; `ended` has the error, or nothing.
function open(client, method) {
  const stream = client[method](metadata(), options());
  const inbox = new Inbox();
  stream.on('data', inbox.put);
  stream.ended = new Promise((resolve) => {
    stream.on('error', resolve);
    stream.on('end', () => resolve(undefined));
  });
  stream.next = (what) => inbox.take(what);
  return stream;
}

// A consumer whose deliveries come one by one.
async function consume(queue, subscribe = {}) {
  const stream = open(messaging, 'Consume');
  stream.write({ subscribe: { queue, ...subscribe } });
  assert.ok((await stream.next('subscribed')).subscribed.consumer_tag);
  const pending = [];
  stream.delivery = async () => {
    while (pending.length === 0) {
      pending.push(...(await stream.next('deliveries')).deliveries);
    }
    return pending.shift();
  };
  return stream;
}

async function declare() {
  const queue = `grpc.node.${crypto.randomBytes(6).toString('hex')}`;
  return (await call(topology, 'DeclareQueue', { queue })).queue;
}

async function refused(code, replyCode, promise) {
  const error = await promise.then(() => assert.fail('no error'), (found) => found);
  assert.deepStrictEqual([error.code, error.metadata.get('granary-reply-code')[0]], [code, replyCode?.toString()], error.message);
}

// Runs one case and ends the process with its verdict.
function run(body) {
  body().then(() => process.exit(0), (error) => {
    console.error(error);
    process.exit(1);
  });
}

module.exports = { call, consume, declare, grpc, messaging, metadata, open, refused, rpc, run, topology };
