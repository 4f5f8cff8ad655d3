/** Promise 4 with a journal: a process that dies at the worst moment, and the one that comes after it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { type ChainState, serializeChainState } from '../../src/core/token/chain-state.ts';
import { serializeDocument } from '../../src/core/token/document.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { HeldStep } from '../support/held-step.ts';
import {
  createEvenRandom,
  createManagedTokenBench,
  type ManagedTokenBench,
} from '../support/managed-token-bench.ts';
import { MemoryJournal } from '../support/memory-journal.ts';
import { MemoryStore, STORE_DOWN } from '../support/memory-store.ts';
import { NOON_MS } from '../support/sample-events.ts';
import { buildChainState, buildDocument } from '../support/token-builder.ts';

interface World {
  readonly store: MemoryStore;
  readonly journal: MemoryJournal;
}

function startProcess(
  { store, journal }: World,
  clock = new FakeClock(),
  chainFallback: 'start-again' | 'none' = 'none',
): ManagedTokenBench {
  // Two processes never draw the same request tokens.
  const random = createEvenRandom(store.calls.length + 1);
  return createManagedTokenBench(clock, { chainFallback, store, journal, random });
}

/** A world whose state secret holds `refresh-canary`. */
function createWorld(): World {
  const world = { store: new MemoryStore(), journal: new MemoryJournal() };
  saveState(startProcess(world));
  return world;
}

function saveState(
  { store, identity, stateSecret }: ManagedTokenBench,
  changes: Partial<ChainState> = {},
): void {
  store.put(stateSecret, serializeChainState(identity, buildChainState(changes)));
}

/** Gets `refresh-2` and dies before the store has taken it: its clock is never moved again. */
async function dieWithUnsaved(world: World): Promise<ManagedTokenBench> {
  const killed = startProcess(world);
  killed.source.answerWith({ refreshToken: new SecretText('refresh-2') });
  killed.events.onNext('token-fetched', () => {
    world.store.outage = STORE_DOWN;
  });
  void killed.managed.refresh('start', killed.term);
  await settle();
  world.store.outage = undefined;
  assert.equal(killed.savedChain()?.refreshToken.reveal(), 'refresh-canary');
  assert.ok(world.journal.entries.has(killed.stateSecret));
  return killed;
}

function presented({ source }: ManagedTokenBench): readonly (string | undefined)[] {
  return source.fetches.map((fetch) => fetch.presented);
}

