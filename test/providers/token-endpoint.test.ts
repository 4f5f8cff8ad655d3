import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import type { Clock } from '../../src/core/ports.ts';
import { VERSION } from '../../src/core/version.ts';
import type { TokenRequest } from '../../src/providers/provider.ts';
import { resolveEndpoint, sendTokenRequest, type TokenCall } from '../../src/providers/token-endpoint.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { createDirectTransport } from '../support/transport.ts';

const CANARY = 'canary-Zq7vK2-secret';
const requestTo = (baseUrl: string): TokenRequest => ({
  method: 'POST',
  url: resolveEndpoint(baseUrl, '/auth/token'),
  shown: `POST ${resolveEndpoint(baseUrl, '/auth/token').href}`,
  headers: { 'x-key': CANARY },
  body: JSON.stringify({ secret: CANARY }),
});

function callOf(
  baseUrl: string,
  { clock = new FakeClock(), ...given }: Partial<TokenCall> & { readonly clock?: Clock } = {},
): TokenCall {
  const signal = new AbortController().signal;
  return {
    request: requestTo(baseUrl),
    timeoutMs: 10_000,
    transport: createDirectTransport(clock),
    signal,
    ...given,
  };
}

/** The failure of one call of a server that answers with `handle`. */
async function failureOf(handle: RequestListener) {
  await using server = await startLoopbackServer(handle);
  const result = await sendTokenRequest(callOf(server.url));
  assert.ok(!result.ok);
  assert.ok(!result.failure.message.includes(CANARY));
  assert.match(result.failure.message, /^POST http:\/\/127\.0\.0\.1:\d+\/auth\/token /);
  return result.failure;
}

describe('the token call', () => {
  test('sends the request and returns the answer with what was measured', async () => {
    const clock = new FakeClock();
    const sentAtMs = clock.now();
    await using server = await startLoopbackServer(async (request, response) => {
      const body = await text(request);
      clock.jumpWallTime(200);
      response.setHeader('date', new Date(sentAtMs + 60_000).toUTCString());
      response.setHeader('Set-Cookie', ['first', 'second']);
      response.writeHead(201).end(JSON.stringify({ headers: request.headers, url: request.url, body }));
    });
    const result = await sendTokenRequest(callOf(`${server.url}/prefix/`, { clock }));
    assert.ok(result.ok);
    const { headers, body, ...rest } = result.value;
    assert.deepEqual(rest, {
      status: 201,
      call: `POST ${server.url}/prefix/auth/token`,
      sentAtMs,
      sentAtMonotonicMs: 0,
      receivedAtMs: sentAtMs + 200,
      // `Date` has whole seconds: half of one is added.
      clockSkewMs: 60_000 + 500 - 100,
    });
    assert.equal(headers.get('set-cookie'), 'first\nsecond', 'one a line');
    const seen = JSON.parse(body.reveal());
    assert.equal(seen.url, '/prefix/auth/token');
    assert.equal(seen.body, requestTo(server.url).body);
    assert.equal(seen.headers['x-key'], CANARY);
    assert.equal(seen.headers['accept'], 'application/json');
    assert.equal(seen.headers['user-agent'], `token-refresher/${VERSION}`);
  });

  test('measures no skew when the provider sends no date or a strange one', async () => {
    for (const date of [undefined, 'yesterday']) {
      await using server = await startLoopbackServer((_, response) => {
        response.sendDate = false;
        if (date !== undefined) response.setHeader('date', date);
        response.end('{}');
      });
      const result = await sendTokenRequest(callOf(server.url));
      assert.ok(result.ok);
      assert.equal(result.value.clockSkewMs, undefined);
    }
  });

  test('has a connection of its own', async () => {
    await using server = await startLoopbackServer((_, response) => response.end('{}'));
    for (let count = 0; count < 3; count += 1) {
      assert.ok((await sendTokenRequest(callOf(server.url))).ok);
      await settle();
    }
    assert.equal(server.requests.length, 3);
    assert.equal(server.connectionCount(), 3);
  });

  test('reads a coded body, and goes by the status of an error whose body it cannot read', async () => {
    await using coded = await startLoopbackServer((_, response) => {
      response.setHeader('content-encoding', 'gzip').end(gzipSync('{"access_token":"x"}'));
    });
    const read = await sendTokenRequest(callOf(coded.url));
    assert.equal(read.ok && read.value.body.reveal(), '{"access_token":"x"}');
    await using strange = await startLoopbackServer((request, response) => {
      const status = request.url?.startsWith('/401') === true ? 401 : 200;
      response.setHeader('content-encoding', 'strange').setHeader('retry-after', ['7', '30']);
      response.writeHead(status).end('?');
    });
    const refused = await sendTokenRequest(callOf(`${strange.url}/401`));
    assert.ok(refused.ok);
    assert.deepEqual([refused.value.status, refused.value.body.length], [401, 0]);
    assert.equal(refused.value.headers.get('retry-after'), '7, 30');
    const unread = await sendTokenRequest(callOf(strange.url));
    assert.ok(!unread.ok && unread.isAmbiguous);
    assert.equal(unread.failure.code, 'response-malformed');
    assert.match(
      unread.failure.message,
      / answered 200 with an unknown content coding: check that this is the address of a token API/,
    );
  });

  const broken: readonly (readonly [string, RequestListener, RegExp])[] = [
    [
      'a reset',
      (request) => request.socket.resetAndDestroy(),
      /failed: the connection broke off before the answer was complete \(ECONNRESET\): if/,
    ],
    [
      'a closed connection',
      (request) => request.socket.end(),
      /failed: the connection broke off before the answer was complete \(UND_ERR_SOCKET\): if/,
    ],
    [
      'a body that breaks off',
      (request, response) => {
        response.setHeader('content-length', 100);
        response.write(`{"access_token":"${CANARY}`, () => request.socket.end());
      },
      /failed: its answer broke off, or is not valid HTTP\/1\.1 \(UND_ERR_RES_CONTENT_LENGTH_MISMATCH\): check/,
    ],
    [
      'a chunked body that breaks off',
      (request, response) => response.write(`{"access_token":"${CANARY}`, () => request.socket.end()),
      /failed: its answer broke off, or is not valid HTTP\/1\.1 \(HPE_INVALID\): check/,
    ],
    [
      'something that is not HTTP',
      (request) => request.socket.end(`${CANARY}\r\n\r\n`),
      /failed: its answer broke off, or is not valid HTTP\/1\.1 \(HPE_INVALID\): check/,
    ],
  ];
  for (const [what, handle, message] of broken) {
    test(`takes ${what} for an unavailable provider`, async () => {
      const failure = await failureOf(handle);
      assert.deepEqual([failure.code, failure.retry], ['provider-unavailable', 'backoff']);
      assert.match(failure.message, message);
    });

    test(`does not know whether the provider handled it after ${what}`, async () => {
      await using server = await startLoopbackServer(handle);
      const result = await sendTokenRequest(callOf(server.url));
      assert.ok(!result.ok && result.isAmbiguous);
    });
  }

  test('names the error when nobody listens', async () => {
    const server = await startLoopbackServer((_, response) => response.end());
    await server[Symbol.asyncDispose]();
    const result = await sendTokenRequest(callOf(server.url));
    assert.ok(!result.ok);
    assert.equal(result.isAmbiguous, false, 'nothing was sent');
    assert.equal(
      result.failure.message,
      `POST ${server.url}/auth/token failed: nobody listens there (ECONNREFUSED): check the host, the port and the network policy`,
    );
  });

  test('names the error when TLS fails', async () => {
    await using server = await startLoopbackServer((_, response) => response.end());
    const result = await sendTokenRequest(callOf(server.url.replace('http:', 'https:')));
    assert.ok(!result.ok);
    assert.equal(result.failure.code, 'provider-unavailable');
    assert.match(
      result.failure.message,
      /failed: it does not speak TLS on this port \(ERR_SSL_\w+\): check the port/,
    );
    assert.equal(server.requests.length, 0);
  });
});

