import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fail, type Result, succeed } from '../src/core/result.ts';
import { TokenView, type ViewedToken } from '../src/token-view.ts';
import { FakeClock, settle } from './support/fake-clock.ts';
import { STORE_DOWN } from './support/memory-store.ts';
import { buildFailure } from './support/sample-events.ts';

const never = new AbortController().signal;
const MINUTE_MS = 60_000;
const HALF_HOUR_MS = 30 * MINUTE_MS;

/** A token that is due at a moment, until it is read again. */
class FakeToken implements ViewedToken {
  readonly readAtMs: number[] = [];
  dueAtMs: number;
  /** Due time that a successful read learns of. */
  storedDueAtMs: number;
  result: Result<void> = succeed(undefined);
  readonly #clock: FakeClock;

  constructor(clock: FakeClock, dueAtMs: number) {
    this.#clock = clock;
    this.dueAtMs = dueAtMs;
    this.storedDueAtMs = dueAtMs;
  }

  dueInMs(): number {
    return this.dueAtMs - this.#clock.monotonicMs();
  }

  async restore(): Promise<Result<void>> {
    this.readAtMs.push(this.#clock.monotonicMs());
    if (this.result.ok) this.dueAtMs = this.storedDueAtMs;
    return this.result;
  }
}

function setUp(...dueAtMs: readonly number[]) {
  const clock = new FakeClock();
  const tokens = dueAtMs.map((moment) => new FakeToken(clock, moment));
  return { clock, tokens, view: new TokenView({ keepers: tokens, clock }) };
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
    await view.catchUp(Number.NEGATIVE_INFINITY, never);
    assert.deepEqual(tokens[0]?.readAtMs, [0]);
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

  it('waits for a store that does not answer, and then reads what is missing', async () => {
    const { tokens, view, clock } = setUp(MINUTE_MS, 2 * MINUTE_MS);
    const [first, second] = tokens;
    assert.ok(first !== undefined && second !== undefined);
    await view.readAll(never);
    await clock.advance(MINUTE_MS);
    second.result = fail(STORE_DOWN);
    let isDone = false;
    const caughtUp = view.catchUp(clock.monotonicMs(), never).then(() => {
      isDone = true;
    });
    await settle();
    await clock.advance(10_000);
    assert.equal(isDone, false);
    second.result = succeed(undefined);
    await clock.advance(2_000);
    await caughtUp;
    assert.equal(first.readAtMs.length, 2);
    assert.equal(second.readAtMs.length, 8);
  });

  it('goes by what is known after a minute without the store', async () => {
    const { tokens, view, clock } = setUp(MINUTE_MS);
    await view.readAll(never);
    await clock.advance(MINUTE_MS);
    for (const token of tokens) token.result = fail(STORE_DOWN);
    let isDone = false;
    const caughtUp = view.catchUp(clock.monotonicMs(), never).then(() => {
      isDone = true;
    });
    await settle();
    await clock.advance(MINUTE_MS - 1);
    assert.equal(isDone, false);
    await clock.advance(1);
    await caughtUp;
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

  it('does not wait for tokens that nobody could ever read: their keepers read them', async () => {
    const { tokens, view, clock } = setUp(MINUTE_MS);
    for (const token of tokens) token.result = fail(STORE_DOWN);
    await view.readAll(never);
    await view.catchUp(clock.monotonicMs() + 1, never);
    assert.equal(tokens[0]?.readAtMs.length, 1);
  });

  it('ends with the term', async () => {
    const { tokens, view, clock } = setUp(MINUTE_MS);
    await view.readAll(never);
    await clock.advance(MINUTE_MS);
    for (const token of tokens) token.result = fail(STORE_DOWN);
    const end = new AbortController();
    const caughtUp = view.catchUp(clock.monotonicMs(), end.signal);
    await settle();
    end.abort(new Error('leadership was lost'));
    await caughtUp;
    assert.deepEqual(clock.pendingDelaysMs, []);
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
    assert.deepEqual(soon.readAtMs, [0, 11 * MINUTE_MS]);
    assert.deepEqual(late.readAtMs, [0]);
    end.abort(new Error('elected'));
    await following;
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('asks for a token that nobody refreshes every five minutes, no more', async () => {
    const { tokens, view, clock } = setUp(0);
    await view.readAll(never);
    const end = new AbortController();
    const following = view.keepWarm(end.signal);
    await clock.advance(16 * MINUTE_MS);
    assert.deepEqual(tokens[0]?.readAtMs, [0, 5 * MINUTE_MS, 10 * MINUTE_MS, 15 * MINUTE_MS]);
    end.abort(new Error('elected'));
    await following;
  });

  it('is read in portions when thousands of tokens are outdated', async () => {
    const { tokens, view, clock } = setUp(...Array.from({ length: 1_200 }, () => 0));
    const end = new AbortController();
    const following = view.keepWarm(end.signal);
    const readSoFar = (): number => tokens.filter(({ readAtMs }) => readAtMs.length > 0).length;
    await clock.advance(30_000);
    assert.equal(readSoFar(), 0);
    await clock.advance(30_000);
    assert.equal(readSoFar(), 500);
    await clock.advance(MINUTE_MS);
    assert.equal(readSoFar(), 1_200);
    end.abort(new Error('elected'));
    await following;
  });
});
