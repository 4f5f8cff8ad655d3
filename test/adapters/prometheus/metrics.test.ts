import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { METRICS } from '../../../src/adapters/prometheus/metric-list.ts';
import { createMetrics } from '../../../src/adapters/prometheus/metrics.ts';
import { TokenBoard } from '../../../src/board/token-board.ts';
import type { RefreshEvent } from '../../../src/core/events.ts';
import { FAILURE_CODES } from '../../../src/core/failure.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  allSampleEvents,
  buildFailure,
  buildIdentity,
  NOON_MS,
  sampleEvents,
} from '../../support/sample-events.ts';

const NOON = NOON_MS / 1000;

function setUp({ perTokenLimit }: { readonly perTokenLimit?: number } = {}) {
  const clock = new FakeClock(NOON_MS);
  const board = new TokenBoard(clock);
  const metrics = createMetrics({
    version: '1.2.3',
    board,
    clock,
    lostLogLines: () => 0,
    ...(perTokenLimit === undefined ? {} : { perTokenLimit }),
  });
  const tell = (event: RefreshEvent): void => {
    board.onEvent(event);
    metrics.onEvent(event);
  };
  /** The series of a metric by what stands between its braces, as a scrape sees them now. */
  const scrape = async (name: string): Promise<Readonly<Record<string, number>>> => {
    const series: Record<string, number> = {};
    for (const line of (await metrics.text()).split('\n')) {
      const match = /^([a-z0-9_]+)(?:\{(.*)\})? (\S+)$/.exec(line);
      if (match?.[1] === name) series[match[2] ?? ''] = Number(match[3]);
    }
    return series;
  };
  return { board, clock, metrics, tell, scrape };
}

/** `count` customers of a provider; every name holds `customer`. */
function buildCustomers(count: number) {
  return Array.from({ length: count }, (_, index) => buildIdentity(`pivot-b2b2c/customer-${index}`));
}

function refreshed(identity = buildIdentity(), expiresAtMs = NOON_MS + 1_800_000) {
  return { ...sampleEvents['token-refreshed'], identity, expiresAtMs, refreshAtMs: expiresAtMs - 120_000 };
}

describe('METRICS', () => {
  it('names every metric once, in the words that Prometheus expects', () => {
    const names = METRICS.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const { name, type, help } of METRICS) {
      assert.match(name, /^(token_refresher|process|nodejs)_[a-z0-9_]+$/);
      assert.equal(name.endsWith('_total'), type === 'counter', name);
      assert.match(help, /\.$/, name);
    }
  });

  it('lists exactly what a scrape describes', async () => {
    const { metrics, tell } = setUp();
    for (const event of allSampleEvents) tell(event);
    const text = await metrics.text();
    const described = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `${name} ${type}`);
    assert.deepEqual(described.toSorted(), METRICS.map(({ name, type }) => `${name} ${type}`).toSorted());
    for (const { name, help } of METRICS) assert.ok(text.includes(`# HELP ${name} ${help}\n`), name);
  });

  it('lists exactly the labels that a scrape carries', async () => {
    const { metrics, tell } = setUp();
    for (const event of allSampleEvents) tell(event);
    const text = await metrics.text();
    for (const { name, labels } of METRICS) {
      const sample = new RegExp(`^${name}(?:_count)?(?:\\{(.*)\\})? \\S+$`, 'm').exec(text);
      assert.ok(sample, name);
      const carried = [...(sample[1] ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label);
      assert.deepEqual(carried, labels, name);
    }
  });
});

