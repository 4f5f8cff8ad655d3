import assert from 'node:assert/strict';
import { it } from 'node:test';
import { MANY_TOKENS } from '../../../src/core/limits/circuit.ts';
import { ConcurrencyLimit } from '../../../src/refresh/limits/concurrency-limit.ts';
import { ProviderBreaker } from '../../../src/refresh/limits/provider-breaker.ts';
import { TokenLimits } from '../../../src/refresh/limits/token-limits.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { createEvenRandom, createFastLimiter } from '../../support/managed-token-bench.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { RecordedEvents } from '../../support/recorded-events.ts';
import { buildFailure, buildIdentity } from '../../support/sample-events.ts';
import { termUntil } from '../../support/term.ts';

const NEVER = new AbortController().signal;
const REGULAR = { isFirstAttempt: true, isUrged: false, isLive: true };
const TERM = termUntil(NEVER);

it('Good neighbours: a refresh that ends without its call leaves the probe of a failing provider to the next token', async () => {
  const clock = new FakeClock();
  const { record } = new RecordedEvents();
  const breaker = new ProviderBreaker({ provider: 'pik', clock, random: createEvenRandom(), events: record });
  const concurrency = new ConcurrencyLimit(4);
  const limitsOf = (token: string): TokenLimits =>
    new TokenLimits({
      identity: buildIdentity(token),
      stateSecret: undefined,
      versionBudget: 'none',
      store: new MemoryStore(),
      rateLimiter: createFastLimiter(clock),
      clock,
      events: record,
      minIntervalMs: 0,
      breaker,
      concurrency,
    });
  breaker.request('pik/0', true, TERM);
  for (let index = 0; index < MANY_TOKENS; index += 1)
    breaker.settle(`pik/${index}`, buildFailure(), index === 0);
  const [ending, next] = [limitsOf('pik/ending'), limitsOf('pik/next')];

  const held = await ending.admit(REGULAR, TERM);
  assert.ok('refusal' in held && held.refusal === 'held');
  let isProbe = false;
  void ending.wait(held, 0, NEVER).then(() => {
    isProbe = true;
  });
  await settle();
  await clock.advance(held.waitMs);
  assert.ok(isProbe);
  assert.ok('refusal' in (await next.admit(REGULAR, TERM)), 'one at a time');
  ending.release();
  assert.ok(!('refusal' in (await next.admit(REGULAR, TERM))), 'the next one asks at once');
});
