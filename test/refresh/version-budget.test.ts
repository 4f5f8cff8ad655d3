/** Promise 10 over two days of moved time, against a Secrets Manager that enforces its version quota. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createSecretsManagerClient } from '../../src/adapters/secrets-manager/client.ts';
import { SecretsManagerStore } from '../../src/adapters/secrets-manager/secrets-manager-store.ts';
import { createSdkService } from '../../src/adapters/secrets-manager/service.ts';
import { decideTolerableCadence, isDueAtTick } from '../../src/core/schedule/cadence.ts';
import { parseDocument } from '../../src/core/token/document.ts';
import { ConcurrencyLimit } from '../../src/refresh/limits/concurrency-limit.ts';
import { ProviderBreaker } from '../../src/refresh/limits/provider-breaker.ts';
import { TokenLimits } from '../../src/refresh/limits/token-limits.ts';
import { ManagedToken } from '../../src/refresh/managed-token.ts';
import { type Term } from '../../src/refresh/term.ts';
import { startEmulatedSecretsManager } from '../support/emulated-secrets-manager.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeTokenSource } from '../support/fake-token-source.ts';
import { createFastLimiter } from '../support/managed-token-bench.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { buildIdentity } from '../support/sample-events.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { expectOk } from '../support/store-expectations.ts';
import { never } from '../support/store-write.ts';
import { termUntil } from '../support/term.ts';
import { createDirectTransport } from '../support/transport.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const IDENTITY = buildIdentity('pivot');
const LIFETIME_MS = 15 * MINUTE_MS;
const UNSTRETCHED_PACE_MS = 14 * MINUTE_MS;
const LONGEST_PACE_MS = LIFETIME_MS - 30_000;

interface Process {
  readonly managed: ManagedToken;
  readonly term: Term;
  stop(): void;
}

interface TwoDays {
  readonly budget: number;
  readonly wall: number;
  /** Begins anew, as a restarted process or another replica does, at these times. */
  readonly restartsAtMs?: readonly number[];
  /** Refreshes on request, in the daemon or in a process of its own beside it. */
  readonly explicitAtMs?: readonly { readonly atMs: number; readonly by: 'daemon' | 'command' }[];
  readonly forMs?: number;
}

async function startWorld(t: TestContext, { budget, wall }: Pick<TwoDays, 'budget' | 'wall'>) {
  const sandbox = await startEmulatedSecretsManager({ versionWall: wall });
  t.after(() => sandbox[Symbol.asyncDispose]());
  const { clock, engine, server } = sandbox;
  const client = createSecretsManagerClient({
    transport: createDirectTransport(),
    region: engine.region,
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
  });
  t.after(() => client.destroy());
  const store = new SecretsManagerStore({
    service: createSdkService(client),
    // For deadlines only; it stands still, because calls end without any time passing.
    clock: new FakeClock(),
    timeoutMs: 10_000,
    section: 'store',
    createSecrets: true,
    kmsKeyId: undefined,
    tags: {},
    adopt: new Set(),
    onBatchDenied: () => undefined,
  });
  const source = new FakeTokenSource(clock, LIFETIME_MS);
  const events = new RecordedEvents();
  const policy = { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0, versionBudget: budget };
  let processes = 0;
  const startProcess = (): Process => {
    processes += 1;
    const random = createSeededRandom(processes);
    const parts = { identity: IDENTITY, store, clock, random, events: events.record };
    const stopping = new AbortController();
    return {
      managed: new ManagedToken({
        ...parts,
        source,
        policy,
        offsetMs: 0,
        limits: new TokenLimits({
          ...parts,
          stateSecret: undefined,
          versionBudget: budget,
          rateLimiter: createFastLimiter(clock),
          breaker: new ProviderBreaker({ provider: IDENTITY.provider, ...parts }),
          concurrency: new ConcurrencyLimit(1),
          minIntervalMs: 0,
        }),
        chain: undefined,
      }),
      term: termUntil(never, stopping.signal),
      stop: () => stopping.abort(new Error('the program stops')),
    };
  };
  const { tickMs } = decideTolerableCadence(LIFETIME_MS, policy);
  const versions = () => engine.versions(IDENTITY.secret);
  return {
    clock,
    source,
    events,
    tickMs,
    startProcess,
    countVersions: () => versions().filter(({ createdAtMs }) => createdAtMs > clock.now() - DAY_MS).length,
    /** What a reader gets. */
    readToken: () => {
      const current = versions().find(({ labels }) => labels.includes('AWSCURRENT'));
      const parsed = current === undefined ? undefined : parseDocument(current.value);
      return parsed?.ok === true ? parsed.document.accessToken.reveal() : undefined;
    },
  };
}