describe('createMetrics', () => {
  it('serves the text format of Prometheus', () => {
    assert.equal(setUp().metrics.contentType, 'text/plain; version=0.0.4; charset=utf-8');
  });

  it('keeps a registry of its own, so that two programs in one process do not meet', async () => {
    const one = setUp();
    const other = setUp();
    one.tell({ event: 'clock-jumped', byMs: 3_600_000 });
    assert.deepEqual(await one.scrape('token_refresher_clock_jumps_total'), { '': 1 });
    assert.deepEqual(await other.scrape('token_refresher_clock_jumps_total'), { '': 0 });
  });

  it('starts every counter of a known provider at 0', async () => {
    const { scrape, board } = setUp();
    board.registerTokens([buildIdentity()]);
    const refreshes = await scrape('token_refresher_refresh_total');
    assert.deepEqual(
      refreshes,
      Object.fromEntries(['ok', ...FAILURE_CODES].map((code) => [`provider="pik",code="${code}"`, 0])),
    );
    const writes = await scrape('token_refresher_store_writes_total');
    assert.equal(writes['provider="pik",target="document",code="ok"'], 0);
    assert.equal(writes['provider="pik",target="document",code="store-quota"'], 0);
    assert.deepEqual(await scrape('token_refresher_ticks_missed_total'), { 'provider="pik"': 0 });
    for (const what of ['fetch', 'store_write', 'refresh']) {
      assert.deepEqual(await scrape(`token_refresher_${what}_duration_seconds_count`), {
        'provider="pik"': 0,
      });
    }
    assert.deepEqual(await scrape('token_refresher_leader'), { '': 0 });
  });

  it('bounds a scrape of many providers: 200 with 50 tokens each take no more lines than with one token each', async () => {
    const lines = async (tokensEach: number): Promise<number> => {
      const { metrics, tell } = setUp();
      for (let provider = 0; provider < 200; provider += 1)
        for (let customer = 0; customer < tokensEach; customer += 1)
          tell(refreshed({ ...buildIdentity(`p${provider}/c${customer}`), provider: `p${provider}` }));
      return (await metrics.text()).split('\n').length;
    };
    const [one, fifty] = [await lines(1), await lines(50)];
    assert.ok(fifty <= one, `${one} and ${fifty} lines`);
    assert.ok(one / 200 < 70, `${one / 200} lines for a provider`);
  });

  it('lets others go on between two metrics', async () => {
    let turns = 0;
    const nextTurn = async (): Promise<void> => {
      turns += 1;
    };
    const clock = new FakeClock();
    const board = new TokenBoard(clock);
    await createMetrics({ version: '1.2.3', board, clock, lostLogLines: () => 7, nextTurn }).text();
    assert.equal(turns, METRICS.length);
  });

  it('says how many lines of the log were lost', async () => {
    const clock = new FakeClock();
    const board = new TokenBoard(clock);
    const metrics = createMetrics({ version: '1.2.3', board, clock, lostLogLines: () => 7 });
    for (let scrape = 0; scrape < 2; scrape += 1)
      assert.match(await metrics.text(), /^token_refresher_log_lines_lost_total 7$/m);
  });

  it('says what it is', async () => {
    assert.deepEqual(await setUp().scrape('token_refresher_build_info'), {
      [`version="1.2.3",node="${process.versions.node}"`]: 1,
    });
  });

  it('states when a token expires, succeeded and is due', async () => {
    const { clock, scrape, tell } = setUp();
    await clock.advance(1_000);
    tell(refreshed());
    const labels = 'provider="pik",token="pik"';
    assert.deepEqual(await scrape('token_refresher_token_expires_at_seconds'), { [labels]: NOON + 1800 });
    assert.deepEqual(await scrape('token_refresher_token_next_refresh_timestamp_seconds'), {
      [labels]: NOON + 1680,
    });
    assert.deepEqual(await scrape('token_refresher_token_last_success_timestamp_seconds'), {
      [labels]: NOON + 1,
    });
  });

  it('takes the issue of a restored token for the last success', async () => {
    const { clock, scrape, tell } = setUp();
    await clock.advance(60_000);
    tell(sampleEvents['token-restored']);
    assert.deepEqual(Object.values(await scrape('token_refresher_token_last_success_timestamp_seconds')), [
      NOON,
    ]);
  });

  it('states the next attempt while refreshes fail, and keeps the last success', async () => {
    const { scrape, tell } = setUp();
    tell(refreshed());
    tell(sampleEvents['refresh-failed']);
    assert.deepEqual(Object.values(await scrape('token_refresher_token_next_refresh_timestamp_seconds')), [
      NOON + 2,
    ]);
    assert.deepEqual(Object.values(await scrape('token_refresher_token_last_success_timestamp_seconds')), [
      NOON,
    ]);
  });

  it('has no series for times that are not known', async () => {
    const { scrape, tell, board } = setUp();
    board.registerTokens([buildIdentity()]);
    assert.deepEqual(await scrape('token_refresher_token_expires_at_seconds'), {});
    tell(refreshed());
    tell(sampleEvents['token-absent']);
    assert.deepEqual(await scrape('token_refresher_token_expires_at_seconds'), {});
  });

  it('counts tokens by their state at the time of the scrape', async () => {
    const { clock, scrape, tell, board } = setUp();
    board.registerTokens(['pik/one', 'pik/two', 'pik/three'].map((name) => buildIdentity(name)));
    tell(refreshed(buildIdentity('pik/one')));
    tell({ ...sampleEvents['token-absent'], identity: buildIdentity('pik/two') });
    const states = async () => {
      const series = await scrape('token_refresher_tokens');
      return ['fresh', 'due', 'expired', 'absent', 'unknown'].map(
        (state) => series[`provider="pik",state="${state}"`],
      );
    };
    assert.deepEqual(await states(), [1, 0, 0, 1, 1]);
    await clock.advance(1_680_000);
    assert.deepEqual(await states(), [0, 1, 0, 1, 1]);
    await clock.advance(120_000);
    assert.deepEqual(await states(), [0, 0, 1, 1, 1]);
  });

  it('counts ended attempts by code', async () => {
    const { scrape, tell } = setUp();
    tell(refreshed());
    tell(sampleEvents['token-unchanged']);
    tell({ ...sampleEvents['refresh-failed'], failure: buildFailure({ code: 'rate-limited' }) });
    tell(sampleEvents['refresh-abandoned']);
    const series = await scrape('token_refresher_refresh_total');
    assert.deepEqual(
      Object.entries(series).filter(([, value]) => value > 0),
      ['ok', 'rate-limited', 'token-unchanged', 'aborted'].map((code) => [
        `provider="pik",code="${code}"`,
        1,
      ]),
    );
  });

  it('measures calls, writes and refreshes in seconds', async () => {
    const { scrape, tell } = setUp();
    for (const event of allSampleEvents) tell(event);
    assert.deepEqual(await scrape('token_refresher_fetch_duration_seconds_sum'), { 'provider="pik"': 0.12 });
    assert.deepEqual(await scrape('token_refresher_store_write_duration_seconds_sum'), {
      'provider="pik"': 0.04,
    });
    assert.deepEqual(await scrape('token_refresher_refresh_duration_seconds_sum'), {
      'provider="pik"': 0.18,
    });
    assert.deepEqual(await scrape('token_refresher_provider_clock_skew_seconds'), { 'provider="pik"': 0.25 });
    assert.deepEqual(await scrape('token_refresher_schedule_tick_seconds'), { 'provider="pik"': 30 });
    assert.deepEqual(await scrape('token_refresher_schedule_margin_seconds'), { 'provider="pik"': 120 });
    assert.deepEqual(await scrape('token_refresher_ticks_missed_total'), { 'provider="pik"': 1 });
  });

  it('counts versions over a rolling day: successful writes', async () => {
    const { clock, scrape, tell } = setUp();
    const written = sampleEvents['secret-written'];
    const versions = async () => Object.values(await scrape('token_refresher_secret_versions_24h'));
    tell(written);
    tell({ ...written, failure: buildFailure({ code: 'store-unavailable' }) });
    tell({ ...written, target: 'state' });
    await clock.advance(3_600_000);
    tell(written);
    assert.deepEqual(await versions(), [2]);
    clock.jumpWallTime(-3_600_000);
    await clock.advance(82_800_000 - 1);
    assert.deepEqual(await versions(), [2]);
    await clock.advance(1);
    assert.deepEqual(await versions(), [1]);
    await clock.advance(3_600_000);
    assert.deepEqual(await versions(), [0]);
  });

  it('takes over what the store counts, and states the secret of a token that got the most', async () => {
    const { clock, scrape, tell } = setUp();
    const counted = sampleEvents['secret-versions-counted'];
    const versions = async () => Object.values(await scrape('token_refresher_secret_versions_24h'));
    tell({ ...counted, agesMs: [0, 60_000, 86_400_000 - 1000] });
    assert.deepEqual(await versions(), [3]);
    assert.deepEqual(await scrape('token_refresher_secret_version_budget'), { 'provider="pik"': 144 });
    tell({ ...counted, target: 'state', agesMs: [0, 0, 0, 0] });
    assert.deepEqual(await versions(), [4]);
    tell({ ...counted, target: 'state', agesMs: [] });
    await clock.advance(1000);
    assert.deepEqual(await versions(), [2]);
  });

  it('states the next refresh of a token whose refresh is put off', async () => {
    const { scrape, tell } = setUp();
    tell(refreshed());
    tell(sampleEvents['refresh-postponed']);
    assert.deepEqual(Object.values(await scrape('token_refresher_token_next_refresh_timestamp_seconds')), [
      NOON + 1770,
    ]);
  });

  it('follows leadership', async () => {
    const { scrape, tell } = setUp();
    tell({ event: 'leadership-acquired' });
    assert.deepEqual(await scrape('token_refresher_leader'), { '': 1 });
    tell({ event: 'leadership-lost' });
    assert.deepEqual(await scrape('token_refresher_leader'), { '': 0 });
  });

  it('counts CPU time up from scrape to scrape', async () => {
    const { scrape } = setUp();
    const first = (await scrape('process_cpu_seconds_total'))[''] ?? 0;
    const second = (await scrape('process_cpu_seconds_total'))[''] ?? 0;
    assert.ok(first > 0 && second >= first);
    assert.ok(((await scrape('process_resident_memory_bytes'))[''] ?? 0) > 1_000_000);
  });
});

