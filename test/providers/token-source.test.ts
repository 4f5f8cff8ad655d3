import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import type { CredentialReading, Credentials } from '../../src/core/credential/credential-reading.ts';
import type { Failure } from '../../src/core/failure.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import type { ConfiguredKind } from '../../src/providers/provider.ts';
import { createTokenSource } from '../../src/providers/token-source.ts';
import { credentialsOf } from '../support/credentials.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts';
import { chainOf, shippedKind } from '../support/prepared-kind.ts';
import { configureKind } from '../support/provider-bench.ts';
import { createDirectTransport } from '../support/transport.ts';

const FIRST = credentialsOf({ apiKey: 'key', apiSecret: 'first' });
const SECOND = credentialsOf({ apiKey: 'key', apiSecret: 'second' });
const UNREADABLE: Failure = { code: 'credentials-rejected', retry: 'needs-human', message: 'no such file' };
const DATA = { access_token: 'token', token_type: 'Bearer', expires_in: 3600, refresh_token: 'rt-2' };
const live = new AbortController().signal;
/** How often the fake looks whether something has changed. */
const LOOK_MS = 5000;

/** A source whose credentials a test can change, and that counts how often they were prepared. */
function sourceOf(baseUrl: string, kind: ConfiguredKind = configureKind(shippedKind('apimw'))) {
  const clock = new FakeClock();
  const held: { credentials: Result<Credentials>; preparations: number; onRead: () => void } = {
    credentials: succeed(FIRST),
    preparations: 0,
    onRead: () => {},
  };
  const counted: ConfiguredKind = {
    ...kind,
    prepare(credentials) {
      held.preparations += 1;
      return kind.prepare(credentials);
    },
  };
  const readCredentials = async (signal: AbortSignal): Promise<CredentialReading> => {
    signal.throwIfAborted();
    held.onRead();
    const { credentials } = held;
    const untilChanged = async (waiting: AbortSignal): Promise<void> => {
      do await clock.sleep(LOOK_MS, waiting);
      while (held.credentials === credentials);
    };
    return { credentials, untilChanged };
  };
  const source = createTokenSource({
    kind: counted,
    readCredentials,
    baseUrl,
    random: createSystemRandom(),
    timeoutMs: 10_000,
    transport: createDirectTransport(clock),
    clock,
  });
  return { source, clock, held };
}

/** Answers every request with a token and keeps the bodies. */
async function startProvider(): Promise<LoopbackServer & { readonly bodies: unknown[] }> {
  const bodies: unknown[] = [];
  const server = await startLoopbackServer(async (request, response) => {
    bodies.push(JSON.parse(await text(request)));
    response.end(JSON.stringify({ success: true, data: DATA }));
  });
  return Object.assign(server, { bodies });
}

describe('a token source', () => {
  test('fetches a token and reports the skew', async () => {
    await using server = await startProvider();
    const { source, clock } = sourceOf(server.url);
    const { result, clockSkewMs } = await source.fetch(undefined, live);
    assert.ok(result.ok);
    assert.equal(result.value.accessToken.reveal(), 'token');
    assert.equal(result.value.issuedAtMs, clock.now());
    assert.equal(typeof clockSkewMs, 'number');
    assert.deepEqual(server.bodies, [{ api_key: 'key', api_secret: 'first' }]);
  });

  test('presents the chain that it is given', async () => {
    await using server = await startProvider();
    const { source } = sourceOf(server.url, configureKind(shippedKind('apimw'), { useRefreshToken: true }));
    const { result } = await source.fetch(chainOf('rt-1'), live);
    assert.ok(result.ok);
    assert.equal(result.value.refreshToken?.reveal(), 'rt-2');
    assert.deepEqual(server.bodies, [{ refresh_token: 'rt-1' }]);
  });

  test('uses a changed credential at the next fetch, and prepares no more often than needed', async () => {
    await using server = await startProvider();
    const { source, held } = sourceOf(server.url);
    await source.fetch(undefined, live);
    held.credentials = succeed(credentialsOf({ apiKey: 'key', apiSecret: 'first' }));
    await source.fetch(undefined, live);
    assert.equal(held.preparations, 1);
    held.credentials = succeed(SECOND);
    await source.fetch(undefined, live);
    assert.equal(held.preparations, 2);
    assert.deepEqual(server.bodies.at(-1), { api_key: 'key', api_secret: 'second' });
  });

  test('sends nothing when the term has ended while it read and signed, though the signal does not say so yet', async () => {
    await using server = await startProvider();
    const { source, held } = sourceOf(server.url);
    let isOver = false;
    held.onRead = () => {
      isOver = true;
    };
    const { result, wasNotSent } = await source.fetch(chainOf('rt-1'), live, () => isOver);
    assert.ok(!result.ok);
    assert.equal(result.failure.code, 'aborted');
    assert.ok(wasNotSent);
    assert.deepEqual(server.bodies, []);
  });

  test('sends nothing when the term has ended while it connected', async () => {
    await using server = await startProvider();
    const { source } = sourceOf(server.url);
    // Over as soon as there is a connection.
    const { result, wasNotSent } = await source.fetch(
      chainOf('rt-1'),
      live,
      () => server.connectionCount() > 0,
    );
    assert.ok(!result.ok);
    assert.equal(result.failure.code, 'aborted');
    assert.ok(wasNotSent);
    assert.equal(server.connectionCount(), 1);
    assert.deepEqual(server.bodies, []);
  });

  test('reports credentials that cannot be read or used, without a call', async () => {
    await using server = await startProvider();
    const { source, held } = sourceOf(server.url);
    held.credentials = fail(UNREADABLE);
    assert.deepEqual(await source.fetch(undefined, live), {
      result: fail(UNREADABLE),
      clockSkewMs: undefined,
      wasNotSent: true,
    });
    held.credentials = succeed(credentialsOf({ apiKey: 'key' }));
    const { result } = await source.fetch(undefined, live);
    assert.ok(!result.ok);
    assert.match(result.failure.message, /^apiSecret is missing/);
    assert.equal(server.requests.length, 0);
  });

  test('is aborted before, while reading credentials and during the call', async () => {
    const before = sourceOf('http://127.0.0.1:1');
    const aborted = await before.source.fetch(undefined, AbortSignal.abort());
    assert.ok(!aborted.result.ok);
    assert.equal(aborted.result.failure.code, 'aborted');

    const controller = new AbortController();
    await using server = await startLoopbackServer(() => controller.abort());
    const during = await sourceOf(server.url).source.fetch(undefined, controller.signal);
    assert.ok(!during.result.ok);
    assert.equal(during.result.failure.code, 'aborted');
    assert.equal(during.isAmbiguous, false, 'no refresh token was on its way');
  });

  test('lets a bug through', async () => {
    const kind: ConfiguredKind = {
      ...configureKind(shippedKind('apimw'), {}),
      prepare: () => {
        throw new TypeError('a bug');
      },
    };
    await assert.rejects(sourceOf('http://127.0.0.1:1', kind).source.fetch(undefined, live), TypeError);
  });
});

