import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { SecretTexts } from '../../src/core/ports.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import { TokenView, type ViewedToken } from '../../src/replica/token-view.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { MemoryStore, STORE_DOWN } from '../support/memory-store.ts';
import { buildFailure } from '../support/sample-events.ts';

const never = new AbortController().signal;
const MINUTE_MS = 60_000;
const HALF_HOUR_MS = 30 * MINUTE_MS;

/** A token that is due at a moment, until it is read again. */
class FakeToken implements ViewedToken {
  readonly readAtMs: number[] = [];
  secretNames: readonly string[];
  isDistrusted = false;
  dueAtMs: number;
  /** Due time that a successful read learns of. */
  storedDueAtMs: number;
  result: Result<void> = succeed(undefined);
  readonly #clock: FakeClock;

  constructor(clock: FakeClock, dueAtMs: number, secretName: string) {
    this.#clock = clock;
    this.secretNames = [secretName];
    this.dueAtMs = dueAtMs;
    this.storedDueAtMs = dueAtMs;
  }

  dueInMs(): number {
    return this.dueAtMs - this.#clock.monotonicMs();
  }

  async restore(): Promise<Result<void>> {
    this.readAtMs.push(this.#clock.monotonicMs());
    if (!this.result.ok) return this.result;
    this.dueAtMs = this.storedDueAtMs;
    this.isDistrusted = false;
    return this.result;
  }

  invalidate(): void {
    this.isDistrusted = true;
  }
}

/** Counts calls, and how many secrets each is for. */
class CountingStore extends MemoryStore {
  readonly batches: number[] = [];

