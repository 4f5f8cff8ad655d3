import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createEventLog } from '../../../src/adapters/log/event-log.ts';
import { LOG_FIELDS } from '../../../src/adapters/log/log-fields.ts';
import type { RefreshEvent } from '../../../src/core/events.ts';
import { FAILURE_CODES, type FailureCode } from '../../../src/core/failure.ts';
import { captureLog } from '../../support/captured-log.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  allSampleEvents,
  buildFailure,
  buildIdentity,
  NOON_MS,
  sampleEvents,
} from '../../support/sample-events.ts';

const ALWAYS = new Set(['level', 'time', 'event', 'msg']);
const LISTED = new Map<unknown, readonly string[]>(Object.entries(LOG_FIELDS));

function setUp() {
  const clock = new FakeClock(NOON_MS);
  const captured = captureLog(clock);
  const onEvent = createEventLog(captured.log, clock);
  /** Level and event of every line that these events make. */
  const levelsOf = (...events: readonly RefreshEvent[]): readonly string[] => {
    for (const event of events) onEvent(event);
    return captured.takeLines().map((line) => `${String(line['level'])} ${String(line['event'])}`);
  };
  const messageOf = (event: RefreshEvent): unknown => {
    onEvent(event);
    return captured.takeLines()[0]?.['msg'];
  };
  return { clock, captured, onEvent, levelsOf, messageOf };
}

const failed = (changes: Partial<(typeof sampleEvents)['refresh-failed']> = {}) => ({
  ...sampleEvents['refresh-failed'],
  ...changes,
});
const fetched = (changes: Partial<(typeof sampleEvents)['token-fetched']> = {}) => ({
  ...sampleEvents['token-fetched'],
  ...changes,
});

