/**
 * A replica with thousands of tokens on a virtual clock: the real view, scheduler, node-cron, managed tokens and publications
 * over a provider and a store in memory that take their time.
 */
import { z } from 'zod';
import { createCronTicker } from '../../src/adapters/system/cron-ticker.ts';
import { createSoleLeader } from '../../src/adapters/system/sole-leader.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import type { Clock, TokenStore } from '../../src/core/ports.ts';
import { succeed } from '../../src/core/result.ts';
import { Replica } from '../../src/replica/replica.ts';
import { parseText } from '../support/configuration-text.ts';
import { FakeTokenSource } from '../support/fake-token-source.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { fakeTimers } from '../support/timer-bench.ts';
import { answerParent } from './answer-parent.ts';
import { benchConfiguration } from './bench-configuration.ts';

/** What providers and Secrets Manager take in the same region, roughly; the fence makes a write two calls. */
const PROVIDER_MS = 200;
const STORE_CALL_MS = 30;

const LIFETIME_MS = 900_000;
const MINUTE_MS = 60_000;

const inputSchema = z.object({
  tokens: z.number(),
  /** Most calls to the provider at one time; the program's default when left out. */
  concurrency: z.number().optional(),
});

function withLatency(store: TokenStore, clock: Clock): TokenStore {
  const later = async <T>(calls: number, signal: AbortSignal, answer: () => Promise<T>): Promise<T> => {
    await clock.sleep(calls * STORE_CALL_MS, signal);
    return answer();
  };
  return {
    maxSecretBytes: store.maxSecretBytes,
    read: (secretName, signal) => later(1, signal, () => store.read(secretName, signal)),
    readMany: (secretNames, signal) => later(1, signal, () => store.readMany(secretNames, signal)),
    publish: (write, signal) => later(2, signal, () => store.publish(write, signal)),
    verifyWritable: (secretName, signal) => later(1, signal, () => store.verifyWritable(secretName, signal)),
    readVersionAges: (secretName, signal) =>
      later(1, signal, () => store.readVersionAges(secretName, signal)),
  };
}

async function lapse(input: unknown): Promise<object> {
  const { tokens, concurrency } = inputSchema.parse(input);
  const timers = fakeTimers();
  const { clock } = timers;
  const text = benchConfiguration(
    { storeEndpoint: 'http://127.0.0.1:1', upstreamsOrigin: 'http://127.0.0.1:1' },
    { customers: tokens, ...(concurrency === undefined ? {} : { concurrency }) },
  );
  const parsed = parseText(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));

  const startedAtMs = clock.now();
  const plans = new Map<string, { readonly madeInFirstCycle: boolean; readonly refreshAtMs: number }>();
  const endsAtMs = new Map<string, number>();
  const latenessesMs: number[] = [];
  let leastLifeLeftMs = Number.POSITIVE_INFINITY;
  let tickMs = 0;
  let firstCycleMs: number | undefined;
  let failures = 0;
  const observe = (event: RefreshEvent): void => {
    if (event.event === 'schedule-derived') tickMs = event.tickMs;
    if (event.event === 'refresh-failed') failures += 1;
    if (event.event !== 'token-refreshed') return;
    const { token } = event.identity;
    const nowMs = clock.now();
    const plan = plans.get(token);
    if (plan?.madeInFirstCycle === false) latenessesMs.push(nowMs - plan.refreshAtMs);
    leastLifeLeftMs = Math.min(leastLifeLeftMs, (endsAtMs.get(token) ?? Number.POSITIVE_INFINITY) - nowMs);
    plans.set(token, { madeInFirstCycle: firstCycleMs === undefined, refreshAtMs: event.refreshAtMs });
    endsAtMs.set(token, event.expiresAtMs);
    if (plans.size === tokens) firstCycleMs ??= nowMs - startedAtMs;
  };
  const store = withLatency(new MemoryStore(), clock);
  const replica = new Replica(parsed.configuration, {
    clock,
    random: createSeededRandom(1),
    events: observe,
    connections: {
      stores: new Map([['aws-secrets-manager', store]]),
      credentials: store,
      journal: undefined,
      waits: undefined,
      counts: undefined,
      bindings: { list: async () => succeed([]), findLoss: async () => succeed(undefined) },
      createSources: () => () => {
        const source = new FakeTokenSource(clock, LIFETIME_MS);
        source.delayMs = PROVIDER_MS;
        return source;
      },
    },
    coordinator: createSoleLeader(),
    ticker: createCronTicker({ info: () => {}, warn: () => {}, error: () => {}, debug: () => {} }),
    onFault: (error) => {
      throw error;
    },
  });
  const started = replica.start();
  while (latenessesMs.length < tokens) await timers.advance(MINUTE_MS);
  await started;
  return { tickMs, firstCycleMs, latenessesMs, leastLifeLeftMs, failures };
}

answerParent({ lapse });