describe('the journal of a chain', () => {
  it('No chain is lost by us: has the refresh token before anything else is done with the answer', async () => {
    const world = createWorld();
    const bench = startProcess(world);
    bench.source.answerWith({ refreshToken: new SecretText('refresh-2') });
    const seen: (string | undefined)[] = [];
    bench.events.onNext('token-fetched', () => {
      seen.push(world.journal.entries.get(bench.stateSecret)?.write.text.reveal());
    });
    const write = world.store.holdNext('publish');
    const run = bench.managed.refresh('start', bench.term);
    await write.reached;
    const [sent] = world.store.callsOf('publish');
    const entry = world.journal.entries.get(bench.stateSecret);
    assert.deepEqual(
      [entry?.write.text.reveal(), entry?.write.requestToken, entry?.write.expectedVersion],
      [sent?.text, sent?.requestToken, sent?.expectedVersion],
    );
    assert.equal(entry?.obtainedAtMs, NOON_MS);
    assert.deepEqual(seen, [sent?.text]);
    write.release();
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(world.journal.entries.size, 0, 'removed once it is saved');
  });

  it('No chain is lost by us: after a kill the very same write comes before the first fetch', async () => {
    const world = createWorld();
    const killed = await dieWithUnsaved(world);
    const [unfinished] = killed.store.callsOf('publish');
    const next = startProcess(world);
    next.source.answerWith({ refreshToken: new SecretText('refresh-3') });
    assert.deepEqual(await next.managed.refresh('start', next.term), { kind: 'refreshed' });
    const [, recovered] = world.store.callsOf('publish');
    assert.deepEqual(recovered, unfinished);
    assert.deepEqual(presented(next), ['refresh-2']);
    assert.equal(next.savedChain()?.refreshToken.reveal(), 'refresh-3');
    assert.equal(next.events.of('chain-recovered').length, 1);
    assert.ok(next.events.names.indexOf('chain-recovered') < next.events.names.indexOf('token-fetched'));
    assert.equal(world.journal.entries.size, 0);
  });

  it('No chain is lost by us: a look at the journal that takes long undoes nothing of what came after it', async () => {
    const world = createWorld();
    await dieWithUnsaved(world);
    const held = new HeldStep();
    const { journal, store } = world;
    let reads = 0;
    journal.read = async (secretName) => {
      const entry = journal.entries.get(secretName);
      reads += 1;
      if (reads === 1) await held.pass();
      return entry;
    };
    const clock = new FakeClock();
    const next = startProcess(world, clock);
    next.source.answerWith({ refreshToken: new SecretText('refresh-3') });
    next.events.onNext('token-fetched', () => {
      store.outage = STORE_DOWN;
    });
    const view = next.managed.restore(next.term.signal);
    await held.reached;
    const run = next.managed.refresh('start', next.term);
    await settle();
    assert.deepEqual(presented(next), ['refresh-2']);
    held.release();
    await view;
    store.outage = undefined;
    await clock.advance(60_000);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.equal(next.savedChain()?.refreshToken.reveal(), 'refresh-3');
  });

  it('One at a time: a recovered refresh token is saved without a fetch while the token is fresh', async () => {
    const world = createWorld();
    const killed = await dieWithUnsaved(world);
    world.store.put(killed.identity.secret, serializeDocument(buildDocument()));
    const next = startProcess(world);
    await next.managed.restore(next.term.signal);
    assert.ok(next.managed.dueInMs() < 0, 'the next tick saves it');
    assert.equal(world.store.callsOf('publish').length, 1, 'looking writes nothing');
    assert.deepEqual(await next.managed.refresh('start', next.term), { kind: 'fresh' });
    assert.equal(next.savedChain()?.refreshToken.reveal(), 'refresh-2');
    assert.equal(next.source.fetches.length, 0);
    assert.equal(Math.round(next.managed.dueInMs()), 840_000);
  });

  it('No chain is lost by us: while it still cannot be saved after the restart, nothing is fetched', async () => {
    const world = createWorld();
    await dieWithUnsaved(world);
    const clock = new FakeClock();
    const next = startProcess(world, clock);
    world.store.failNext('publish', STORE_DOWN, 5);
    const run = next.managed.refresh('start', next.term);
    await settle();
    await clock.advance(2000);
    assert.equal(next.source.fetches.length, 0);
    assert.ok(world.journal.entries.size === 1);
    await clock.advance(120_000);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.deepEqual(presented(next), ['refresh-2']);
  });

  for (const { title, changes, winner } of [
    {
      title: 'a newer one in the store stays',
      changes: { obtainedAtMs: NOON_MS + 1 },
      winner: 'theirs',
    },
    {
      title: 'an older one in the store is replaced',
      changes: { obtainedAtMs: NOON_MS - 1 },
      winner: 'refresh-2',
    },
  ]) {
    it(`No chain is lost by us: ${title}`, async () => {
      const world = createWorld();
      const killed = await dieWithUnsaved(world);
      saveState(killed, { refreshToken: new SecretText('theirs'), generation: 2, ...changes });
      const clock = new FakeClock();
      const next = startProcess(world, clock);
      const run = next.managed.refresh('start', next.term);
      await settle();
      await clock.advance(500);
      assert.deepEqual(await run, { kind: 'refreshed' });
      assert.deepEqual(presented(next), [winner]);
      assert.equal(next.savedChain()?.refreshToken.reveal(), winner);
      assert.equal(world.journal.entries.size, 0);
    });
  }

  it('No chain is lost by us: what was obtained with the stored one wins over it, whatever the clock said', async () => {
    const world = createWorld();
    const aheadByHour = { obtainedAtMs: NOON_MS + 3_600_000 };
    saveState(startProcess(world), aheadByHour);
    await dieWithUnsaved(world);
    const next = startProcess(world);
    await next.managed.refresh('start', next.term);
    assert.deepEqual(presented(next), ['refresh-2']);
  });

  it('says nothing about an entry that the store has taken just before the kill', async () => {
    const world = createWorld();
    const killed = await dieWithUnsaved(world);
    const entry = world.journal.entries.get(killed.stateSecret);
    assert.ok(entry !== undefined);
    await world.store.publish(entry.write, killed.term.signal);
    const next = startProcess(world);
    await next.managed.restore(next.term.signal);
    assert.deepEqual(next.events.of('chain-recovered'), []);
    assert.equal(world.journal.entries.size, 0);
  });

  it('leaves an entry alone that is the chain of another token', async () => {
    const world = createWorld();
    const killed = await dieWithUnsaved(world);
    const entry = world.journal.entries.get(killed.stateSecret);
    assert.ok(entry !== undefined);
    const foreign = serializeChainState({ ...killed.identity, provider: 'other' }, buildChainState());
    await world.journal.write({ ...entry, write: { ...entry.write, text: foreign } });
    const next = startProcess(world);
    await next.managed.refresh('start', next.term);
    assert.deepEqual(presented(next), ['refresh-canary']);
  });
});

