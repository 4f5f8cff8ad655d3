/** Tokens of a few minutes in Kubernetes Secrets for an hour, and readers whose copy is as old as their staleness. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import { z } from 'zod';
import type { SecretWrite, StoredText, TokenStore } from '../../src/core/ports.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import { SECRETS } from '../../src/sandbox/kubernetes/api-resources.ts';
import { textAt } from '../../src/sandbox/kubernetes/json-tree.ts';
import { PIVOT, parseText, problemsOf } from '../support/configuration-text.ts';
import { type KubernetesStoreBench, startKubernetesStore } from '../support/kubernetes-store.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { MountedSecret } from '../support/mounted-secret.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { createSchedulerBench } from '../support/scheduler-bench.ts';
import { fakeTimers, type TimerBench } from '../support/timer-bench.ts';
import { HOUR_MS, MINUTE_MS } from '../support/token-builder.ts';

const SECOND_MS = 1000;
const documentSchema = z.object({ access_token: z.string(), expires_at: z.iso.datetime() });

/** The bench's store over Secrets of the API server for tests, with calls that can be waited for. */
class SecretStore extends MemoryStore {
  readonly #cluster: KubernetesStoreBench;
  readonly #running = new Set<Promise<unknown>>();

  constructor(cluster: KubernetesStoreBench) {
    super();
    this.#cluster = cluster;
  }

  override read(...args: Parameters<TokenStore['read']>): ReturnType<TokenStore['read']> {
    return this.#note(this.#cluster.store.read(...args));
  }

  override readMany(...args: Parameters<TokenStore['readMany']>): ReturnType<TokenStore['readMany']> {
    return this.#note(this.#cluster.store.readMany(...args));
  }

  override publish(write: SecretWrite, signal: AbortSignal): ReturnType<TokenStore['publish']> {
    return this.#note(this.#cluster.store.publish(write, signal));
  }

  override current(secretName: string): StoredText | undefined {
    const [namespace = '', name = ''] = secretName.split('/');
    const text = this.#cluster.secretData(name, namespace)?.['token.json'];
    return text === undefined ? undefined : { text: new SecretText(text), version: '' };
  }

