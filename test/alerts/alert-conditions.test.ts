import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findConditions } from '../../src/alerts/alert-conditions.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import { ALERTS, type AlertName } from '../../src/core/alert.ts';
import { NO_LEADER_AFTER_MS } from '../../src/core/board.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import { FAILURE_CODES, type FailureCode, type Retry } from '../../src/core/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fc } from '../support/property.ts';
import { buildFailure, buildIdentity, NOON_MS, sampleEvents } from '../support/sample-events.ts';

const HOUR_MS = 3_600_000;
const LEADS: RefreshEvent = { event: 'leadership-acquired' };

function createBoard(...events: readonly RefreshEvent[]) {
  const clock = new FakeClock();
  const board = new TokenBoard(clock);
  board.registerProvider('pik', 'pik');
  for (const event of events) board.onEvent(event);
  return {
    clock,
    board,
    tell: (...more: readonly RefreshEvent[]): void => {
      for (const event of more) board.onEvent(event);
    },
    /** `pik/TokenExpired: pik`, sorted. */
    stated: (): readonly string[] =>
      findConditions(board, clock)
        .map(
          ({ alert, provider, members }) =>
            `${provider ?? '-'}/${alert}: ${members.map(({ token }) => token ?? '-').join(' ')}`,
        )
        .toSorted(),
  };
}

function fails(token: string, code: FailureCode = 'provider-unavailable', retry: Retry = 'backoff') {
  const failure = buildFailure({ code, retry });
  const { expiresAtMs } = sampleEvents['token-restored'];
  return { ...sampleEvents['refresh-failed'], identity: buildIdentity(token), failure, expiresAtMs };
}

/** A token that expires at half past and is refreshed two minutes before. */
function lives(token: string): RefreshEvent {
  return { ...sampleEvents['token-restored'], identity: buildIdentity(token) };
}