  override readMany(secretNames: readonly string[], signal: AbortSignal): Promise<SecretTexts> {
    this.batches.push(secretNames.length);
    return super.readMany(secretNames, signal);
  }
}

function setUp(...dueAtMs: readonly number[]) {
  const clock = new FakeClock();
  const store = new CountingStore();
  const tokens = dueAtMs.map((moment, index) => new FakeToken(clock, moment, `payments/${index}`));
  return { clock, store, tokens, view: new TokenView({ managedTokens: tokens, store, clock }) };
}

/** Lets the pauses between portions pass. */
async function finish(clock: FakeClock, reading: Promise<void>): Promise<void> {
  for (let portion = 0; portion < 10; portion += 1) await clock.advance(50);
  await reading;
}

describe('at a take-over the view', () => {
  it('is read again where it is older than the term, what looks due first', async () => {
    const { clock, tokens, view } = setUp(30 * MINUTE_MS, MINUTE_MS, 10 * MINUTE_MS);
    const order: FakeToken[] = [];
    for (const token of tokens) {
      const restore = token.restore.bind(token);
      token.restore = () => {
        order.push(token);
        return restore();
      };
    }
    await view.readAll(never);
    order.length = 0;
    await clock.advance(5 * MINUTE_MS);
    await view.catchUp(clock.monotonicMs(), never);
    assert.deepEqual(
      order.map((token) => token.dueAtMs),
      [MINUTE_MS, 10 * MINUTE_MS, 30 * MINUTE_MS],
    );
  });

  it('is not read again where nobody else can have led since', async () => {
    const { tokens, view, clock } = setUp(MINUTE_MS);
    await view.readAll(never);
    await clock.advance(HALF_HOUR_MS);
    await view.catchUp(undefined, never);
    assert.deepEqual(tokens[0]?.readAtMs, [0]);
  });

  it('is not read again for a token that was removed while it was read', async () => {
    const { clock, tokens, view } = setUp(MINUTE_MS);
    const [token] = tokens;
    assert.ok(token);
    const restore = token.restore.bind(token);
    token.restore = () => {
      view.remove(token);
      return restore();
    };
    await view.readAll(never);
    await clock.advance(MINUTE_MS);
    await view.catchUp(clock.monotonicMs(), never);
    assert.deepEqual(token.readAtMs, [0]);
  });

  it('is read again after a term of our own and somebody else', async () => {
    const { tokens, view, clock } = setUp(MINUTE_MS);
    await view.readAll(never);
    await clock.advance(MINUTE_MS);
    view.noteEndOfTerm();
    await clock.advance(1);
    await view.catchUp(clock.monotonicMs(), never);
    assert.deepEqual(tokens[0]?.readAtMs, [0, MINUTE_MS + 1]);
  });

  it('is distrusted where the store does not answer, and the rest is not tried', async () => {
    const dueAtMs = Array.from({ length: 200 }, () => MINUTE_MS);
    const { tokens, view, clock, store } = setUp(...dueAtMs);
    await finish(clock, view.readAll(never));
    await clock.advance(MINUTE_MS);
    for (const token of tokens.slice(10)) token.result = fail(STORE_DOWN);
    store.batches.length = 0;
    await view.catchUp(clock.monotonicMs(), never);
    assert.deepEqual(store.batches, [80]);
    assert.deepEqual(
      tokens.map(({ isDistrusted }) => isDistrusted),
      tokens.map((_, index) => index >= 10),
    );
  });

  it('is distrusted where a read was under way when the term began', async () => {
    const { tokens, view, clock, store } = setUp();
    const added = new FakeToken(clock, HALF_HOUR_MS, 'payments/added');
    const hold = store.holdNext('read');
    const adding = view.add([added], never);
    await hold.reached;
    await clock.advance(MINUTE_MS);
    await view.catchUp(clock.monotonicMs(), never);
    hold.release();
    await adding;
    assert.equal(added.isDistrusted, true);
    assert.equal(tokens.length, 0);
  });

  it('does not wait for a secret that only a human can repair', async () => {
    const { tokens, view, clock } = setUp(MINUTE_MS, MINUTE_MS);
    await view.readAll(never);
    await clock.advance(MINUTE_MS);
    for (const token of tokens) token.result = fail(buildFailure({ code: 'store-denied' }));
    await view.catchUp(clock.monotonicMs(), never);
    assert.deepEqual(
      tokens.map(({ readAtMs }) => readAtMs.length),
      [2, 2],
    );
  });

  it('does not wait for tokens that nobody could ever read: their managed tokens read them', async () => {
    const { tokens, view, clock } = setUp(MINUTE_MS);
    for (const token of tokens) token.result = fail(STORE_DOWN);
    await view.readAll(never);
    await view.catchUp(clock.monotonicMs() + 1, never);
    assert.equal(tokens[0]?.readAtMs.length, 1);
  });

  it('ends with the term', async () => {
    const { tokens, view, clock, store } = setUp(...Array.from({ length: 200 }, () => MINUTE_MS));
    await finish(clock, view.readAll(never));
    const end = new AbortController();
    const hold = store.holdNext('read');
    const caughtUp = view.catchUp(clock.monotonicMs(), end.signal);
    await hold.reached;
    end.abort(new Error('leadership was lost'));
    hold.release();
    await caughtUp;
    assert.deepEqual(clock.pendingDelaysMs, []);
    assert.ok(tokens.every(({ readAtMs }) => readAtMs.length <= 2));
    assert.equal(tokens[199]?.readAtMs.length, 1);
  });
});

describe('the view reads', () => {
  it('80 secrets at one time, and leaves the store a pause in between', async () => {
    const { view, clock, store } = setUp(...Array.from({ length: 200 }, () => MINUTE_MS));
    const reading = view.readAll(never);
    await settle();
    assert.deepEqual(store.batches, [80]);
    await clock.advance(50);
    assert.deepEqual(store.batches, [80, 80]);
    await clock.advance(50);
    await reading;
    assert.deepEqual(store.batches, [80, 80, 40]);
  });

  it('the two secrets of a chain together', async () => {
    const { view, clock, store, tokens } = setUp(...Array.from({ length: 81 }, () => MINUTE_MS));
    for (const [index, token] of tokens.entries()) {
      if (index > 0) token.secretNames = [`payments/${index}`, `state/${index}`];
    }
    await finish(clock, view.readAll(never));
    assert.deepEqual(store.batches, [79, 80, 2]);
  });

  it('what is added once, and nothing of what was removed', async () => {
    const { view, clock, tokens } = setUp(0);
    const added = new FakeToken(clock, 0, 'payments/added');
    await view.add([added], never);
    assert.deepEqual([tokens[0]?.readAtMs, added.readAtMs], [[], [0]]);
    view.remove(added);
    await view.readAll(never);
    assert.deepEqual([tokens[0]?.readAtMs, added.readAtMs], [[0], [0]]);
  });
});

describe('on stand-by the view', () => {
  it('is read again once when the leader should have refreshed a token', async () => {
    const { tokens, view, clock } = setUp(10 * MINUTE_MS, 2 * HALF_HOUR_MS);
    const [soon, late] = tokens;
    assert.ok(soon !== undefined && late !== undefined);
    await view.readAll(never);
    soon.storedDueAtMs = 24 * MINUTE_MS;
    const end = new AbortController();
    const following = view.keepWarm(end.signal);
    await clock.advance(20 * MINUTE_MS);
    // Due, the leader's half a minute, and the next look.
    assert.deepEqual(soon.readAtMs, [0, 10 * MINUTE_MS + 40_000]);
    assert.deepEqual(late.readAtMs, [0]);
    end.abort(new Error('elected'));
    await following;
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('reads a token that is not there soon again, then less and less often, every five minutes in the end', async () => {
    const { tokens, view, clock } = setUp(Number.NEGATIVE_INFINITY);
    const [absent] = tokens;
    assert.ok(absent !== undefined);
    await view.readAll(never);
    const end = new AbortController();
    const following = view.keepWarm(end.signal);
    await clock.advance(16 * MINUTE_MS);
    assert.deepEqual(
      absent.readAtMs.map((timeMs) => timeMs / 1000),
      [0, 10, 30, 70, 150, 310, 610, 910],
    );
    // It is published, refreshed once, and then no more.
    absent.storedDueAtMs = 25 * MINUTE_MS;
    await clock.advance(9 * MINUTE_MS);
    absent.storedDueAtMs = 40 * MINUTE_MS;
    await clock.advance(MINUTE_MS);
    absent.storedDueAtMs = 40 * MINUTE_MS;
    await clock.advance(16 * MINUTE_MS);
    assert.deepEqual(
      absent.readAtMs.slice(8).map((timeMs) => timeMs / 1000),
      [1_210, 1_540, 2_440, 2_450, 2_470, 2_510],
    );
    end.abort(new Error('elected'));
    await following;
  });

  it('is read in portions when thousands of tokens are outdated', async () => {
    const { tokens, view, clock } = setUp(...Array.from({ length: 2_400 }, () => 0));
    const end = new AbortController();
    const following = view.keepWarm(end.signal);
    const readSoFar = (): number => tokens.filter(({ readAtMs }) => readAtMs.length > 0).length;
    await clock.advance(39_000);
    assert.equal(readSoFar(), 0);
    await clock.advance(10_000);
    assert.equal(readSoFar(), 1_000);
    await clock.advance(10_000);
    assert.equal(readSoFar(), 2_000, 'those that were read in vain keep nobody waiting');
    await clock.advance(10_000);
    assert.equal(readSoFar(), 2_400);
    end.abort(new Error('elected'));
    await following;
  });
});