  /** Time stands still until every call has its answer: how quick this machine is plays no part. */
  async untilIdle(): Promise<void> {
    while (this.#running.size > 0) {
      await Promise.all(this.#running);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  #note<T>(call: Promise<T>): Promise<T> {
    this.#running.add(call);
    void call.finally(() => this.#running.delete(call));
    return call;
  }
}

/** Brings each content of the Secret into the mounted folder, so much later. */
class Kubelet {
  readonly #cluster: KubernetesStoreBench;
  readonly #mounted: MountedSecret;
  readonly #delayMs: number;
  readonly #coming: { readonly atMs: number; readonly data: Readonly<Record<string, string>> }[] = [];
  #seen = '';

  constructor(cluster: KubernetesStoreBench, folder: string, delayMs: number) {
    this.#cluster = cluster;
    this.#mounted = new MountedSecret(folder);
    this.#delayMs = delayMs;
  }

  async sync(nowMs: number): Promise<void> {
    const secret = this.#cluster.api.find(SECRETS, 'payments', 'pivot');
    const data = this.#cluster.secretData('pivot');
    if (secret === undefined || data === undefined) return;
    const version = textAt(secret, 'metadata', 'resourceVersion');
    if (version !== this.#seen) this.#coming.push({ atMs: nowMs + this.#delayMs, data });
    this.#seen = version;
    while ((this.#coming[0]?.atMs ?? Number.POSITIVE_INFINITY) <= nowMs)
      await this.#mounted.put(this.#coming.shift()?.data ?? {});
  }
}

interface HourOptions {
  readonly lifetimeMs: number;
  /** What the configuration says of readers. */
  readonly configuredMs: number;
  /** What is true of them. */
  readonly stalenessMs: number;
}

/** An hour of one token, with a reader that opens the mounted file every second. */
async function runHour(
  t: TestContext,
  timers: TimerBench,
  { lifetimeMs, configuredMs, stalenessMs }: HourOptions,
) {
  const { clock } = timers;
  const folder = await createPrivateFolder(t);
  const cluster = await startKubernetesStore(t);
  const store = new SecretStore(cluster);
  const bench = createSchedulerBench(clock, { store, lifetimeMs, policy: { stalenessMs: configuredMs } });
  const kubelet = new Kubelet(cluster, folder, stalenessMs);
  const [token] = bench.tokens;
  assert.ok(token !== undefined);
  const found = { reads: 0, expired: 0, leastLifeMs: Number.POSITIVE_INFINITY };
  const startedMs = clock.now();
  bench.start();
  while (clock.now() < startedMs + HOUR_MS + stalenessMs) {
    await timers.advance(SECOND_MS);
    await store.untilIdle();
    await kubelet.sync(clock.now());
    const text = await readFile(join(folder, 'token.json'), 'utf8').catch(() => undefined);
    if (text === undefined) {
      assert.equal(found.reads, 0, 'the file never goes away');
      continue;
    }
    const { access_token: accessToken, expires_at: expiresAt } = documentSchema.parse(JSON.parse(text));
    const diesAtMs = token.source.deathsMonotonicMs.get(accessToken) ?? Number.NaN;
    const isDead = Date.parse(expiresAt) <= clock.now() || !(diesAtMs > clock.monotonicMs());
    found.reads += 1;
    found.expired += isDead ? 1 : 0;
    found.leastLifeMs = Math.min(found.leastLifeMs, Date.parse(expiresAt) - clock.now());
  }
  await bench.stop();
  return { ...found, fetches: bench.fetchTimesMs().length, failures: bench.events.of('refresh-failed') };
}

describe('tokens of a few minutes in Kubernetes Secrets', { timeout: 600_000 }, () => {
  let timers: TimerBench;
  beforeEach(() => {
    timers = fakeTimers();
  });
  afterEach(() => timers.restore());

  for (const [what, options, fetches] of [
    [
      '6 minutes, through a mounted file that is 100 s old',
      { lifetimeMs: 6 * MINUTE_MS, configuredMs: 100_000, stalenessMs: 100_000 },
      [15, 18],
    ],
    [
      '3 minutes, through a mounted file that is as old as half of that life allows',
      { lifetimeMs: 3 * MINUTE_MS, configuredMs: 55_000, stalenessMs: 55_000 },
      [35, 42],
    ],
    [
      '3 minutes, read from the API server at each use',
      { lifetimeMs: 3 * MINUTE_MS, configuredMs: 0, stalenessMs: 0 },
      [21, 24],
    ],
  ] as const) {
    it(`Fresh: an hour of tokens of ${what}: no reader has an expired one`, async (t) => {
      const found = await runHour(t, timers, options);
      assert.equal(found.expired, 0);
      assert.ok(found.reads >= HOUR_MS / SECOND_MS - 5, `only ${found.reads} reads`);
      const [least, most] = fetches;
      assert.ok(found.fetches >= least && found.fetches <= most, `${found.fetches} fetches`);
      assert.deepEqual(found.failures, []);
      assert.ok(found.leastLifeMs > 0, `${found.leastLifeMs} ms`);
    });
  }

  it('are expired in the hands of readers whose staleness the configuration does not know', async (t) => {
    const found = await runHour(t, timers, {
      lifetimeMs: 6 * MINUTE_MS,
      configuredMs: 0,
      stalenessMs: 100_000,
    });
    assert.ok(found.expired > 0);
  });
});

describe('the configuration', () => {
  const withStaleness = (lifetime: string, staleness: string): readonly string[] =>
    problemsOf(
      parseText(
        `store: { kind: kubernetes-secret, namespace: payments }\nreaders: { staleness: ${staleness} }\n${PIVOT}    lifetime: ${lifetime}\n`,
      ),
    );

  it('refuses a staleness that a token of 3 minutes cannot have, and says which works', () => {
    assert.deepEqual(withStaleness('3m', '100s'), [
      'app.yaml:2:23 readers.staleness: for provider "pivot": readers.staleness 1m40s needs a margin of 2m10s, half or more ' +
        'of the lifetime of 3m; a staleness of at most 59s works',
    ]);
    assert.deepEqual(withStaleness('3m', '59s'), []);
  });

  it('takes one of 100 s for a token of 6 minutes, which no version quota forbids here', () => {
    assert.deepEqual(withStaleness('6m', '100s'), []);
  });
});