describe('createEventLog', () => {
  for (const event of allSampleEvents) {
    it(`writes one line for ${event.event}, with listed fields only`, () => {
      const { captured, onEvent } = setUp();
      onEvent(event);
      const lines = captured.takeLines();
      assert.equal(lines.length, 1);
      const [line = {}] = lines;
      assert.equal(line['event'], event.event);
      assert.ok(typeof line['msg'] === 'string' && line['msg'].length > 0);
      const listed = LISTED.get(event.event) ?? [];
      assert.deepEqual(
        Object.keys(line).filter((field) => !ALWAYS.has(field) && !listed.includes(field)),
        [],
      );
    });
  }

  it('states every listed field of a failure', () => {
    const { captured, onEvent } = setUp();
    onEvent(failed());
    assert.deepEqual(captured.takeLines()[0], {
      level: 'warn',
      time: '2026-11-21T12:00:00.000Z',
      event: 'refresh-failed',
      token: 'pik',
      provider: 'pik',
      secret: 'payments/pik',
      code: 'provider-unavailable',
      retry: 'backoff',
      attempt: 1,
      repeated: false,
      nextAttemptAt: '2026-11-21T12:00:02.000Z',
      expiresAt: '2026-11-21T12:02:00.000Z',
      msg:
        'pik: token expires 12:02:00 UTC, in 2m 00s; refresh failed (provider-unavailable, attempt 1): ' +
        'https://api.example.com/auth/token answered with status 503; nothing to do but wait; ' +
        'next attempt 12:00:02 UTC, in 2s',
    });
  });

  for (const { name, event, level } of [
    { name: 'the published token is good', event: failed(), level: 'warn' },
    { name: 'the published token has expired', event: failed({ expiresAtMs: NOON_MS }), level: 'error' },
    { name: 'there is no token', event: failed({ expiresAtMs: undefined }), level: 'error' },
    {
      name: 'a human is needed',
      event: failed({ failure: buildFailure({ retry: 'needs-human' }) }),
      level: 'error',
    },
    { name: 'it is repeated', event: failed({ repeated: true, attempt: 2 }), level: 'debug' },
    {
      name: 'it is repeated and a human is needed',
      event: failed({ repeated: true, failure: buildFailure({ retry: 'needs-human' }) }),
      level: 'debug',
    },
    {
      name: 'it is repeated without a token',
      event: failed({ repeated: true, expiresAtMs: undefined }),
      level: 'debug',
    },
  ]) {
    it(`writes a failure as ${level} when ${name}`, () => {
      assert.deepEqual(setUp().levelsOf(event), [`${level} refresh-failed`]);
    });
  }

  for (const { name, event, says } of [
    {
      name: 'that no token is known, which the store may hold all the same',
      event: failed({ expiresAtMs: undefined }),
      says: /no usable token is known;/,
    },
    {
      name: 'since when readers see an expired token',
      event: failed({ expiresAtMs: NOON_MS - 61_000 }),
      says: /token expired 11:58:59 UTC, 1m 01s ago;/,
    },
    {
      name: 'that the token ends before the next attempt',
      event: failed({ nextAttemptAtMs: NOON_MS + 900_000 }),
      says: /token expires 12:02:00 UTC, in 2m 00s, before the next attempt;/,
    },
  ]) {
    it(`says ${name}`, () => {
      assert.match(String(setUp().messageOf(event)), says);
    });
  }

  it('carries every code of a failure', () => {
    const { captured, onEvent } = setUp();
    const codes: readonly FailureCode[] = FAILURE_CODES;
    for (const code of codes) onEvent(failed({ failure: buildFailure({ code }) }));
    assert.deepEqual(
      captured.takeLines().map((line) => line['code']),
      codes,
    );
  });

  it('writes one more error when the expiry passes while a failure repeats, and only one', async () => {
    const { clock, levelsOf } = setUp();
    const again = failed({ repeated: true });
    assert.deepEqual(levelsOf(failed(), again), ['warn refresh-failed', 'debug refresh-failed']);
    await clock.advance(120_000);
    assert.deepEqual(levelsOf(again, again, again), [
      'error token-expired',
      'debug refresh-failed',
      'debug refresh-failed',
    ]);
  });

  it('reports the next expiry again after a recovery', async () => {
    const { clock, levelsOf } = setUp();
    await clock.advance(120_000);
    assert.deepEqual(levelsOf(failed()), ['error refresh-failed']);
    const expiresAtMs = clock.now() + 60_000;
    levelsOf({ ...sampleEvents['token-refreshed'], expiresAtMs });
    await clock.advance(30_000);
    assert.deepEqual(levelsOf(failed({ expiresAtMs })), ['warn refresh-failed']);
    await clock.advance(30_000);
    assert.deepEqual(levelsOf(failed({ expiresAtMs, repeated: true })), ['error token-expired']);
  });

  it('reports once what a stand-by finds expired again and again, however long ago by then', () => {
    const { levelsOf } = setUp();
    const expired = { issuedAtMs: 0, expiresAtMs: NOON_MS, refreshAtMs: 0, generation: 7 };
    const [first, second] = ['expired 5s ago', 'expired 5m 05s ago'].map((why) => ({
      ...sampleEvents['token-absent'],
      why,
      expired,
    }));
    assert.ok(first !== undefined && second !== undefined);
    assert.deepEqual(levelsOf(first, second), ['info token-absent', 'debug token-absent']);
  });

  it('keeps the expiries of two tokens apart', async () => {
    const { clock, levelsOf } = setUp();
    await clock.advance(120_000);
    const other = failed({ repeated: true, identity: buildIdentity('apimw') });
    assert.deepEqual(levelsOf(failed({ repeated: true }), other), [
      'error token-expired',
      'error token-expired',
    ]);
  });

  it('leaves a failed fetch and a failed write to the line of the refresh', () => {
    const { levelsOf } = setUp();
    const failure = buildFailure();
    assert.deepEqual(levelsOf(fetched({ failure }), { ...sampleEvents['secret-written'], failure }), [
      'debug token-fetched',
      'debug secret-written',
    ]);
  });

  it("warns of an answer's notes once, and again when they change", () => {
    const { levelsOf } = setUp();
    const odd = fetched({ notes: ['expiresIn missing, assumed 30m'] });
    assert.deepEqual(levelsOf(odd, odd, fetched(), odd), [
      'warn token-fetched',
      'debug token-fetched',
      'debug token-fetched',
      'warn token-fetched',
    ]);
  });

  it("warns of a provider's skewed clock once, and again after it was right", () => {
    const { levelsOf, messageOf } = setUp();
    const skewed = fetched({ clockSkewMs: -75_000 });
    assert.match(String(messageOf(skewed)), /the provider's clock is 1m 15s behind ours/);
    assert.deepEqual(levelsOf(skewed, fetched({ clockSkewMs: undefined }), skewed), [
      'debug token-fetched',
      'debug token-fetched',
      'debug token-fetched',
    ]);
    assert.deepEqual(levelsOf(fetched({ clockSkewMs: 0 }), skewed), [
      'debug token-fetched',
      'warn token-fetched',
    ]);
  });

  it('says once why versions cannot be counted, whichever token it is', () => {
    const { levelsOf, messageOf } = setUp();
    const failure = buildFailure({
      code: 'store-denied',
      message: 'grant secretsmanager:ListSecretVersionIds',
    });
    const denied = { ...sampleEvents['secret-versions-counted'], agesMs: [], failure };
    assert.match(
      String(messageOf(denied)),
      /only those of this process are: grant secretsmanager:ListSecretVersionIds$/,
    );
    assert.deepEqual(levelsOf(denied, { ...denied, identity: buildIdentity('apimw') }), [
      'debug secret-versions-counted',
      'debug secret-versions-counted',
    ]);
  });

  for (const { name, event, says } of [
    {
      name: 'that the alert comes before the wall',
      event: sampleEvents['version-budget-low'],
      says: /secret payments\/pik got 123 versions in 24 hours, of 144; refreshes are delayed as far as readers allow/,
    },
    {
      name: 'that tokens are written all the same',
      event: sampleEvents['version-budget-exhausted'],
      says: /tokens are written all the same, because an expired one is worse/,
    },
    {
      name: 'that the store bears less than the budget',
      event: { ...sampleEvents['version-budget-exhausted'], versions: 100 },
      says: /the store refuses more all the same: set versionBudget to what it bears/,
    },
  ]) {
    it(`says of a version budget ${name}`, () => {
      assert.match(String(setUp().messageOf(event)), says);
    });
  }

  it('calls for attention as soon as the store is full', () => {
    const failure = buildFailure({ code: 'store-quota' });
    assert.deepEqual(setUp().levelsOf(failed({ failure })), ['error refresh-failed']);
  });

  it('tells a receiver of alerts that cannot be told once, and repetitions quietly', () => {
    const { levelsOf, messageOf } = setUp();
    const failure = buildFailure({ message: 'slack answered with status 404' });
    const failing = { ...sampleEvents['alert-sent'], failure };
    assert.deepEqual(levelsOf(failing, { ...failing, repeated: true }), [
      'error alert-sent',
      'debug alert-sent',
    ]);
    assert.equal(
      messageOf(failing),
      'TokenExpired could not be sent to slack: slack answered with status 404',
    );
  });

  it('survives times that no date can hold', () => {
    const { captured, onEvent } = setUp();
    onEvent(failed({ expiresAtMs: Number.NaN, nextAttemptAtMs: Number.POSITIVE_INFINITY }));
    assert.equal(captured.takeLines().length, 1);
  });
});
