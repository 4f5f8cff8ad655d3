import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Failure } from '../../src/core/failure.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import {
  type ChainState,
  chooseRefreshToken,
  serializeChainState,
} from '../../src/core/token/chain-state.ts';
import { advanceUntilDone } from '../support/advance-until-done.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import {
  CHAIN_REMEDY,
  createEvenRandom,
  createManagedTokenBench,
  type ManagedTokenBench,
} from '../support/managed-token-bench.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { MemoryStore, STORE_DOWN } from '../support/memory-store.ts';
import { fc } from '../support/property.ts';
import { NOON_MS } from '../support/sample-events.ts';
import { buildChainState } from '../support/token-builder.ts';

const REFUSED: Failure = { code: 'chain-broken', retry: 'needs-human', message: 'it was refused' };

interface World {
  readonly clock: FakeClock;
  readonly store: MemoryStore;
  readonly journal: MemoryJournal;
  readonly fallback: 'start-again' | 'none';
}

function createWorld(fallback: World['fallback'] = 'none'): World {
  return { clock: new FakeClock(), store: new MemoryStore(), journal: new MemoryJournal(), fallback };
}

/** A process, or a replica with a journal of its own. */
function startProcess(
  { clock, store, journal, fallback }: World,
  seed: string | undefined,
  own: Partial<World> = {},
): ManagedTokenBench {
  const random = createEvenRandom(store.calls.length + 1);
  const bench = createManagedTokenBench(own.clock ?? clock, {
    chainFallback: fallback,
    store,
    journal: own.journal ?? journal,
    random,
  });
  bench.source.seed = seed;
  return bench;
}

function answerWith({ source }: ManagedTokenBench, refreshToken: string): void {
  source.answerWith({ refreshToken: new SecretText(refreshToken) });
}

function saveState(
  { store, identity, stateSecret }: ManagedTokenBench,
  changes: Partial<ChainState> = {},
): void {
  store.put(stateSecret, serializeChainState(identity, buildChainState(changes)));
}

function fingerprintOf(text: string): string {
  return new SecretText(text).fingerprint();
}

function presented({ source }: ManagedTokenBench): readonly (string | undefined)[] {
  return source.fetches.map((fetch) => fetch.presented);
}

/** What an earlier process has left: a chain that has grown from the seed `one`. */
function createGrown(fallback: World['fallback'] = 'none'): World {
  const world = createWorld(fallback);
  saveState(startProcess(world, 'one'), { seed: fingerprintOf('one'), generation: 7 });
  return world;
}

