import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Failure } from '../../../src/core/failure.ts';
import type { VersionBudget } from '../../../src/core/limits/version-pace.ts';
import type { TokenStore } from '../../../src/core/ports.ts';
import { fail } from '../../../src/core/result.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { parseDocument, serializeDocument, type TokenDocument } from '../../../src/core/token/document.ts';
import { WriteRateLimiter } from '../../../src/refresh/limits/write-rate-limiter.ts';
import { Mirror } from '../../../src/refresh/mirrors/mirror.ts';
import type { Term } from '../../../src/refresh/term.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { MemoryStore, STORE_DOWN } from '../../support/memory-store.ts';
import { fc } from '../../support/property.ts';
import { RecordedEvents } from '../../support/recorded-events.ts';
import { buildFailure, buildIdentity, NOON_MS } from '../../support/sample-events.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { termUntil } from '../../support/term.ts';
import { buildDocument, HOUR_MS, MINUTE_MS } from '../../support/token-builder.ts';

const DENIED: Failure = buildFailure({
  code: 'store-denied',
  retry: 'needs-human',
  message: 'role pods may not update it',
});

function documentOf(token: string, generation: number, changes: Partial<TokenDocument> = {}): SecretText {
  const { provider, customer } = buildIdentity(token);
  const accessToken = new SecretText(`${token} ${generation}`);
  const expiresAtMs = NOON_MS + HOUR_MS + generation * MINUTE_MS;
  return serializeDocument(
    buildDocument({ provider, customer, generation, accessToken, expiresAtMs, ...changes }),
  );
}

function setUp(t: TestContext | undefined, tokens: readonly string[] = ['acme/ayu']) {
  const clock = new FakeClock();
  const authority = new MemoryStore();
  const copies = new MemoryStore();
  const events = new RecordedEvents();
  const ending = new AbortController();
  const identities = tokens.map((token) => buildIdentity(token));
  const create = (
    store: TokenStore = copies,
    writesPerSecond = 1000,
    versionBudget: VersionBudget = 'none',
  ) =>
    new Mirror({
      place: 'cluster',
      store,
      nameOf: ({ secret }) => secret.replaceAll('/', '-'),
      authorityOf: () => authority,
      versionBudget,
      rateLimiter: new WriteRateLimiter({ callsPerSecond: writesPerSecond, callsPerWrite: 1, clock }),
      clock,
      random: createSeededRandom(1),
      events: events.record,
    });
  const mirror = create();
  const running: Promise<void>[] = [];
  const run = async (each: Mirror = mirror, term: Term = termUntil(ending.signal)): Promise<void> => {
    running.push(each.run(term, identities));
    await settle();
  };
  const end = async (): Promise<void> => {
    ending.abort(new Error('the test ends'));
    await Promise.all(running);
  };
  t?.after(end);
  /** As a refresh does. */
  const publish = (token: string, generation: number, each: Mirror = mirror): void => {
    const identity = buildIdentity(token);
    authority.put(identity.secret, documentOf(token, generation));
    each.offer(identity, generation);
  };
  const copyOf = (token: string): TokenDocument | undefined => {
    const stored = copies.current(buildIdentity(token).secret.replaceAll('/', '-'));
    const parsed = stored === undefined ? undefined : parseDocument(stored.text);
    return parsed?.ok === true ? parsed.document : undefined;
  };
  return { clock, authority, copies, events, mirror, create, run, end, publish, copyOf, ending };
}

/** To change some of what a store does. */
function bind(store: TokenStore): TokenStore {
  return {
    maxSecretBytes: store.maxSecretBytes,
    read: (name, signal) => store.read(name, signal),
    readMany: (names, signal) => store.readMany(names, signal),
    publish: (write, signal) => store.publish(write, signal),
    verifyWritable: (name, signal) => store.verifyWritable(name, signal),
    readVersionAges: (name, signal) => store.readVersionAges(name, signal),
  };
}