describe('a provider with many tokens', () => {
  it('has series per token up to the limit', async () => {
    const { scrape, tell } = setUp({ perTokenLimit: 3 });
    for (const identity of buildCustomers(3)) tell(refreshed(identity));
    assert.equal(Object.keys(await scrape('token_refresher_token_expires_at_seconds')).length, 3);
  });

  it('has aggregates beyond the limit: the earliest, the oldest, the most', async () => {
    const { clock, scrape, tell } = setUp({ perTokenLimit: 3 });
    const [first = buildIdentity(), ...others] = buildCustomers(4);
    tell(refreshed(first, NOON_MS + 900_000));
    tell({ ...sampleEvents['secret-written'], identity: first });
    tell({ ...sampleEvents['secret-written'], identity: first });
    await clock.advance(5_000);
    for (const identity of others) tell(refreshed(identity, NOON_MS + 1_000_000));
    const labels = 'provider="pivot-b2b2c"';
    assert.deepEqual(await scrape('token_refresher_token_expires_at_seconds'), { [labels]: NOON + 900 });
    assert.deepEqual(await scrape('token_refresher_token_next_refresh_timestamp_seconds'), {
      [labels]: NOON + 780,
    });
    assert.deepEqual(await scrape('token_refresher_token_last_success_timestamp_seconds'), {
      [labels]: NOON,
    });
    assert.deepEqual(await scrape('token_refresher_secret_versions_24h'), { [labels]: 2 });
    assert.equal((await scrape('token_refresher_tokens'))[`${labels},state="fresh"`], 4);
  });

  it('counts tokens that readers report as refused for nothing, from the first report of a provider on', async () => {
    const { scrape, tell } = setUp();
    const refused = () => scrape('token_refresher_refused_tokens');
    tell(refreshed(buildIdentity('apimw')));
    assert.deepEqual(await refused(), {}, 'nothing where nobody reports');
    tell(refreshed());
    tell({ ...sampleEvents['token-rejected'], outcome: 'fetch', cap: undefined });
    assert.deepEqual(await refused(), { 'provider="pik"': 0 });
    tell(sampleEvents['token-rejected']);
    assert.deepEqual(await refused(), { 'provider="pik"': 1 });
    tell(refreshed());
    assert.deepEqual(await refused(), { 'provider="pik"': 0 });
  });

  it('shows of each mirror how many tokens are behind and for how long, until it has caught up', async () => {
    const { scrape, clock, tell } = setUp();
    const place = 'place="cluster"';
    assert.deepEqual(await scrape('token_refresher_mirror_tokens_behind'), {});
    tell(sampleEvents['mirror-failed']);
    await clock.advance(60_000);
    assert.deepEqual(await scrape('token_refresher_mirror_tokens_behind'), { [place]: 3 });
    assert.deepEqual(await scrape('token_refresher_mirror_lag_seconds'), { [place]: 60 });
    tell(sampleEvents['mirror-written']);
    tell(sampleEvents['mirror-caught-up']);
    assert.deepEqual(await scrape('token_refresher_mirror_tokens_behind'), { [place]: 0 });
    assert.deepEqual(await scrape('token_refresher_mirror_lag_seconds'), { [place]: 0 });
    assert.deepEqual(await scrape('token_refresher_mirror_writes_total'), {
      [`${place},code="store-unavailable"`]: 1,
      [`${place},code="ok"`]: 1,
    });
  });

  it('counts discovered customers and rejected bindings, and when they were last looked for', async () => {
    const { scrape, clock, tell } = setUp();
    const labels = 'provider="pik"';
    tell(sampleEvents['token-added']);
    tell(sampleEvents['bindings-counted']);
    await clock.advance(60_000);
    tell(sampleEvents['discovery-failed']);
    assert.deepEqual(await scrape('token_refresher_discovered_customers'), { [labels]: 7 });
    assert.deepEqual(await scrape('token_refresher_rejected_bindings'), { [labels]: 1 });
    assert.deepEqual(await scrape('token_refresher_discovery_last_success_timestamp_seconds'), {
      [labels]: NOON,
    });
    assert.equal((await scrape('token_refresher_tokens'))[`${labels},state="unknown"`], 1);
  });

  it('forgets a token that was removed', async () => {
    const { scrape, tell } = setUp();
    const { identity } = sampleEvents['token-added'];
    tell(sampleEvents['token-added']);
    tell(refreshed(identity));
    tell(sampleEvents['token-removed']);
    assert.deepEqual(await scrape('token_refresher_token_expires_at_seconds'), {});
    assert.equal((await scrape('token_refresher_tokens'))['provider="pik",state="fresh"'], 0);
  });

  it('names no customer beyond the limit, 100 by default, even when one more turns up later', async () => {
    const { metrics, tell, board } = setUp();
    const [last = buildIdentity(), ...customers] = buildCustomers(101);
    board.registerTokens(customers);
    for (const identity of customers) {
      for (const event of allSampleEvents) tell('identity' in event ? { ...event, identity } : event);
    }
    assert.match(await metrics.text(), /customer-100/);
    tell(refreshed(last));
    assert.doesNotMatch(await metrics.text(), /customer-/);
  });

  it('counts what receivers of alerts took and did not take', async () => {
    const { scrape, tell } = setUp();
    const sent = sampleEvents['alert-sent'];
    for (const event of [sent, sent, { ...sent, failure: buildFailure() }]) tell(event);
    assert.deepEqual(await scrape('token_refresher_alerts_sent_total'), {
      'sink="slack",code="ok"': 2,
      'sink="slack",code="provider-unavailable"': 1,
    });
  });
});