describe('a refresh token among the credentials', () => {
  it('is presented until the state secret holds a later one', async () => {
    const world = createWorld();
    const bench = startProcess(world, 'one');
    await bench.managed.refresh('start', bench.term);
    await bench.managed.refresh('explicit', bench.term);
    answerWith(bench, 'one-2');
    await bench.managed.refresh('explicit', bench.term);
    answerWith(bench, 'one-3');
    await bench.managed.refresh('explicit', bench.term);
    assert.deepEqual(presented(bench), ['one', 'one', 'one', 'one-2']);
    const saved = bench.savedChain();
    assert.deepEqual([saved?.seed, saved?.generation], [fingerprintOf('one'), 2]);
    const next = startProcess(world, 'one');
    await next.managed.refresh('explicit', next.term);
    assert.deepEqual(presented(next), ['one-3']);
  });

  it('that has changed begins a new chain with the next fetch, in the same process and in another', async () => {
    for (const isSame of [true, false]) {
      const world = createGrown();
      const first = startProcess(world, 'one');
      await first.managed.refresh('start', first.term);
      const bench = isSame ? first : startProcess(world, 'two');
      bench.source.seed = 'two';
      answerWith(bench, 'two-2');
      await bench.managed.refresh('explicit', bench.term);
      await bench.managed.refresh('explicit', bench.term);
      assert.deepEqual(presented(bench).slice(-2), ['two', 'two-2']);
      const saved = bench.savedChain();
      // Readers of the state, and the rule against stale reads, count on.
      assert.deepEqual([saved?.seed, saved?.generation], [fingerprintOf('two'), 8]);
      const replica = startProcess(world, 'two', { journal: new MemoryJournal() });
      await replica.managed.refresh('explicit', replica.term);
      assert.deepEqual(presented(replica), ['two-2']);
    }
  });

  it('that is not there any more leaves the chain as it is', async () => {
    const world = createGrown();
    for (const seed of [undefined, '']) {
      const bench = startProcess(world, seed);
      answerWith(bench, 'refresh-canary');
      await bench.managed.refresh('explicit', bench.term);
      assert.deepEqual(presented(bench), ['refresh-canary']);
      assert.equal(bench.savedChain()?.seed, fingerprintOf('one'));
    }
  });

  it('that cannot be read is no reason to present anything', async () => {
    const bench = startProcess(createGrown(), 'two');
    bench.source.seedFailure = {
      code: 'credentials-rejected',
      retry: 'needs-human',
      message: 'no such file',
    };
    const outcome = await bench.managed.refresh('start', bench.term, 1);
    assert.deepEqual(outcome, { kind: 'failed', failure: bench.source.seedFailure });
    assert.deepEqual(presented(bench), []);
  });

  it('Nobody is locked out: that is refused calls a human who is told where to put a new one, and that is tried at once', async () => {
    const world = createGrown();
    const bench = startProcess(world, 'two');
    bench.source.failWith(REFUSED);
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    const { failure } = bench.events.last('refresh-failed');
    assert.deepEqual(failure, {
      code: 'chain-broken',
      retry: 'needs-human',
      message: `it was refused; the chain is broken: ${CHAIN_REMEDY}`,
    });
    bench.source.seed = 'three';
    answerWith(bench, 'three-2');
    bench.source.changeCredential();
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(world.clock.now(), NOON_MS);
    assert.deepEqual(presented(bench), ['two', 'three']);
    assert.equal(bench.savedChain()?.refreshToken.reveal(), 'three-2');
  });

  it('that is new mends a broken chain after a restart, and in another replica', async () => {
    for (const journal of [undefined, new MemoryJournal()]) {
      const world = createGrown();
      const broken = startProcess(world, 'one');
      broken.source.failWith(REFUSED);
      await broken.managed.refresh('start', broken.term, 1);
      const next = startProcess(world, 'two', journal === undefined ? {} : { journal });
      assert.deepEqual(await next.managed.refresh('start', next.term), { kind: 'refreshed' });
      assert.deepEqual(presented(next), ['two']);
    }
  });

  it('that is new mends a chain whose refresh token has expired', async () => {
    const world = createWorld();
    const expired = { seed: fingerprintOf('one'), refreshTokenExpiresAtMs: NOON_MS };
    saveState(startProcess(world, 'one'), expired);
    const before = startProcess(world, 'one');
    const outcome = await before.managed.refresh('start', before.term, 1);
    assert.ok(outcome.kind === 'failed' && outcome.failure.code === 'chain-broken');
    assert.deepEqual(presented(before), []);
    const after = startProcess(world, 'two');
    assert.deepEqual(await after.managed.refresh('start', after.term), { kind: 'refreshed' });
    assert.deepEqual(presented(after), ['two']);
  });

  it('may be refused because another replica has spent it: its newer refresh token is used soon', async () => {
    const world = createGrown();
    const bench = startProcess(world, 'two');
    bench.source.failWith(REFUSED);
    bench.events.onNext('token-fetched', () =>
      saveState(bench, {
        refreshToken: new SecretText('two-2'),
        seed: fingerprintOf('two'),
        generation: 8,
        obtainedAtMs: NOON_MS + 1,
      }),
    );
    await advanceUntilDone(world.clock, 250, bench.managed.refresh('start', bench.term));
    assert.deepEqual(presented(bench), ['two', 'two-2']);
  });
});

describe('a seed whose answer was lost', () => {
  it('No chain is lost by us: is presented until it is refused, and then a human is called', async () => {
    const world = createWorld();
    const bench = startProcess(world, 'one');
    bench.source.loseAnswers(2);
    bench.source.failWith({ code: 'chain-broken', retry: 'needs-human' });
    void bench.managed.refresh('start', bench.term);
    await settle();
    assert.equal(bench.events.last('refresh-failed').failure.retry, 'backoff');
    await world.clock.advance(6000);
    assert.deepEqual(presented(bench), ['one', 'one', 'one']);
    assert.match(
      bench.events.last('refresh-failed').failure.message,
      /the chain is broken: bind the account again$/,
    );
  });

  it('No chain is lost by us: gives way to a start without one where there is one, and never comes again', async () => {
    const world = createWorld('start-again');
    const bench = startProcess(world, 'one');
    bench.source.loseAnswers(2);
    await advanceUntilDone(world.clock, 250, bench.managed.refresh('start', bench.term));
    assert.deepEqual(presented(bench), ['one', 'one', undefined]);
    answerWith(bench, 'login-2');
    await bench.managed.refresh('explicit', bench.term);
    for (const journal of [world.journal, new MemoryJournal()]) {
      const next = startProcess(world, 'one', { journal });
      await next.managed.refresh('explicit', next.term);
      assert.deepEqual(presented(next), ['login-2']);
    }
  });

  it('No chain is lost by us: when processes are killed in flight, the third one does not present it', async () => {
    for (const [fallback, last] of [
      ['start-again', [undefined]],
      ['none', []],
    ] as const) {
      const world = createGrown(fallback);
      const lives: (readonly (string | undefined)[])[] = [];
      for (let life = 0; life < 3; life += 1) {
        // The clock of a process that is killed stands still.
        const bench = startProcess(world, 'two', { clock: new FakeClock() });
        bench.source.delayMs = 5000;
        void bench.managed.refresh('start', bench.term);
        await settle();
        lives.push(presented(bench));
      }
      assert.deepEqual(lives, [['two'], ['two'], last]);
    }
  });

  it('is spent for a successor that can never be saved, and not presented again', async () => {
    const bench = startProcess(createGrown('start-again'), 'two');
    answerWith(bench, 'r'.repeat(70_000));
    await bench.managed.refresh('start', bench.term);
    await bench.managed.refresh('explicit', bench.term);
    assert.deepEqual(presented(bench), ['two', undefined]);
  });
});

