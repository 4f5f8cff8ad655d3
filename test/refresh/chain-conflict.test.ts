import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { serializeChainState } from '../../src/core/token/chain-state.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { buildChainState } from '../support/token-builder.ts';

/** What somebody may leave in a state secret between our fetch and our write. */
const OVERWRITTEN: readonly (readonly [
  string,
  (bench: ReturnType<typeof createManagedTokenBench>) => SecretText,
])[] = [
  ['text that is no state', () => new SecretText('garbage')],
  [
    'an older state',
    ({ identity }) => serializeChainState(identity, buildChainState({ generation: 1, obtainedAtMs: 0 })),
  ],
];

describe('a state secret that somebody overwrites', () => {
  for (const [what, write] of OVERWRITTEN) {
    it(`with ${what} gets the new refresh token by one and the same version`, async () => {
      const clock = new FakeClock();
      const bench = createManagedTokenBench(clock, { chainFallback: 'none' });
      bench.source.answerWith({ refreshToken: new SecretText('refresh-1') });
      await bench.managed.refresh('start', bench.term);
      await clock.advance(840_000);

      bench.source.answerWith({ refreshToken: new SecretText('refresh-2') });
      bench.events.onNext('token-fetched', () => bench.store.put(bench.stateSecret, write(bench)));
      const before = bench.store.callsOf('publish').length;
      const run = bench.managed.refresh('due', bench.term);
      await clock.untilSleeping();
      await clock.advance(60_000);

      assert.deepEqual(await run, { kind: 'refreshed' });
      assert.equal(bench.savedChain()?.refreshToken.reveal(), 'refresh-2');
      const writes = bench.store
        .callsOf('publish')
        .slice(before)
        .filter(({ secretName }) => secretName === bench.stateSecret);
      assert.equal(new Set(writes.map(({ requestToken }) => requestToken)).size, 1);
      assert.equal(writes.length, 2);
    });
  }
});