/** Runs a daemon tick by tick and says what readers, store and operators saw. */
async function live(t: TestContext, days: TwoDays) {
  const world = await startWorld(t, days);
  const { clock, source, events, tickMs, startProcess } = world;
  const startMs = clock.monotonicMs();
  const restarts = [...(days.restartsAtMs ?? [])];
  const explicit = [...(days.explicitAtMs ?? [])];
  let daemon = startProcess();
  let run: Promise<unknown> = Promise.resolve();
  let expiredMs = 0;
  let mostVersions = 0;
  const endMs = startMs + (days.forMs ?? 2 * DAY_MS);
  while (clock.monotonicMs() < endMs) {
    const nowMs = clock.monotonicMs() - startMs;
    if (nowMs >= (restarts[0] ?? Number.POSITIVE_INFINITY)) {
      restarts.shift();
      daemon.stop();
      daemon = startProcess();
      expectOk(await daemon.managed.restore(never));
    }
    const request = explicit[0];
    if (request !== undefined && nowMs >= request.atMs) {
      explicit.shift();
      const { managed, term } = request.by === 'daemon' ? daemon : startProcess();
      await managed.restore(never);
      await managed.refresh('explicit', term, 1);
    }
    const { managed, term } = daemon;
    if (!managed.isRefreshing && isDueAtTick(managed.dueInMs(), tickMs)) run = managed.refresh('due', term);
    await Promise.race([run, clock.untilSleeping()]);
    await clock.advance(tickMs);
    const token = world.readToken();
    const diesAtMs = token === undefined ? undefined : source.deathsMonotonicMs.get(token);
    if (diesAtMs === undefined || diesAtMs <= clock.monotonicMs()) expiredMs += tickMs;
    mostVersions = Math.max(mostVersions, world.countVersions());
  }
  daemon.stop();
  await clock.advance(MINUTE_MS);
  const failures = events.of('secret-written').flatMap(({ failure }) => failure ?? []);
  return { ...world, failures, expiredMs, mostVersions };
}

describe('two days of a 15-minute token', () => {
  it('The version quota is never hit by surprise: budget and wall of 100, with restarts and explicit refreshes', async (t) => {
    const seen = await live(t, {
      budget: 100,
      wall: 100,
      restartsAtMs: [1.3, 7, 7.1, 19.77, 26, 33.3, 40.5].map((hours) => hours * HOUR_MS),
      explicitAtMs: [
        { atMs: 11.1 * HOUR_MS, by: 'daemon' },
        { atMs: 36.2 * HOUR_MS, by: 'command' },
      ],
    });
    assert.deepEqual(seen.failures, [], 'no write is rejected');
    assert.equal(seen.expiredMs, 0, 'no read is expired');
    assert.ok(seen.mostVersions <= 100);
    const gapsMs = gapsBetween(seen.source.fetches.map(({ atMonotonicMs }) => atMonotonicMs));
    assert.equal(median(gapsMs), LONGEST_PACE_MS, 'the cadence is stretched');
    assert.equal(seen.source.fetches.length, gapsMs.length + 1);
    const alerts = seen.events.all.filter(({ event }) => event.startsWith('version-budget'));
    assert.deepEqual(new Set(alerts.map(({ event }) => event)), new Set(['version-budget-low']));
    assert.ok(alerts.length <= 1 + 4, 'once, and once more by each process that begins in that state');
    assert.equal(seen.events.of('version-budget-low')[0]?.versions, 85, 'well before the wall');
  });

  it('a wall below what the longest pace needs: the token is kept and written as versions age out', async (t) => {
    const seen = await live(t, { budget: 100, wall: 90 });
    assert.deepEqual(new Set(seen.failures.map(({ code }) => code)), new Set(['store-quota']));
    const firstRefusal = seen.events.all.findIndex(({ event }) => event === 'refresh-failed');
    const warnedAt = seen.events.all.findIndex(({ event }) => event === 'version-budget-low');
    assert.ok(warnedAt !== -1 && warnedAt < firstRefusal, 'the alert comes before the wall');
    assert.ok(seen.events.of('version-budget-exhausted').length >= 1);
    // 90 tokens, each for its longest pace, leave readers without one for the rest of a day; nothing can help that.
    const uncoveredMs = DAY_MS - 90 * LONGEST_PACE_MS;
    assert.ok(seen.expiredMs > uncoveredMs && seen.expiredMs <= 2 * uncoveredMs + 2 * MINUTE_MS);
    assert.equal(seen.mostVersions, 90, 'each version that ages out is made use of');
    const attemptsMs = seen.events.of('refresh-failed').map(({ nextAttemptAtMs }) => nextAttemptAtMs);
    for (const gapMs of gapsBetween(attemptsMs))
      assert.ok(gapMs >= MINUTE_MS, `tried again after ${gapMs} ms`);
  });

  it('a wall that is lower than the budget says: after the first refusal the cadence is stretched', async (t) => {
    const seen = await live(t, { budget: 144, wall: 100 });
    assert.equal(seen.events.of('version-budget-exhausted').length, 1);
    const uncoveredMs = DAY_MS - 100 * UNSTRETCHED_PACE_MS;
    assert.ok(seen.expiredMs <= uncoveredMs + 2 * MINUTE_MS, `expired for ${seen.expiredMs} ms`);
    assert.ok(seen.failures.length <= 1 + uncoveredMs / (10 * MINUTE_MS), 'no hot loop');
    assert.equal(seen.events.of('refresh-recovered').length, 1);
  });
});

function gapsBetween(timesMs: readonly number[]): readonly number[] {
  return timesMs.slice(1).map((timeMs, index) => timeMs - (timesMs[index] ?? Number.NaN));
}

function median(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}