describe('findConditions', () => {
  const causes: readonly (readonly [FailureCode, Retry, AlertName])[] = [
    ['credentials-rejected', 'needs-human', 'CredentialsRejected'],
    ['request-rejected', 'needs-human', 'RefreshFailing'],
    ['rate-limited', 'backoff', 'RefreshFailing'],
    ['provider-unavailable', 'backoff', 'RefreshFailing'],
    ['response-malformed', 'backoff', 'RefreshFailing'],
    ['token-unchanged', 'soon', 'RefreshFailing'],
    ['clock-skewed', 'backoff', 'ClockSkew'],
    ['chain-broken', 'needs-human', 'ChainBroken'],
    ['chain-broken', 'soon', 'RefreshFailing'],
    ['store-denied', 'needs-human', 'StoreWriteFailing'],
    ['store-missing', 'needs-human', 'StoreWriteFailing'],
    ['store-not-ours', 'needs-human', 'StoreWriteFailing'],
    ['store-deleting', 'needs-human', 'StoreWriteFailing'],
    ['store-quota', 'backoff', 'StoreWriteFailing'],
    ['store-conflict', 'soon', 'StoreWriteFailing'],
    ['store-unavailable', 'backoff', 'StoreWriteFailing'],
    ['leadership-lost', 'soon', 'RefreshFailing'],
    ['aborted', 'soon', 'RefreshFailing'],
  ];
  for (const [code, retry, alert] of causes) {
    it(`states ${alert} for ${code}, when that is ${retry}`, () => {
      const { stated } = createBoard(LEADS, lives('pik'), fails('pik', code, retry));
      assert.deepEqual(stated(), [`pik/${alert}: pik`]);
    });
  }

  it('knows the cause of every code', () => {
    assert.deepEqual(new Set(causes.map(([code]) => code)), new Set(FAILURE_CODES));
  });

  for (const [left, urgency] of [
    [120_000, undefined],
    [60_000, undefined],
    [59_999, 'TokenExpiring'],
    [1, 'TokenExpiring'],
    [0, 'TokenExpired'],
    [-3_600_000, 'TokenExpired'],
  ] as const) {
    it(`states ${urgency ?? 'no urgency'} when refreshes fail with ${left} ms left of a margin of 120 s`, async () => {
      const { clock, stated } = createBoard(LEADS, lives('pik'), fails('pik'));
      await clock.advance(1_800_000 - left);
      assert.deepEqual(stated(), [`pik/${urgency ?? 'RefreshFailing'}: pik`]);
    });
  }

  it('measures a token that was to be refreshed early by the margin of its provider', async () => {
    const early = { ...sampleEvents['token-restored'], refreshAtMs: NOON_MS + 1_000_000 };
    const { clock, stated } = createBoard(LEADS, sampleEvents['schedule-derived'], early, fails('pik'));
    await clock.advance(1_800_000 - 60_000);
    assert.deepEqual(stated(), ['pik/RefreshFailing: pik']);
    await clock.advance(1);
    assert.deepEqual(stated(), ['pik/TokenExpiring: pik']);
  });

  it('does not call a token expired that it has never seen, and does call one absent that nobody gets', () => {
    const { stated, tell } = createBoard(LEADS, { ...fails('pik'), expiresAtMs: undefined });
    assert.deepEqual(stated(), ['pik/RefreshFailing: pik']);
    tell(sampleEvents['token-absent']);
    assert.deepEqual(stated(), ['pik/TokenExpired: pik']);
  });

  it('states a critical cause beside the loss of a token, and alone where there never was a token', async () => {
    const rejected = fails('pik', 'credentials-rejected', 'needs-human');
    const { clock, stated, tell } = createBoard(LEADS, sampleEvents['token-absent'], rejected);
    assert.deepEqual(stated(), ['pik/CredentialsRejected: pik']);
    tell(lives('pik'), rejected);
    assert.deepEqual(stated(), ['pik/CredentialsRejected: pik']);
    await clock.advance(1_800_000);
    assert.deepEqual(stated(), ['pik/CredentialsRejected: pik', 'pik/TokenExpired: pik']);
  });

  it('states the same of a token that has expired, whether this replica has seen it good or found it so', async () => {
    const { issuedAtMs, expiresAtMs, refreshAtMs, generation } = sampleEvents['token-restored'];
    const expired = { issuedAtMs, expiresAtMs, refreshAtMs, generation };
    const found = { ...sampleEvents['token-absent'], why: 'expired 1h ago', expired };
    const { clock, stated, tell } = createBoard(LEADS);
    await clock.advance(2 * 3_600_000);
    tell(found);
    assert.deepEqual(stated(), [], 'it waits for its turn');
    tell(fails('pik', 'credentials-rejected', 'needs-human'));
    assert.deepEqual(stated(), ['pik/CredentialsRejected: pik', 'pik/TokenExpired: pik']);
  });

  it('states an expiry that nothing fails about half a minute later: something stands still', async () => {
    const { clock, stated } = createBoard(LEADS, lives('pik'));
    await clock.advance(1_829_999);
    assert.deepEqual(stated(), []);
    await clock.advance(1);
    assert.deepEqual(stated(), ['pik/TokenExpired: pik']);
  });

  for (const ending of [
    'refresh-recovered',
    'token-refreshed',
    'token-unchanged',
    'token-restored',
  ] as const) {
    it(`states nothing of a failure any more after ${ending}`, () => {
      const { stated, tell } = createBoard(LEADS, lives('pik'), fails('pik'));
      tell(sampleEvents[ending]);
      assert.deepEqual(stated(), []);
    });
  }

  it('goes on stating what fails when the refresh is given up because the program stops', () => {
    const { stated, tell } = createBoard(LEADS, lives('pik'), fails('pik'));
    tell(sampleEvents['refresh-abandoned']);
    assert.deepEqual(stated(), ['pik/RefreshFailing: pik']);
  });

  it('puts the tokens of one provider under one condition for each cause', () => {
    const { stated } = createBoard(
      LEADS,
      ...['b/ayu', 'b/budi', 'b/citra', 'pik'].map(lives),
      fails('b/ayu'),
      fails('b/budi', 'store-denied'),
      fails('b/citra', 'rate-limited'),
      fails('pik'),
    );
    assert.deepEqual(stated(), [
      'b/RefreshFailing: b/ayu b/citra',
      'b/StoreWriteFailing: b/budi',
      'pik/RefreshFailing: pik',
    ]);
  });

  it('states nothing about a customer that is gone, whatever its token was like', async () => {
    const { clock, tell, stated } = createBoard(LEADS, lives('pik'), lives('pivot'), fails('pivot'));
    await clock.advance(HOUR_MS);
    assert.deepEqual(stated(), ['pik/TokenExpired: pik', 'pivot/TokenExpired: pivot']);
    tell({ event: 'token-removed', identity: buildIdentity('pivot'), why: 'its secret was deleted' });
    assert.deepEqual(stated(), ['pik/TokenExpired: pik']);
  });

  it('states a skew of the provider until its answers are right again', () => {
    const fetched = sampleEvents['token-fetched'];
    const { stated, tell } = createBoard(LEADS, { ...fetched, clockSkewMs: -312_000 });
    assert.deepEqual(stated(), ['pik/ClockSkew: -']);
    tell({ ...fetched, clockSkewMs: undefined });
    assert.deepEqual(stated(), ['pik/ClockSkew: -']);
    tell(fetched);
    assert.deepEqual(stated(), []);
  });

  it('states a shortage of versions until both secrets of the token have room, over terms', () => {
    const { stated, tell } = createBoard(LEADS, sampleEvents['version-budget-low']);
    tell({ ...sampleEvents['version-budget-exhausted'], target: 'state' });
    tell({ event: 'leadership-lost' }, LEADS, sampleEvents['version-budget-recovered']);
    assert.deepEqual(stated(), ['pik/VersionBudgetLow: pik']);
    tell({ ...sampleEvents['version-budget-recovered'], target: 'state' });
    assert.deepEqual(stated(), []);
  });

  it('states that a token is refused until another one is published, or read', () => {
    const { stated, tell } = createBoard(LEADS, lives('pik'), sampleEvents['token-rejected']);
    assert.deepEqual(stated(), ['pik/TokenRejected: pik']);
    tell({ ...sampleEvents['token-rejected'], outcome: 'replaced', cap: undefined }, lives('pik'));
    assert.deepEqual(stated(), ['pik/TokenRejected: pik'], 'the same token was read again');
    tell(sampleEvents['token-unchanged']);
    assert.deepEqual(stated(), ['pik/TokenRejected: pik']);
    tell(sampleEvents['token-refreshed']);
    assert.deepEqual(stated(), []);
    tell(sampleEvents['token-rejected'], { ...sampleEvents['token-restored'], generation: 99 });
    assert.deepEqual(stated(), []);
  });

  it('states nothing about tokens while it does not lead, and forgets failures of a former term', () => {
    const { stated, tell } = createBoard(lives('pik'), fails('pik'));
    assert.deepEqual(stated(), []);
    tell(LEADS);
    assert.deepEqual(stated(), []);
    tell(fails('pik'), { event: 'leadership-lost' });
    assert.deepEqual(stated(), []);
  });

  it('states NoLeader only while it cannot coordinate for half a minute and does not lead', async () => {
    const { clock, stated, tell } = createBoard(sampleEvents['coordination-failed']);
    await clock.advance(NO_LEADER_AFTER_MS - 1);
    tell({ ...sampleEvents['coordination-failed'], problem: 'another one' });
    assert.deepEqual(stated(), []);
    await clock.advance(1);
    assert.deepEqual(stated(), ['-/NoLeader: -']);
    tell(LEADS);
    assert.deepEqual(stated(), []);
    tell({ event: 'leadership-lost' });
    assert.deepEqual(stated(), ['-/NoLeader: -']);
    tell(sampleEvents['coordination-recovered']);
    assert.deepEqual(stated(), []);
  });

  it('states NoLeader when nobody has been seen to lead, until somebody is', async () => {
    const { clock, stated, tell } = createBoard({ event: 'nobody-leads', problem: 'held', sinceMs: 17_000 });
    await clock.advance(NO_LEADER_AFTER_MS - 17_000 - 1);
    assert.deepEqual(stated(), []);
    await clock.advance(1);
    assert.deepEqual(stated(), ['-/NoLeader: -']);
    tell({ event: 'standing-by', leader: 'z', isOurs: true });
    assert.deepEqual(stated(), []);
    tell({ event: 'nobody-leads', problem: 'held', sinceMs: 60_000 });
    tell(LEADS);
    tell({ event: 'leadership-lost' });
    assert.deepEqual(stated(), []);
  });

  it('states no NoLeader for a write that fails while another replica leads', async () => {
    const { clock, stated } = createBoard({ ...sampleEvents['coordination-failed'], leader: 'z' });
    await clock.advance(HOUR_MS);
    assert.deepEqual(stated(), []);
  });

  for (const { isOurs, name } of [
    { isOurs: false, name: 'another installation' },
    { isOurs: undefined, name: 'somebody who does not say what it keeps' },
  ]) {
    it(`states on a stand-by which tokens nobody refreshes while ${name} leads`, async () => {
      const { clock, stated, tell } = createBoard(
        { event: 'standing-by', leader: 'z', ...(isOurs === undefined ? {} : { isOurs }) },
        { ...sampleEvents['token-absent'], identity: buildIdentity('pik') },
        lives('b/ayu'),
      );
      await clock.advance(120_000 - 1);
      assert.deepEqual(stated(), []);
      await clock.advance(1);
      assert.deepEqual(stated(), ['pik/TokenExpired: pik']);
      await clock.advance(HOUR_MS / 2 + 360_000 - 120_000 - 1);
      assert.deepEqual(stated(), ['pik/TokenExpired: pik']);
      await clock.advance(1);
      assert.deepEqual(stated(), ['b/TokenExpired: b/ayu', 'pik/TokenExpired: pik']);
      tell({ event: 'standing-by', leader: 'y', isOurs: true });
      assert.deepEqual(stated(), []);
    });
  }

  it('leaves it to a leader of its own installation to tell about tokens', async () => {
    const { clock, stated } = createBoard(
      { event: 'standing-by', leader: 'z', isOurs: true },
      { ...sampleEvents['token-absent'], identity: buildIdentity('pik') },
    );
    await clock.advance(HOUR_MS);
    assert.deepEqual(stated(), []);
  });

  it('states one alert for each token that fails, a second one beside a critical cause alone, and no cause for others', () => {
    const token = fc.constantFrom('pik', 'b/ayu', 'b/budi');
    const event = fc.oneof(
      fc.record({ token, code: fc.constantFrom(...FAILURE_CODES) }).map(({ token: name, code }) => ({
        name,
        isFailing: true,
        event: fails(name, code, 'needs-human'),
      })),
      token.map((name) => ({ name, isFailing: false, event: lives(name) })),
    );
    fc.assert(
      fc.property(fc.array(event), fc.nat(3_600_000), (steps, laterMs) => {
        const clock = new FakeClock();
        const board = new TokenBoard(clock);
        board.onEvent(LEADS);
        const failing = new Map<string, boolean>();
        for (const step of steps) {
          board.onEvent(step.event);
          failing.set(step.name, step.isFailing);
        }
        clock.jumpWallTime(laterMs);
        const conditions = findConditions(board, clock);
        for (const [name, isFailing] of failing) {
          const alerts = conditions
            .filter(({ members }) => members.some(({ token: each }) => each === name))
            .map(({ alert }) => alert);
          const isUrgent = (alert: AlertName) => alert === 'TokenExpiring' || alert === 'TokenExpired';
          const own = alerts.filter((alert) => !isUrgent(alert));
          assert.ok(own.length <= 1 && alerts.length - own.length <= 1, alerts.join());
          if (!isFailing) assert.deepEqual(own, []);
          else assert.ok(alerts.length > 0, `${name} fails and nobody is told`);
          if (alerts.length === 2) assert.ok(own.every((cause) => ALERTS[cause].severity === 'critical'));
        }
      }),
    );
  });
});
