/** Promise 4 where an answer is lost, half usable, or belongs to somebody else. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { serializeChainState } from '../../src/core/token/chain-state.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import {
  CHAIN_REMEDY,
  createManagedTokenBench,
  type ManagedTokenBench,
  type ManagedTokenBenchOptions,
} from '../support/managed-token-bench.ts';
import { STORE_DOWN } from '../support/memory-store.ts';
import { buildFailure } from '../support/sample-events.ts';
import { buildChainState } from '../support/token-builder.ts';

const REJECTED = {
  code: 'credentials-rejected',
  retry: 'needs-human',
  message: 'the login was refused',
} as const;

/** With `refresh-canary` in its state secret. */
function createChainBench(clock: FakeClock, options: ManagedTokenBenchOptions = {}): ManagedTokenBench {
  const bench = createManagedTokenBench(clock, { chainFallback: 'start-again', ...options });
  bench.store.put(bench.stateSecret, serializeChainState(bench.identity, buildChainState()));
  return bench;
}

/** Refreshes, with time passing until it is done; `undefined` when ten minutes are not enough. */
async function refresh(clock: FakeClock, { managed, term }: ManagedTokenBench) {
  const outcomes: Awaited<ReturnType<typeof managed.refresh>>[] = [];
  void managed.refresh('start', term).then((outcome) => outcomes.push(outcome));
  await settle();
  for (let seconds = 0; seconds < 600 && outcomes.length === 0; seconds += 1) await clock.advance(1000);
  return outcomes[0];
}

function presented({ source }: ManagedTokenBench): readonly (string | undefined)[] {
  return source.fetches.map((fetch) => fetch.presented);
}

describe('an answer that is lost on the way', () => {
  it('No chain is lost by us: the same refresh token is presented once more', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.source.loseAnswers(1);
    assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
    assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-canary']);
  });

  it('No chain is lost by us: lost twice, the chain starts again where the provider allows that', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.source.loseAnswers(2);
    assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
    assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-canary', undefined]);
    assert.match(
      bench.events.last('refresh-failed').failure.message,
      /; starting again without a refresh token$/,
    );
  });

  it('No chain is lost by us: where there is no other way, an outage of a gateway is one of the provider', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock, { chainFallback: 'none' });
    bench.source.loseAnswers(4);
    assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
    assert.deepEqual(
      presented(bench),
      Array.from({ length: 5 }, () => 'refresh-canary'),
    );
    assert.equal(bench.events.last('refresh-failed').failure.code, 'provider-unavailable');
  });

  it('Nobody is locked out: refused after it was lost, a human is needed where there is no other way', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock, { chainFallback: 'none' });
    bench.source.loseAnswers(2);
    bench.source.failWith({ code: 'chain-broken', retry: 'needs-human' });
    assert.equal(await refresh(clock, bench), undefined);
    assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-canary', 'refresh-canary']);
    const { failure } = bench.events.last('refresh-failed');
    assert.deepEqual([failure.code, failure.retry], ['chain-broken', 'needs-human']);
    assert.ok(failure.message.endsWith(`the chain is broken: ${CHAIN_REMEDY}`), failure.message);
  });

  it('No chain is lost by us: one that was refused and works again is worth its second try, like any other', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock, { chainFallback: 'none' });
    // A login that is suspended, and put right before it is asked again. It keeps its refresh token.
    bench.source.failWith({ code: 'chain-broken', retry: 'needs-human' });
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    await clock.advance(15 * 60_000);
    assert.deepEqual(await run, { kind: 'refreshed' });
    await clock.advance(840_000);
    bench.source.loseAnswers(1);
    assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
    assert.equal(bench.events.last('refresh-failed').failure.code, 'provider-unavailable');
  });

  it('No chain is lost by us: a token without a refresh token says nothing of the one that was refused', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.source.failWith({ code: 'chain-broken', retry: 'needs-human' });
    for (let refreshes = 0; refreshes < 3; refreshes += 1) {
      assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
      await clock.advance(840_000);
    }
    assert.deepEqual(presented(bench), ['refresh-canary', undefined, undefined, undefined]);
  });

  it('uses up its second try only when that is lost too', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.source.loseAnswers(1);
    bench.source.failWith({}, 3);
    bench.source.loseAnswers(1);
    assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
    const same = Array.from({ length: 5 }, () => 'refresh-canary');
    assert.deepEqual(presented(bench), [...same, undefined]);
  });

  it('is forgotten once a token has come', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    for (let cycle = 0; cycle < 3; cycle += 1) {
      bench.source.loseAnswers(1);
      assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
      await clock.advance(840_000);
    }
    assert.ok(
      presented(bench).every((each) => each === 'refresh-canary'),
      'no answer brought another one',
    );
  });

  it('counts too when leadership ends while it is under way', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    const answer = bench.source.holdNext();
    const lost = new AbortController();
    const run = bench.managed.refresh('start', { ...bench.term, signal: lost.signal });
    await answer.reached;
    lost.abort(new Error('leadership was lost'));
    answer.release();
    assert.equal((await run).kind, 'failed');
    bench.source.loseAnswers(1);
    assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
    assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-canary', undefined]);
  });

  it('No chain is lost by us: a newer refresh token that was saved meanwhile is used instead', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.source.loseAnswers(2);
    bench.events.onNext('refresh-failed', () =>
      bench.store.put(
        bench.stateSecret,
        serializeChainState(
          bench.identity,
          buildChainState({ refreshToken: new SecretText('theirs'), generation: 2 }),
        ),
      ),
    );
    assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
    assert.deepEqual(presented(bench), ['refresh-canary', 'theirs', 'theirs']);
  });
});

