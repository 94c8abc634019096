// What the amqplib cases share. NODE_PATH says where amqplib was installed.
'use strict';
const crypto = require('node:crypto');
const amqp = require('amqplib');

const DEADLINE = 20000;

function name(purpose) {
  return `amqplib.${purpose}.${crypto.randomBytes(6).toString('hex')}`;
}

// An inbox of events to await one by one, so that no case needs to sleep.
class Inbox {
  constructor() {
    this.items = [];
    this.waiting = [];
  }

  put = (item) => {
    const taker = this.waiting.shift();
    if (taker) {
      taker(item);
    } else {
      this.items.push(item);
    }
  };

  take(what) {
    if (this.items.length > 0) {
      return Promise.resolve(this.items.shift());
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing came: ${what}`)), DEADLINE);
      this.waiting.push((item) => {
        clearTimeout(timer);
        resolve(item);
      });
    });
  }
}

// Runs one case and ends the process with its verdict.
function run(body) {
  amqp.connect(process.env.AMQP_URL)
    .then(async (connection) => {
      await body(connection);
      await connection.close();
    })
    .then(() => process.exit(0), (error) => {
      console.error(error);
      process.exit(1);
    });
}

module.exports = { Inbox, name, run };