describe('two chains that meet in the store', () => {
  /** Gets the next refresh token of its chain and is killed before it is saved. */
  async function dieWithUnsaved(world: World, seed: string, brought: string): Promise<void> {
    const killed = startProcess(world, seed, { clock: new FakeClock() });
    answerWith(killed, brought);
    killed.events.onNext('token-fetched', () => {
      world.store.outage = STORE_DOWN;
    });
    void killed.managed.refresh('start', killed.term);
    await settle();
    world.store.outage = undefined;
  }

  for (const [title, unsaved, stored, kept] of [
    ['one that was journalled stays over a later one of a former seed', 'two', 'one', 'two-2'],
    ['one that was journalled gives way to an earlier one of the present seed', 'one', 'two', 'theirs'],
  ] as const) {
    for (const isRestored of [true, false])
      it(`No chain is lost by us: ${title}${isRestored ? ', which is looked at before' : ''}`, async () => {
        const world = createGrown();
        await dieWithUnsaved(world, unsaved, 'two-2');
        const obtainedAtMs = NOON_MS + (stored === 'one' ? 1 : -1);
        const next = startProcess(world, 'two');
        saveState(next, {
          refreshToken: new SecretText('theirs'),
          seed: fingerprintOf(stored),
          generation: 8,
          obtainedAtMs,
        });
        if (isRestored) await next.managed.restore(next.term.signal);
        await advanceUntilDone(world.clock, 250, next.managed.refresh('explicit', next.term));
        assert.deepEqual(presented(next), [kept]);
        assert.equal(next.savedChain()?.seed, fingerprintOf('two'));
        assert.equal(world.journal.entries.size, 0);
      });
  }

  it('No chain is lost by us: are not judged while the credentials cannot be read', async () => {
    const world = createGrown();
    await dieWithUnsaved(world, 'two', 'two-2');
    const next = startProcess(world, 'two');
    const theirs = { refreshToken: new SecretText('theirs'), seed: fingerprintOf('one') };
    saveState(next, { ...theirs, generation: 8, obtainedAtMs: NOON_MS + 1 });
    next.source.seedFailure = { code: 'store-unavailable', retry: 'backoff', message: 'not now' };
    assert.ok((await next.managed.restore(next.term.signal)).ok);
    const run = next.managed.refresh('explicit', next.term);
    await settle();
    assert.equal(world.journal.entries.size, 1);
    assert.equal(next.savedChain()?.refreshToken.reveal(), 'theirs');
    next.source.seedFailure = undefined;
    await advanceUntilDone(world.clock, 250, run);
    assert.deepEqual(presented(next), ['two-2']);
  });
});

describe('chooseRefreshToken', () => {
  it("takes the chain's unless its seed differs from the present one", () => {
    const texts = fc.constantFrom('one', 'two', 'three');
    const chains = fc.option(
      fc.record({ seed: fc.option(texts, { nil: undefined }), generation: fc.nat() }),
      { nil: undefined },
    );
    fc.assert(
      fc.property(chains, fc.option(texts, { nil: undefined }), (held, seed) => {
        const chain =
          held === undefined
            ? undefined
            : buildChainState({
                generation: held.generation,
                seed: held.seed === undefined ? undefined : fingerprintOf(held.seed),
              });
        const chosen = chooseRefreshToken(chain, seed === undefined ? undefined : new SecretText(seed));
        const isNew = seed !== undefined && seed !== held?.seed;
        assert.equal(chosen?.refreshToken.reveal(), isNew ? seed : chain?.refreshToken.reveal());
        assert.equal(chosen?.generation, isNew ? (held?.generation ?? 0) : held?.generation);
        if (isNew) assert.equal(chosen?.seed, fingerprintOf(seed));
      }),
    );
  });
});