describe('the deadline of the token call', () => {
  const slow: readonly (readonly [string, RequestListener])[] = [
    ['headers', () => {}],
    ['the body', (_, response) => response.write('{"access_token":')],
  ];
  for (const [what, handle] of slow) {
    test(`ends the wait for ${what} and closes the connection`, async () => {
      const clock = new FakeClock();
      await using server = await startLoopbackServer(handle);
      // The call reads the wall clock twice: before it sends and when the headers have arrived.
      const headersSeen = Promise.withResolvers<void>();
      let readings = 0;
      const observed: Clock = {
        now: () => {
          readings += 1;
          if (readings === 2) headersSeen.resolve();
          return clock.now();
        },
        monotonicMs: () => clock.monotonicMs(),
        sleep: (delayMs, signal) => clock.sleep(delayMs, signal),
      };
      const running = sendTokenRequest(callOf(server.url, { clock: observed }));
      const [{ socket }] = await Promise.all([
        server.firstRequest(),
        clock.untilSleeping((ms) => ms === 10_000),
      ]);
      // The client resets the connection, which the server's socket reports as an error.
      const closed = new Promise((resolve) => socket.on('error', () => {}).on('close', resolve));
      await clock.advance(10_000);
      const result = await running;
      assert.ok(!result.ok);
      assert.deepEqual([result.failure.code, result.failure.retry], ['provider-unavailable', 'backoff']);
      assert.match(result.failure.message, /gave no complete answer within 10s/);
      await closed;
    });

    test(`tells a caller that gives up while waiting for ${what} from a late answer`, async () => {
      const controller = new AbortController();
      const clock = new FakeClock();
      await using server = await startLoopbackServer((request, response) => {
        handle(request, response);
        setImmediate(() => controller.abort());
      });
      const result = await sendTokenRequest(callOf(server.url, { clock, signal: controller.signal }));
      assert.ok(!result.ok);
      assert.equal(result.failure.code, 'aborted');
      assert.deepEqual(clock.pendingDelaysMs, []);
    });
  }

  test('leaves no timer behind after an answer', async () => {
    const clock = new FakeClock();
    await using server = await startLoopbackServer((_, response) => response.end('{}'));
    assert.ok((await sendTokenRequest(callOf(server.url, { clock }))).ok);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  test('sends nothing for a caller that has given up already', async () => {
    await using server = await startLoopbackServer((_, response) => response.end('{}'));
    const result = await sendTokenRequest(callOf(server.url, { signal: AbortSignal.abort() }));
    assert.ok(!result.ok);
    assert.equal(result.failure.code, 'aborted');
    assert.equal(server.requests.length, 0);
  });
});

describe('a base URL', () => {
  const allowed = [
    ['https://api.example.com', 'https://api.example.com/auth/token'],
    ['https://api.example.com/', 'https://api.example.com/auth/token'],
    ['https://api.example.com/pre/fix//', 'https://api.example.com/pre/fix/auth/token'],
    ['http://localhost:8080', 'http://localhost:8080/auth/token'],
    ['http://127.0.0.53', 'http://127.0.0.53/auth/token'],
    ['http://[::1]:1', 'http://[::1]:1/auth/token'],
  ] as const;
  for (const [baseUrl, endpoint] of allowed) {
    test(`${baseUrl} leads to ${endpoint}`, () => {
      assert.equal(resolveEndpoint(baseUrl, '/auth/token').href, endpoint);
    });
  }
});