describe('a chain that cannot start again either', () => {
  it('Nobody is locked out: says what a human has to do when the login is refused as well', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.source.failWith({
      code: 'chain-broken',
      retry: 'needs-human',
      message: 'the refresh token was refused',
    });
    bench.source.failWith(REJECTED);
    assert.equal(await refresh(clock, bench), undefined);
    const { failure } = bench.events.last('refresh-failed');
    assert.deepEqual(
      [failure.code, failure.retry, failure.message],
      ['chain-broken', 'needs-human', `the login was refused; the chain is broken: ${CHAIN_REMEDY}`],
    );
    assert.deepEqual(presented(bench), ['refresh-canary', undefined]);
  });

  it('is no broken chain while the refresh token was never refused', async () => {
    const clock = new FakeClock();
    const bench = createManagedTokenBench(clock, { chainFallback: 'start-again' });
    bench.source.failWith(REJECTED);
    assert.equal(await refresh(clock, bench), undefined);
    assert.deepEqual(bench.events.last('refresh-failed').failure, buildFailure(REJECTED));
  });
});

describe('an answer whose refresh token alone is of use', () => {
  it('No chain is lost by us: that is saved before the failure is told, and presented next', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.source.answerUnusably(new SecretText('refresh-2'));
    const saved: (string | undefined)[] = [];
    bench.events.onNext('refresh-failed', () => saved.push(bench.savedChain()?.refreshToken.reveal()));
    assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
    assert.deepEqual(saved, ['refresh-2']);
    assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-2']);
    assert.equal(bench.events.of('refresh-failed')[0]?.failure.code, 'response-malformed');
  });

  it('No chain is lost by us: while that cannot be saved, nothing is fetched', async () => {
    const clock = new FakeClock();
    const bench = createChainBench(clock);
    bench.source.answerUnusably(new SecretText('refresh-2'));
    bench.store.failNext('publish', STORE_DOWN, 4);
    assert.deepEqual(await refresh(clock, bench), { kind: 'refreshed' });
    assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-2']);
    assert.equal(bench.events.of('refresh-failed')[0]?.failure.code, 'store-unavailable');
  });
});

describe('a state secret with the chain of another token', () => {
  for (const fallback of ['start-again', 'none'] as const) {
    it(`Not ours, not touched: is neither spent nor replaced (${fallback})`, async () => {
      const clock = new FakeClock();
      const bench = createChainBench(clock, { chainFallback: fallback });
      const budi = { ...bench.identity, customer: 'budi' };
      bench.store.put(bench.stateSecret, serializeChainState(budi, buildChainState()));
      assert.equal(await refresh(clock, bench), undefined);
      const { failure } = bench.events.last('refresh-failed');
      assert.deepEqual([failure.code, failure.retry], ['store-not-ours', 'needs-human']);
      assert.match(
        failure.message,
        /^state secret payments\/pik\/state holds the refresh token of pik\/budi, /,
      );
      assert.deepEqual(presented(bench), []);
      assert.equal(bench.store.callsOf('publish').length, 0);
    });
  }
});
