import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Term } from '../../src/refresh/term.ts';
import { type AssembledProvider, assemble } from '../../src/replica/assembly.ts';
import { CUSTOMERS, PIVOT, parseText } from '../support/configuration-text.ts';
import { FakeClock, settle } from '../support/fake-clock.ts';
import { FakeTokenSource } from '../support/fake-token-source.ts';
import { MemoryBindings } from '../support/memory-bindings.ts';
import { MemoryCounts } from '../support/memory-journal.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { termUntil } from '../support/term.ts';

const term: Term = termUntil(new AbortController().signal, new AbortController().signal);

function assembleText(text: string) {
  const parsed = parseText(text);
  assert.ok(parsed.ok);
  const clock = new FakeClock();
  const store = new MemoryStore();
  const counts = new MemoryCounts();
  const events = new RecordedEvents();
  const providers = assemble(
    parsed.configuration,
    { clock, random: createSeededRandom(1), events: events.record },
    {
      stores: new Map([['aws-secrets-manager', store]]),
      credentials: store,
      journal: undefined,
      waits: undefined,
      counts,
      bindings: new MemoryBindings(store),
      createSources: () => () => new FakeTokenSource(clock),
    },
  );
  return { clock, store, counts, events, providers };
}

function onlyKeeper(providers: readonly AssembledProvider[]) {
  const managed = providers[0]?.tokens[0]?.managed;
  assert.ok(managed !== undefined);
  return managed;
}

describe('an assembly', () => {
  it('gives all tokens of all providers one pace of writes', async () => {
    const { clock, store, providers } = assembleText(`${CUSTOMERS}store: { writesPerSecond: 4 }\n`);
    const managedTokens = providers.flatMap(({ tokens }) => tokens.map(({ managed }) => managed));
    const runs = managedTokens.map((managed) => managed.refresh('start', term));
    await settle();
    assert.equal(store.callsOf('publish').length, 1);
    await clock.advance(1000);
    assert.equal(store.callsOf('publish').length, 2);
    await Promise.all(runs);
  });

  it('Nobody is locked out: holds each provider to its fetch budget, on record', async () => {
    const text = `${PIVOT}    fetchBudget: 6/hour\nstore: { writesPerSecond: 1000 }\n`;
    const { counts, events, providers } = assembleText(text);
    const managed = onlyKeeper(providers);
    for (let call = 0; call < 6; call += 1)
      assert.notEqual((await managed.refresh('explicit', term, 1)).kind, 'failed');
    const outcome = await managed.refresh('explicit', term, 1);
    assert.equal(outcome.kind === 'failed' ? outcome.failure.code : outcome.kind, 'rate-limited');
    assert.equal(events.of('token-fetched').length, 6);
    const recorded = counts.records.get('pivot') ?? [];
    assert.equal(
      recorded.reduce((sum, { calls }) => sum + calls, 0),
      6,
    );
  });
});