describe('the wait for a changed credential', () => {
  /** Starts waiting and tells whether the wait has ended. */
  const startWait = (given: ReturnType<typeof sourceOf>, signal: AbortSignal = live) => {
    const state = { isOver: false };
    const over = given.source.waitForCredentialChange(signal).finally(() => {
      state.isOver = true;
    });
    return { state, over };
  };

  test('ends when a value differs from the one that was used, whatever else has changed', async () => {
    await using server = await startProvider();
    const given = sourceOf(server.url);
    await given.source.fetch(undefined, live);
    const { state, over } = startWait(given);
    await given.clock.advance(10 * LOOK_MS);
    assert.equal(state.isOver, false);
    given.held.credentials = fail(UNREADABLE);
    await given.clock.advance(LOOK_MS);
    assert.equal(state.isOver, false);
    given.held.credentials = succeed(SECOND);
    await given.clock.advance(LOOK_MS - 1);
    assert.equal(state.isOver, false);
    await given.clock.advance(1);
    await over;
  });

  test('ends when credentials become readable', async () => {
    const given = sourceOf('http://127.0.0.1:1');
    given.held.credentials = fail(UNREADABLE);
    await given.source.fetch(undefined, live);
    const { over } = startWait(given);
    await given.clock.advance(LOOK_MS);
    given.held.credentials = succeed(FIRST);
    await given.clock.advance(LOOK_MS);
    await over;
  });

  test('ends when a credential that could not be used is replaced', async () => {
    const given = sourceOf('http://127.0.0.1:1');
    given.held.credentials = succeed(credentialsOf({ apiKey: 'key', apiSecret: '' }));
    await given.source.fetch(undefined, live);
    const { state, over } = startWait(given);
    await given.clock.advance(LOOK_MS);
    assert.equal(state.isOver, false);
    given.held.credentials = succeed(FIRST);
    await given.clock.advance(LOOK_MS);
    await over;
  });

  test('leaves a change to the next wait when it is aborted before it could tell', async () => {
    const given = sourceOf('http://127.0.0.1:1');
    await given.source.fetch(undefined, live);
    const controller = new AbortController();
    const rejected = assert.rejects(startWait(given, controller.signal).over);
    await settle();
    given.held.credentials = succeed(SECOND);
    given.held.onRead = () => controller.abort(new Error('stop'));
    await given.clock.advance(LOOK_MS);
    await rejected;
    const { over } = startWait(given);
    await given.clock.advance(LOOK_MS);
    await over;
  });

  test('rejects when it is aborted', async () => {
    const controller = new AbortController();
    const given = sourceOf('http://127.0.0.1:1');
    const { over } = startWait(given, controller.signal);
    await settle();
    const rejected = assert.rejects(over);
    controller.abort(new Error('stop'));
    await rejected;
    assert.deepEqual(given.clock.pendingDelaysMs, []);
  });
});
