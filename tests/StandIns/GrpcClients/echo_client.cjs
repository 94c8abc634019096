// Calls the echo service with Node's gRPC. Usage: echo_client.cjs HOST:PORT
const assert = require('node:assert');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const definition = loader.loadSync(path.join(__dirname, 'echo.proto'), { keepCase: true });
const { Echo } = grpc.loadPackageDefinition(definition).granary.tests.echo;
const echo = new Echo(process.argv[2], grpc.credentials.createInsecure());

const unary = (request, ...rest) => new Promise((resolve, reject) =>
  echo.Unary(request, ...rest, (error, response) => (error ? reject(error) : resolve(response))));
const errorOf = promise => promise.then(() => assert.fail('no error'), error => error);
const collect = call => new Promise((resolve, reject) => {
  const all = [];
  call.on('data', response => all.push(response));
  call.on('end', () => resolve(all));
  call.on('error', error => reject(Object.assign(error, { all })));
});

const checks = {
  async unary_with_metadata() {
    const metadata = new grpc.Metadata();
    metadata.set('echo-a', 'b');
    metadata.set('trail-raw-bin', Buffer.from([0, 255]));
    const [headers, trailers] = await new Promise((resolve, reject) => {
      let headers;
      const call = echo.Unary({ text: 'héllo' }, metadata, (error, response) => (error ? reject(error) : assert.strictEqual(response.text, 'héllo')));
      call.on('metadata', received => { headers = received; });
      call.on('status', status => resolve([headers, status.metadata]));
    });
    assert.deepStrictEqual(headers.get('echo-a'), ['b']);
    assert.deepStrictEqual([...trailers.get('trail-raw-bin')[0]], [0, 255]);
  },
  async server_stream() {
    const all = await collect(echo.ServerStream({ count: 500 }));
    assert.deepStrictEqual(all.map(response => response.number), Array.from({ length: 500 }, (_, index) => index + 1));
  },
  async client_stream() {
    const response = await new Promise((resolve, reject) => {
      const call = echo.ClientStream((error, response) => (error ? reject(error) : resolve(response)));
      for (let number = 0; number < 300; number++) call.write({ text: 'a' });
      call.end();
    });
    assert.strictEqual(response.number, 300);
  },
  async duplex_ping_pong() {
    const call = echo.Duplex();
    call.on('data', response => (response.number < 50 ? call.write({ text: `${response.number}` }) : call.end()));
    const all = collect(call);
    call.write({ text: '0' });
    assert.strictEqual((await all).length, 50);
  },
  async error_with_trailers() {
    const error = await errorOf(unary({ fail_code: 5, text: 'nö\n%' }));
    assert.strictEqual(error.code, grpc.status.NOT_FOUND);
    assert.strictEqual(error.details, 'nö\n%');
    assert.deepStrictEqual([...error.metadata.get('raw-bin')[0]], [0, 1, 255]);
  },
  async error_after_messages() {
    const error = await errorOf(collect(echo.ServerStream({ count: 2, fail_code: 10, text: 'x' })));
    assert.strictEqual(error.code, grpc.status.ABORTED);
    assert.strictEqual(error.all.length, 2);
  },
  async deadline() {
    assert.strictEqual((await errorOf(unary({ hang: true }, { deadline: Date.now() + 200 }))).code, grpc.status.DEADLINE_EXCEEDED);
  },
  async cancellation() {
    const call = echo.ServerStream({ count: 1, hang: true });
    call.once('data', () => call.cancel());
    assert.strictEqual((await errorOf(collect(call))).code, grpc.status.CANCELLED);
  },
  async unimplemented() {
    const error = await errorOf(new Promise((resolve, reject) => echo.Missing({}, (error, response) => (error ? reject(error) : resolve(response)))));
    assert.strictEqual(error.code, grpc.status.UNIMPLEMENTED);
  },
  async large_message() {
    const body = Buffer.alloc(1000000, 'granary');
    assert.ok((await unary({ body })).body.equals(body));
    assert.strictEqual((await errorOf(unary({ body: Buffer.alloc(2000000) }))).code, grpc.status.RESOURCE_EXHAUSTED);
  },
};

(async () => {
  for (const [name, check] of Object.entries(checks)) {
    await check();
    console.log('ok', name);
  }
  echo.close();
})().catch(error => {
  console.error(error);
  process.exit(1);
});
