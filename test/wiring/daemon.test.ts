import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createSoleLeader } from '../../src/adapters/system/sole-leader.ts';
import { DEFAULT_LEASE_TIMING } from '../../src/core/lease-timing.ts';
import { type AppBench, type Replica, startAppBench } from '../support/app-bench.ts';
import { createUpstreamsBench } from '../support/upstreams-bench.ts';

const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = DEFAULT_LEASE_TIMING;
const MINUTE_MS = 60_000;
const startUpstreams = await createUpstreamsBench();

async function startBench(t: TestContext): Promise<AppBench> {
  return startAppBench(t, await startUpstreams(t));
}

/** `a` leads and has published a token, `b` stands by and knows it. */
async function startPair(t: TestContext): Promise<AppBench & { readonly a: Replica; readonly b: Replica }> {
  const bench = await startBench(t);
  const a = await bench.start('a');
  await bench.until(() => a.events.of('token-refreshed').length === 1);
  const b = await bench.start('b');
  assert.equal(b.events.of('token-restored').length, 1);
  return { ...bench, a, b };
}

async function readHealth(replica: Replica, path: string): Promise<{ ok: boolean; text: string }> {
  const response = await fetch(`${replica.httpUrl}${path}`);
  return { ok: response.ok, text: await response.text() };
}

/** The time comes at which the token is due: half an hour in which nothing ticks, and a look at the clock. */
async function letTokenBecomeDue(bench: AppBench): Promise<void> {
  bench.clock.jumpWallTime(28 * MINUTE_MS + 30_000);
  await bench.pass(5_000);
}

describe('one replica', () => {
  it('leads at once, and reads each secret once before it fetches', async (t) => {
    const bench = await startBench(t);
    const sole = await bench.start('sole', createSoleLeader());
    await bench.until(() => sole.events.of('token-refreshed').length === 1);
    assert.equal(bench.fetches(), 1);
    assert.equal(bench.readsOfStore(), 1);
    assert.deepEqual(
      sole.events.names.filter((name) => !name.startsWith('s')),
      ['token-absent', 'leadership-acquired', 'refresh-started', 'token-fetched', 'token-refreshed'],
    );
  });

  it('One at a time: fetches nothing that is still fresh after a restart', async (t) => {
    const bench = await startBench(t);
    const first = await bench.start('first', createSoleLeader());
    await bench.until(() => first.events.of('token-refreshed').length === 1);
    await first.app.stop();
    const second = await bench.start('second', createSoleLeader());
    await bench.until(() => second.isLeading());
    await bench.pass(MINUTE_MS);
    assert.equal(bench.fetches(), 1);
    assert.equal(second.events.of('refresh-started').length, 0);
  });
});

