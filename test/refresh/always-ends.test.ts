/** A refresh ends, whatever the provider and the store do, once both work again. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Failure } from '../../src/core/failure.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { createManagedTokenBench } from '../support/managed-token-bench.ts';
import { fc } from '../support/property.ts';
import { buildFailure } from '../support/sample-events.ts';

const MINUTE_MS = 60_000;
/** Longer than all waits of the failures below together. */
const LONG_ENOUGH_MS = 12 * 60 * MINUTE_MS;

const failures = fc.constantFrom<Partial<Failure>>(
  { code: 'provider-unavailable', retry: 'backoff' },
  { code: 'rate-limited', retry: 'backoff', retryAfterMs: 90_000 },
  { code: 'credentials-rejected', retry: 'needs-human' },
  { code: 'clock-skewed', retry: 'soon' },
);

const troubles = fc.array(
  fc.oneof(
    fc.record({ side: fc.constant('provider' as const), failure: failures }),
    fc.record({ side: fc.constant('answer' as const) }),
    fc.record({
      side: fc.constant('store' as const),
      operation: fc.constantFrom('read' as const, 'publish' as const),
    }),
    fc.record({ side: fc.constant('others' as const) }),
  ),
  { maxLength: 8 },
);

it('A refresh ends: with a token when all works again, and at once with the last of its attempts', async () => {
  await fc.assert(
    fc.asyncProperty(
      troubles,
      fc.boolean(),
      fc.constantFrom<1 | 2 | 'unlimited'>(1, 2, 'unlimited'),
      fc.constantFrom('start' as const, 'due' as const, 'explicit' as const),
      async (all, hasChain, maxAttempts, reason) => {
        const clock = new FakeClock();
        const bench = createManagedTokenBench(clock, hasChain ? { chainFallback: 'start-again' } : {});
        const { managed, term, source, store, published } = bench;
        for (const trouble of all) {
          if (trouble.side === 'provider') source.failWith(trouble.failure);
          if (trouble.side === 'answer') source.answerWith({ refreshToken: new SecretText('refresh-1') });
          if (trouble.side === 'store')
            store.failNext(trouble.operation, buildFailure({ code: 'store-unavailable' }));
          if (trouble.side === 'others') managed.invalidate();
        }
        const ended = managed.refresh(reason, term, maxAttempts);
        for (let pastMs = 0; managed.isRefreshing && pastMs < LONG_ENOUGH_MS; pastMs += MINUTE_MS)
          await clock.advance(MINUTE_MS);
        assert.equal(managed.isRefreshing, false, 'it goes on for ever');
        const outcome = (await ended).kind;
        if (maxAttempts === 'unlimited') {
          assert.equal(outcome, 'refreshed');
          assert.ok(published() !== undefined);
        }
        assert.deepEqual(clock.pendingDelaysMs, [], 'nothing is left behind');
      },
    ),
    { numRuns: 60 },
  );
});