describe('Mirror', () => {
  it('writes what was published, byte by byte, under the name that the place has for it', async (t) => {
    const { run, publish, copies, authority, events } = setUp(t);
    await run();
    publish('acme/ayu', 1);
    await settle();
    const [copy, source] = [copies.current('payments-acme-ayu'), authority.current('payments/acme/ayu')];
    assert.ok(copy !== undefined && source !== undefined);
    assert.equal(copy.text.reveal(), source.text.reveal());
    assert.deepEqual(
      events
        .of('mirror-written')
        .map(({ place, token, generation, behind }) => [place, token, generation, behind]),
      [['cluster', 'acme/ayu', 1, 0]],
    );
  });

  it('compares all copies when a term begins, and writes those that are behind', async (t) => {
    const tokens = Array.from({ length: 50 }, (_, index) => `acme/c${index}`);
    const { run, authority, copies, copyOf } = setUp(t, tokens);
    for (const [index, token] of tokens.entries()) {
      authority.put(buildIdentity(token).secret, documentOf(token, 7));
      const held = index % 2 === 0 ? 7 : 6;
      copies.put(buildIdentity(token).secret.replaceAll('/', '-'), documentOf(token, held));
    }
    await run();
    await settle();
    assert.equal(copies.callsOf('publish').length, 25);
    assert.ok(tokens.every((token) => copyOf(token)?.generation === 7));
  });

  it('was away for ten minutes: each token that was refreshed meanwhile, however often, is written once', async (t) => {
    const tokens = Array.from({ length: 30 }, (_, index) => `acme/c${index}`);
    const { run, publish, clock, copies, events, copyOf } = setUp(t, tokens);
    await run();
    for (const token of tokens) publish(token, 1);
    await clock.advance(10);
    const before = copies.callsOf('publish').length;
    copies.outage = STORE_DOWN;
    for (let minute = 1; minute <= 10; minute += 1) {
      for (const token of tokens) publish(token, 1 + minute);
      await clock.advance(MINUTE_MS);
    }
    // One probe at a time, a minute apart at last; not 30 tokens each.
    assert.ok(copies.calls.length - before < 120, `${copies.calls.length}`);
    copies.outage = undefined;
    await clock.advance(MINUTE_MS);
    assert.ok(tokens.every((token) => copyOf(token)?.generation === 11));
    assert.equal(copies.callsOf('publish').length - before, tokens.length);
    const told = events.of('mirror-failed').filter(({ repeated }) => !repeated);
    assert.deepEqual(
      told.map(({ failure, behind, copiesUntilMs }) => [failure.code, behind, copiesUntilMs]),
      [['store-unavailable', 30, NOON_MS + HOUR_MS + MINUTE_MS]],
    );
    assert.equal(events.of('mirror-caught-up').length, 1);
  });

  it('costs little while it is away with 10,000 tokens, and asks its authority nothing', async (t) => {
    const tokens = Array.from({ length: 10_000 }, (_, index) => `acme/c${index}`);
    const { run, clock, authority, copies, events } = setUp(t, tokens);
    copies.outage = STORE_DOWN;
    await run();
    await clock.advance(10 * MINUTE_MS);
    assert.equal(authority.calls.length, 0);
    // Two batches that were under way when it became known, then single tokens.
    assert.ok(copies.calls.length < 150, `${copies.calls.length}`);
    assert.equal(events.of('mirror-failed').at(-1)?.behind, 10_000);
  });

  it('says since when it is behind by the clock as it is now, and how long it failed however that was set', async (t) => {
    const { run, publish, clock, copies, events } = setUp(t);
    await run();
    copies.outage = STORE_DOWN;
    publish('acme/ayu', 1);
    await clock.advance(1_000);
    const sinceMs = events.of('mirror-failed').at(-1)?.behindSinceMs;
    assert.equal(sinceMs, NOON_MS);
    clock.jumpWallTime(-HOUR_MS);
    await clock.advance(2 * MINUTE_MS);
    assert.equal(events.of('mirror-failed').at(-1)?.behindSinceMs, NOON_MS - HOUR_MS);
    copies.outage = undefined;
    await clock.advance(MINUTE_MS);
    const { failedForMs = 0 } = events.of('mirror-caught-up').at(-1) ?? {};
    assert.ok(failedForMs > 2 * MINUTE_MS && failedForMs <= 3 * MINUTE_MS + 1_000, `${failedForMs}`);
  });

  it('goes on with others when the calls of one token never end', async (t) => {
    const { create, run, publish, clock, copies, copyOf, end } = setUp(t, [
      'acme/slow',
      'acme/ayu',
      'acme/citra',
    ]);
    const hanging: TokenStore = {
      ...bind(copies),
      publish: (write, signal) =>
        write.secretName.endsWith('slow') ? new Promise(() => undefined) : copies.publish(write, signal),
    };
    const mirror = create(hanging);
    await run(mirror);
    for (const token of ['acme/slow', 'acme/ayu', 'acme/citra']) publish(token, 1, mirror);
    await clock.advance(1_000);
    assert.equal(copyOf('acme/ayu')?.generation, 1);
    publish('acme/citra', 2, mirror);
    await clock.advance(3 * MINUTE_MS);
    assert.equal(copyOf('acme/citra')?.generation, 2);
    // The end of the program does not wait for it.
    await end();
  });

  it('leaves a token that is refused alone for a quarter of an hour, and no other', async (t) => {
    const { run, publish, clock, copies, events, copyOf } = setUp(t, ['acme/ayu', 'acme/citra']);
    await run();
    copies.failNext('publish', DENIED);
    publish('acme/ayu', 1);
    await settle();
    publish('acme/citra', 1);
    await clock.advance(14 * MINUTE_MS);
    assert.equal(copyOf('acme/citra')?.generation, 1);
    assert.equal(copyOf('acme/ayu'), undefined);
    assert.deepEqual(events.of('mirror-caught-up'), []);
    await clock.advance(2 * MINUTE_MS);
    assert.equal(copyOf('acme/ayu')?.generation, 1);
    assert.equal(events.last('mirror-caught-up').failedForMs, 15 * MINUTE_MS);
  });

  it("never writes over somebody else's token, and says whose it is", async (t) => {
    const { run, publish, copies, events } = setUp(t);
    copies.put('payments-acme-ayu', documentOf('other/ayu', 1));
    await run();
    publish('acme/ayu', 2);
    await settle();
    assert.equal(copies.callsOf('publish').length, 0);
    const { failure } = events.last('mirror-failed');
    assert.deepEqual([failure.code, failure.retry], ['store-not-ours', 'needs-human']);
    assert.match(failure.message, /^secret payments-acme-ayu holds a token of other\/ayu: /);
  });

  it('lets a copy that counts further live to its end, and replaces it then', async (t) => {
    const { run, publish, clock, copies, copyOf } = setUp(t);
    copies.put('payments-acme-ayu', documentOf('acme/ayu', 50, { expiresAtMs: NOON_MS + 10 * MINUTE_MS }));
    await run();
    publish('acme/ayu', 1);
    await clock.advance(9 * MINUTE_MS);
    assert.equal(copyOf('acme/ayu')?.generation, 50);
    await clock.advance(2 * MINUTE_MS);
    assert.equal(copyOf('acme/ayu')?.generation, 1);
  });

  it('reads its authority again when that answers with an older document than was published', async (t) => {
    const { run, publish, clock, authority, copyOf } = setUp(t);
    await run();
    publish('acme/ayu', 1);
    await settle();
    authority.makeReadsStale();
    publish('acme/ayu', 2);
    await settle();
    assert.equal(copyOf('acme/ayu')?.generation, 1);
    await clock.advance(2_000);
    assert.equal(copyOf('acme/ayu')?.generation, 2);
  });

  it('copies a first token that is published just when its authority has answered that there is none', async (t) => {
    const { run, publish, authority, copyOf, clock } = setUp(t);
    const read = authority.readMany.bind(authority);
    const answerLate: TokenStore['readMany'] = async (names, signal) => {
      const found = await read(names, signal);
      publish('acme/ayu', 1);
      return found;
    };
    t.mock.method(authority, 'readMany', answerLate, { times: 1 });
    await run();
    await clock.advance(MINUTE_MS);
    assert.equal(copyOf('acme/ayu')?.generation, 1);
  });

  it('does not write when its term has ended, although no timer has said so', async (t) => {
    const { run, publish, copies, ending, mirror } = setUp(t);
    const hold = copies.holdNext('read');
    let hasEnded = false;
    await run(mirror, { ...termUntil(ending.signal), hasEnded: () => hasEnded });
    publish('acme/ayu', 1);
    await hold.reached;
    hasEnded = true;
    hold.release();
    await settle();
    assert.equal(copies.callsOf('publish').length, 0);
  });

  it('is refused when another process has written meanwhile, and leaves what that wrote', async (t) => {
    const { run, publish, clock, copies, copyOf } = setUp(t);
    await run();
    publish('acme/ayu', 1);
    await settle();
    const hold = copies.holdNext('publish');
    publish('acme/ayu', 2);
    await hold.reached;
    copies.put('payments-acme-ayu', documentOf('acme/ayu', 3));
    hold.release();
    await clock.advance(MINUTE_MS);
    assert.equal(copyOf('acme/ayu')?.generation, 3);
  });

  it('copies what was just published although the clock was set back since', async (t) => {
    const { clock, run, publish, copyOf } = setUp(t);
    publish('acme/ayu', 1);
    await run();
    clock.jumpWallTime(-10 * MINUTE_MS);
    publish('acme/ayu', 2);
    await settle();
    assert.equal(copyOf('acme/ayu')?.generation, 2);
  });

  it('does not take what a wrong clock has written, and somebody has put back, for later than its copy', async (t) => {
    const { run, authority, copies, copyOf } = setUp(t);
    const [issuedAtMs, expiresAtMs] = [NOON_MS + HOUR_MS, NOON_MS + 3 * HOUR_MS];
    authority.put('payments/acme/ayu', documentOf('acme/ayu', 8, { issuedAtMs, expiresAtMs }));
    copies.put('payments-acme-ayu', documentOf('acme/ayu', 9));
    await run();
    assert.equal(copyOf('acme/ayu')?.generation, 9);
  });

  it('forgets a token that is managed no longer', async (t) => {
    const { run, publish, clock, copies, mirror, copyOf } = setUp(t);
    await run();
    copies.outage = STORE_DOWN;
    publish('acme/ayu', 1);
    await clock.advance(1_000);
    mirror.drop('acme/ayu');
    const { length } = copies.calls;
    copies.outage = undefined;
    await clock.advance(5 * MINUTE_MS);
    assert.equal(copyOf('acme/ayu'), undefined);
    assert.equal(copies.calls.length, length);
  });

  it('writes no faster than the place allows', async (t) => {
    const tokens = Array.from({ length: 40 }, (_, index) => `acme/c${index}`);
    const { create, run, authority, clock, copies } = setUp(t, tokens);
    for (const token of tokens) authority.put(buildIdentity(token).secret, documentOf(token, 1));
    await run(create(copies, 10));
    await clock.advance(1_000);
    assert.ok(copies.callsOf('publish').length <= 20, `${copies.callsOf('publish').length}`);
    await clock.advance(5_000);
    assert.equal(copies.callsOf('publish').length, 40);
  });

  it('begins with the copies that expire first when a place is back', async (t) => {
    const tokens = Array.from({ length: 400 }, (_, index) => `acme/c${index}`);
    const { create, run, authority, clock, copies } = setUp(t, tokens);
    const slow = create(copies, 20);
    // What readers have runs out in another order than the tokens come in, and none before the end of the outage.
    const rankOf = (index: number): number => (index * 7) % 400;
    const untilMs = (index: number): number => NOON_MS + HOUR_MS + rankOf(index) * 1_000;
    for (const [index, token] of tokens.entries()) {
      const { secret } = buildIdentity(token);
      for (const [store, name] of [
        [authority, secret],
        [copies, secret.replaceAll('/', '-')],
      ] as const)
        store.put(name, documentOf(token, 1, { expiresAtMs: untilMs(index) }));
    }
    await run(slow);
    await clock.advance(10);
    copies.outage = STORE_DOWN;
    for (const token of tokens) {
      authority.put(buildIdentity(token).secret, documentOf(token, 2));
      slow.offer(buildIdentity(token), 2);
    }
    await clock.advance(10 * MINUTE_MS);
    copies.outage = undefined;
    await clock.advance(3 * MINUTE_MS);
    const order = copies.callsOf('publish').map(({ secretName }) => {
      return Number(/\d+$/.exec(secretName)?.[0]);
    });
    assert.equal(order.length, 400);
    // Forty are on their way at a time, and those that were tried in vain have a back-off of their own.
    const late = order.filter((index, place) => place - rankOf(index) > 100);
    assert.deepEqual(late, []);
  });

  it('leaves an authority alone that does not answer, for longer each time, and says nothing of it', async (t) => {
    const tokens = Array.from({ length: 1_000 }, (_, index) => `acme/c${index}`);
    const { run, publish, clock, authority, copies, events, copyOf } = setUp(t, tokens);
    for (const token of tokens) publish(token, 1);
    authority.outage = STORE_DOWN;
    await run();
    await clock.advance(10 * MINUTE_MS);
    assert.ok(authority.calls.length < 1_500, `${authority.calls.length}`);
    assert.deepEqual(events.of('mirror-failed'), []);
    authority.outage = undefined;
    await clock.advance(2 * MINUTE_MS);
    assert.ok(tokens.every((token) => copyOf(token)?.generation === 1));
    assert.equal(copies.callsOf('publish').length, tokens.length);
  });

  it('asks less and less for a token that alone gets no answer, while others go on', async (t) => {
    const { create, run, publish, clock, copies, events } = setUp(t, ['acme/ill', 'acme/ayu']);
    let attempts = 0;
    const mirror = create({
      ...bind(copies),
      publish: async (write, signal) => {
        if (!write.secretName.endsWith('ill')) return copies.publish(write, signal);
        attempts += 1;
        return fail(STORE_DOWN);
      },
    });
    await run(mirror);
    publish('acme/ill', 1, mirror);
    for (let second = 1; second <= 600; second += 1) {
      publish('acme/ayu', second, mirror);
      await clock.advance(1_000);
    }
    assert.ok(attempts < 40, `${attempts}`);
    assert.ok(events.of('mirror-written').length > 500);
  });

  it('is up to date again when all is that was behind, although others are refreshed all the time', async (t) => {
    const { run, publish, clock, copies, events, copyOf } = setUp(t, ['acme/ayu', 'acme/citra']);
    await run();
    copies.failNext('publish', DENIED);
    publish('acme/ayu', 1);
    await settle();
    const hold = copies.holdNext('publish');
    await clock.advance(15 * MINUTE_MS);
    await hold.reached;
    const other = copies.holdNext('publish');
    publish('acme/citra', 1);
    await other.reached;
    assert.equal(events.of('mirror-caught-up').length, 0);
    hold.release();
    await settle();
    assert.equal(copyOf('acme/ayu')?.generation, 1);
    assert.equal(events.of('mirror-caught-up').length, 1);
    other.release();
    await settle();
    assert.equal(events.of('mirror-caught-up').length, 1);
  });

  it('says what is still behind as it catches up, and until when readers of that are fine', async (t) => {
    const { create, run, publish, clock, copies, events } = setUp(t, ['acme/ayu', 'acme/ill']);
    const mirror = create({
      ...bind(copies),
      publish: async (write, signal) =>
        write.secretName.endsWith('ill') && events.of('mirror-written').length >= 2
          ? fail(DENIED)
          : copies.publish(write, signal),
    });
    await run(mirror);
    for (const token of ['acme/ayu', 'acme/ill']) publish(token, token.endsWith('ill') ? 5 : 1, mirror);
    await clock.advance(10);
    copies.outage = STORE_DOWN;
    for (const token of ['acme/ayu', 'acme/ill']) publish(token, token.endsWith('ill') ? 6 : 2, mirror);
    await clock.advance(10);
    assert.equal(events.last('mirror-failed').copiesUntilMs, NOON_MS + HOUR_MS + MINUTE_MS);
    copies.outage = undefined;
    await clock.advance(5 * MINUTE_MS);
    publish('acme/ayu', 3, mirror);
    await settle();
    const { behind, copiesUntilMs } = events.last('mirror-written');
    assert.deepEqual([behind, copiesUntilMs], [1, NOON_MS + HOUR_MS + 5 * MINUTE_MS]);
  });

  it('knows nothing of the copies that others have written since its last term', async (t) => {
    const { run, publish, clock, copies, events, end, mirror } = setUp(t);
    await run();
    publish('acme/ayu', 1);
    await settle();
    await end();
    copies.outage = STORE_DOWN;
    await clock.advance(MINUTE_MS);
    const ending = new AbortController();
    await run(mirror, termUntil(ending.signal));
    assert.equal(events.last('mirror-failed').copiesUntilMs, undefined);
    ending.abort(new Error('the test ends'));
  });

  it('replaces a copy that counts further by a token that was issued later and lives longer', async (t) => {
    const { run, publish, copies, copyOf } = setUp(t);
    const issuedAtMs = NOON_MS - 30 * MINUTE_MS;
    copies.put(
      'payments-acme-ayu',
      documentOf('acme/ayu', 50, { issuedAtMs, expiresAtMs: NOON_MS + 10 * MINUTE_MS }),
    );
    await run();
    // Its secret was deleted, and counts from the beginning.
    publish('acme/ayu', 1);
    await settle();
    assert.equal(copyOf('acme/ayu')?.generation, 1);
  });

  it('looks at a copy that counts further as soon as there is news', async (t) => {
    const { run, publish, copies, copyOf } = setUp(t);
    copies.put(
      'payments-acme-ayu',
      documentOf('acme/ayu', 2, {
        accessToken: new SecretText('of another'),
        expiresAtMs: NOON_MS + HOUR_MS,
      }),
    );
    await run();
    publish('acme/ayu', 2);
    await settle();
    assert.equal(copyOf('acme/ayu')?.accessToken.reveal(), 'of another');
    publish('acme/ayu', 3);
    await settle();
    assert.equal(copyOf('acme/ayu')?.generation, 3);
  });

  it('gives a secret no more versions than its budget has, and the newest token when there is room again', async (t) => {
    const { create, run, publish, clock, copies, events, copyOf } = setUp(t);
    const mirror = create(copies, 1000, 10);
    await run(mirror);
    // A provider whose tokens live shorter than was configured.
    for (let generation = 1; generation <= 60; generation += 1) {
      publish('acme/ayu', generation, mirror);
      await clock.advance(MINUTE_MS);
    }
    assert.equal(copies.callsOf('publish').length, 10);
    const [failed] = events.of('mirror-failed');
    assert.deepEqual([failed?.failure.code, events.of('mirror-failed').length], ['store-quota', 1]);
    assert.match(
      failed?.failure.message ?? '',
      /^secret payments-acme-ayu has got 10 versions within 24 hours, as many as versionBudget allows; there is room again in 23h50m$/,
    );
    await clock.advance(22 * HOUR_MS);
    // Long-lived again, so that there is something to write when the time has come.
    publish('acme/ayu', 2_000, mirror);
    await clock.advance(HOUR_MS / 2);
    assert.equal(copies.callsOf('publish').length, 10);
    await clock.advance(HOUR_MS);
    assert.equal(copyOf('acme/ayu')?.generation, 2_000);
    assert.equal(copies.callsOf('publish').length, 11);
    assert.equal(events.of('mirror-caught-up').length, 1);
  });

  it('does not take a bug of the store for a place that does not answer', async (t) => {
    const { create, copies, authority, ending } = setUp(t);
    authority.put(buildIdentity('acme/ayu').secret, documentOf('acme/ayu', 1));
    const mirror = create({
      ...bind(copies),
      publish: () => Promise.reject(new TypeError('a bug')),
    });
    const running = mirror.run(termUntil(ending.signal), [buildIdentity('acme/ayu')]);
    await assert.rejects(running, { message: 'a bug' });
  });

  const stepArbitrary = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('publish' as const), token: fc.nat(2) }) },
    fc.record({ kind: fc.constant('outage' as const), isDown: fc.boolean() }),
    fc.record({ kind: fc.constant('fail' as const), isRead: fc.boolean() }),
    fc.record({ kind: fc.constant('lose-answer' as const) }),
    fc.record({ kind: fc.constant('stale' as const), isCopy: fc.boolean() }),
    fc.record({ kind: fc.constant('other-leader' as const), token: fc.nat(2) }),
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 0, max: 5_000 }) }),
    },
  );

  it('never replaces a token by an older one, whatever fails in which order, and is up to date once all is well', async () => {
    const tokens = ['acme/a', 'acme/b', 'acme/c'];
    await fc.assert(
      fc.asyncProperty(fc.array(stepArbitrary, { maxLength: 30 }), async (steps) => {
        const { run, publish, clock, copies, authority, copyOf, end, create, mirror } = setUp(
          undefined,
          tokens,
        );
        // Of a former leader that goes on writing.
        const other = create();
        const generations = tokens.map(() => 0);
        const highest = tokens.map(() => 0);
        const look = (): void => {
          for (const [index, token] of tokens.entries()) {
            const { generation = 0 } = copyOf(token) ?? {};
            assert.ok(generation >= (highest[index] ?? 0), `${token}: ${generation} after ${highest[index]}`);
            highest[index] = generation;
          }
        };
        const next = (index: number, by: Mirror): void => {
          generations[index] = (generations[index] ?? 0) + 1;
          publish(tokens[index] ?? '', generations[index] ?? 0, by);
        };
        await run();
        await run(other);
        for (const step of steps) {
          if (step.kind === 'publish') next(step.token, mirror);
          else if (step.kind === 'other-leader') next(step.token, other);
          else if (step.kind === 'outage') copies.outage = step.isDown ? STORE_DOWN : undefined;
          else if (step.kind === 'fail') copies.failNext(step.isRead ? 'read' : 'publish');
          else if (step.kind === 'lose-answer') copies.loseNextAnswer();
          else if (step.kind === 'stale') (step.isCopy ? copies : authority).makeReadsStale();
          else await clock.advance(step.ms);
          look();
        }
        copies.outage = undefined;
        for (let second = 0; second < 200; second += 1) {
          await clock.advance(1_000);
          look();
        }
        const expected = generations.map((generation) => (generation === 0 ? undefined : generation));
        assert.deepEqual(
          tokens.map((token) => copyOf(token)?.generation),
          expected,
        );
        await end();
      }),
      { numRuns: 40 },
    );
  });
});