describe('of two replicas', () => {
  it('one refreshes; the other is ready and alive, knows what is published, and only reads', async (t) => {
    const bench = await startPair(t);
    const { a, b } = bench;
    await bench.pass(2 * MINUTE_MS);
    assert.equal(a.isLeading(), true);
    assert.equal(b.isLeading(), false);
    assert.deepEqual(b.events.names, ['token-restored', 'standing-by']);
    assert.deepEqual(await readHealth(b, '/readyz'), { ok: true, text: '{"ok":true,"reasons":[]}' });
    assert.deepEqual(await readHealth(b, '/livez'), { ok: true, text: '{"ok":true,"reasons":[]}' });
    assert.equal(bench.fetches(), 1);
  });

  it('the stand-by judges nothing: from an empty store on it says good, or not known yet, and where the leader is', async (t) => {
    const bench = await startBench(t);
    // The leader needs a moment, so that the other one reads an empty store.
    bench.breakProvider({ fault: 'latency', delayMs: 500 });
    const a = await bench.start('a');
    await bench.until(() => bench.fetches() === 1);
    const b = await bench.start('b');
    const seen: (readonly [number, ...unknown[]])[] = [];
    for (const atSeconds of [1, 30, 300]) {
      const restMs = atSeconds * 1000 - bench.clock.monotonicMs();
      await bench.pass(restMs);
      await bench.until(() => a.events.of('token-refreshed').length === 1);
      await bench.until(() => atSeconds === 1 || b.events.of('token-restored').length === 1);
      const { leadership, view } = await b.readStatus();
      const state = (await a.readStatus()).view.tokens[0]?.state;
      seen.push([atSeconds, state, view.tokens[0]?.state, leadership.leader, leadership.reach]);
    }
    const leader = ['a', 'kubectl -n payments port-forward pod/a 8080'];
    // Who leads is seen when the Lease is renewed, after 2 s.
    assert.deepEqual(seen, [
      [1, 'fresh', 'unknown', null, null],
      [30, 'fresh', 'fresh', ...leader],
      [300, 'fresh', 'fresh', ...leader],
    ]);
  });

  it('only the leader says that there is no token, and the stand-by once there is none that leads', async (t) => {
    const bench = await startBench(t);
    bench.breakProvider({ fault: 'status', status: 503, retryAfter: undefined });
    const a = await bench.start('a');
    await bench.until(() => a.isLeading());
    const b = await bench.start('b');
    const states = async () =>
      Promise.all([a, b].map(async (each) => (await each.readStatus()).view.tokens[0]?.state));
    await bench.pass(5 * MINUTE_MS);
    assert.deepEqual(await states(), ['absent', 'unknown']);
    bench.leases.api.acceptTokens();
    await bench.pass(leaseDurationMs);
    assert.deepEqual(await states(), ['unknown', 'unknown'], 'others may lead');
    await bench.pass(2 * leaseDurationMs + retryPeriodMs);
    assert.deepEqual(await states(), ['absent', 'absent']);
  });

  it('Quick to stop: the stand-by leads within one retry period after the leader was stopped, and fetches nothing fresh', async (t) => {
    const bench = await startPair(t);
    const { a, b } = bench;
    await bench.pass(MINUTE_MS);
    await a.app.stop();
    assert.equal(b.isLeading(), false);
    await bench.pass(retryPeriodMs);
    await bench.until(() => b.isLeading());
    await bench.pass(MINUTE_MS);
    assert.equal(bench.fetches(), 1);
    assert.equal(b.events.of('refresh-started').length, 0);
    assert.equal(bench.leases.api.spec()?.['holderIdentity'], 'b');
  });

  it('One at a time: a leader that is cut off from the API server stops before the other begins, and nothing is fetched twice', async (t) => {
    const bench = await startPair(t);
    const { a, b } = bench;
    await bench.pass(MINUTE_MS);
    a.cutOff();
    const cutOffAtMs = bench.clock.monotonicMs();
    while (!b.isLeading()) {
      await bench.pass(250);
      assert.ok(!(a.isLeading() && b.isLeading()), 'two lead');
      const goneMs = bench.clock.monotonicMs() - cutOffAtMs;
      assert.equal(a.isLeading(), goneMs < renewDeadlineMs, `after ${goneMs} ms`);
      assert.ok(goneMs <= leaseDurationMs + retryPeriodMs);
    }
    const [failure] = a.events.of('coordination-failed');
    assert.match(failure?.problem ?? '', /answered 401 to update/);
    assert.equal(failure?.isLeader, true);
    await bench.pass(MINUTE_MS);
    assert.equal(bench.fetches(), 1);
    assert.deepEqual(await readHealth(a, '/readyz'), { ok: true, text: '{"ok":true,"reasons":[]}' });
    // No restart brings the API server back, and the process that would be killed may have one-time tokens to save.
    assert.equal((await readHealth(a, '/livez')).ok, true);
    assert.equal((await readHealth(b, '/livez')).ok, true);
  });

  it('One at a time: a replica that leads again does not go by what it knew from its former term', async (t) => {
    const bench = await startPair(t);
    const { a, b } = bench;
    a.cutOff();
    await bench.pass(leaseDurationMs + retryPeriodMs);
    await bench.until(() => b.isLeading());
    await letTokenBecomeDue(bench);
    await bench.until(() => b.events.of('token-refreshed').length === 1);
    assert.equal(bench.fetches(), 2);
    a.reconnect();
    await bench.pass(leaseDurationMs);
    const restored = a.events.of('token-restored').length;
    await b.app.stop();
    await bench.pass(retryPeriodMs);
    await bench.until(() => a.isLeading());
    await bench.until(() => a.events.of('token-restored').length === restored + 1);
    await bench.pass(MINUTE_MS);
    assert.equal(bench.fetches(), 2);
    assert.equal(a.events.last('token-restored').generation, 2);
  });

  it('One at a time: after a take-over while the store is away for minutes, no fetch rests on what was known before', async (t) => {
    const bench = await startPair(t);
    const { a, b } = bench;
    await letTokenBecomeDue(bench);
    await bench.until(() => a.events.of('token-refreshed').length === 2);
    bench.store.server.setFaults([{ kind: 'outage' }]);
    await a.app.stop();
    await bench.pass(retryPeriodMs);
    await bench.until(() => b.events.of('refresh-failed').length > 0);
    await bench.pass(3 * MINUTE_MS);
    assert.equal(bench.fetches(), 2);
    bench.store.server.setFaults([]);
    while (b.events.of('refresh-recovered').length === 0) await bench.pass(MINUTE_MS);
    assert.equal(bench.fetches(), 2);
    assert.equal(b.events.last('token-restored').generation, 2);
  });

  it('a fetch in flight ends with the leadership, and the successor makes its own', async (t) => {
    const bench = await startPair(t);
    const { a, b } = bench;
    bench.breakProvider({ fault: 'latency', delayMs: 9_000 });
    a.cutOff();
    await letTokenBecomeDue(bench);
    await bench.until(() => bench.fetches() === 2);
    await bench.pass(renewDeadlineMs - 5_000);
    await bench.until(() => a.events.of('refresh-abandoned').length === 1);
    assert.equal(a.events.last('refresh-abandoned').failure.code, 'leadership-lost');
    assert.ok(a.events.names.indexOf('leadership-lost') < a.events.names.indexOf('refresh-abandoned'));
    await bench.pass(leaseDurationMs - renewDeadlineMs + retryPeriodMs);
    await bench.until(() => b.events.of('refresh-started').length === 1);
    await bench.until(() => bench.fetches() === 3);
    await bench.pass(9_000);
    await bench.until(() => b.events.of('token-refreshed').length === 1);
    assert.equal(a.events.of('secret-written').length, 1);
  });

  it('Never worse: one that was paused during a fetch does not publish, although no timer has ended its term yet', async (t) => {
    const bench = await startBench(t);
    bench.breakProvider({ fault: 'latency', delayMs: 5_000 });
    const end = new AbortController();
    let isOver = false;
    const paused = await bench.start('paused', {
      lead: (signal) =>
        isOver
          ? new Promise((_, reject) => {
              signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true });
            })
          : Promise.resolve({
              sinceMonotonicMs: undefined,
              signal: end.signal,
              hasEnded: () => {
                if (isOver) end.abort(new Error('leadership was lost'));
                return isOver;
              },
            }),
      release: () => Promise.resolve(),
      stuckReasons: () => [],
      unreadyReasons: () => [],
    });
    await bench.until(() => bench.fetches() === 1);
    isOver = true;
    await bench.pass(5_000);
    await bench.until(() => paused.events.of('refresh-abandoned').length === 1);
    assert.equal(paused.events.last('refresh-abandoned').failure.code, 'leadership-lost');
    assert.equal(paused.events.of('secret-written').length, 0);
  });

  it('each stops quickly: as leader, as stand-by, and before it has begun', async (t) => {
    const bench = await startPair(t);
    const { a, b } = bench;
    await b.app.stop();
    assert.equal(bench.leases.api.spec()?.['holderIdentity'], 'a');
    await a.app.stop();
    assert.equal(bench.leases.api.spec()?.['holderIdentity'], '');
    assert.equal(a.events.of('leadership-lost').length, 0);
    assert.deepEqual(bench.clock.pendingDelaysMs, []);
  });
});