describe('a process that is killed before the answer to its refresh token has come', () => {
  /** Presents `refresh-canary` and is killed: its clock is never moved again. */
  async function dieInFlight(
    world: World,
    chainFallback: 'start-again' | 'none',
  ): Promise<ManagedTokenBench> {
    const killed = startProcess(world, new FakeClock(), chainFallback);
    killed.source.delayMs = 5000;
    void killed.managed.refresh('start', killed.term);
    await settle();
    return killed;
  }

  it('No chain is lost by us: the next one presents it once more, the one after that starts again', async () => {
    const world = createWorld();
    for (let life = 0; life < 2; life += 1)
      assert.deepEqual(presented(await dieInFlight(world, 'start-again')), ['refresh-canary']);
    for (let life = 0; life < 3; life += 1)
      assert.deepEqual(presented(await dieInFlight(world, 'start-again')), [undefined], `life ${life}`);
  });

  it('No chain is lost by us: without a fallback the third one calls a human, and tries again after 15 minutes', async () => {
    const world = createWorld();
    await dieInFlight(world, 'none');
    await dieInFlight(world, 'none');
    const clock = new FakeClock();
    const third = startProcess(world, clock);
    const run = third.managed.refresh('start', third.term);
    await settle();
    assert.deepEqual(presented(third), []);
    assert.equal(third.events.last('refresh-failed').failure.code, 'chain-broken');
    await clock.advance(15 * 60_000);
    assert.deepEqual(await run, { kind: 'refreshed' });
    assert.deepEqual(presented(third), ['refresh-canary']);
  });

  it('an outcome that is known is not held against the refresh token', async () => {
    const world = createWorld();
    for (let life = 0; life < 4; life += 1) {
      const bench = startProcess(world);
      bench.source.failWith();
      bench.source.failUnasked(1);
      await bench.managed.refresh('start', bench.term, 1);
      await bench.managed.refresh('explicit', bench.term, 1);
      assert.equal(world.journal.presentations.size, 0);
      assert.deepEqual(new Set(presented(bench)), new Set(['refresh-canary']));
    }
  });

  it('No chain is lost by us: nor is an outage of a gateway, where there is no other way', async () => {
    const world = createWorld();
    for (let life = 0; life < 4; life += 1) {
      const bench = startProcess(world);
      bench.source.loseAnswers(2);
      for (const reason of ['start', 'explicit'] as const) await bench.managed.refresh(reason, bench.term, 1);
      assert.equal(bench.events.last('refresh-failed').failure.code, 'provider-unavailable');
      assert.equal(world.journal.presentations.size, 0);
      assert.deepEqual(presented(bench), ['refresh-canary', 'refresh-canary']);
    }
  });
});

describe('what can never be saved', () => {
  const HUGE = new SecretText('r'.repeat(70_000));

  it('a refresh token of 70 kB is given up once, and said; its access token is published', async () => {
    const world = createWorld();
    const bench = startProcess(world, new FakeClock(), 'start-again');
    bench.source.answerWith({ refreshToken: HUGE });
    assert.deepEqual(await bench.managed.refresh('start', bench.term), { kind: 'refreshed' });
    assert.match(bench.events.last('token-fetched').notes.join(), /can never be saved and is given up/);
    assert.equal(world.journal.entries.size, 0);
    await bench.managed.refresh('explicit', bench.term);
    assert.deepEqual(presented(bench), ['refresh-canary', undefined], 'the one before is spent');
  });

  it('a refresh token of 70 kB that a former release has journalled is given up at the next start', async () => {
    const world = createWorld();
    const { identity, stateSecret } = startProcess(world);
    const text = serializeChainState(identity, buildChainState({ refreshToken: HUGE }));
    const write = { secretName: stateSecret, text, requestToken: 'r'.repeat(32), expectedVersion: undefined };
    await world.journal.write({ write, obtainedAtMs: NOON_MS });
    const bench = startProcess(world);
    await bench.managed.refresh('start', bench.term);
    assert.equal(bench.events.of('journal-failed').length, 1);
    assert.equal(world.journal.entries.size, 0);
  });

  it('an access token of 33 kB is asked for again with growing waits, and nothing is written', async () => {
    const clock = new FakeClock();
    const bench = createManagedTokenBench(clock);
    for (let answer = 0; answer < 3; answer += 1)
      bench.source.answerWith({ accessToken: new SecretText('a'.repeat(33_000)) });
    const run = bench.managed.refresh('start', bench.term);
    await settle();
    assert.equal(bench.events.last('refresh-failed').failure.code, 'response-malformed');
    await clock.advance(500 + 1000);
    assert.equal(bench.source.fetches.length, 3);
    assert.equal(bench.store.callsOf('publish').length, 0);
    await clock.advance(2000);
    assert.deepEqual(await run, { kind: 'refreshed' });
  });
});
