import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ConditionMember } from '../../src/alerts/alert-conditions.ts';
import type { Transition } from '../../src/alerts/alert-groups.ts';
import { buildNotification, buildTestNotification } from '../../src/alerts/alert-text.ts';
import { ALERT_NAMES, ALERTS, OCCASIONS } from '../../src/core/alert.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import { NOON_MS } from '../support/sample-events.ts';

const SETTINGS = { source: 'payments', runbookUrl: 'https://wiki.example.com/runbook' };

function member(token: string, changes: Partial<ConditionMember> = {}): ConditionMember {
  return {
    token,
    code: 'provider-unavailable',
    detail: 'POST https://api.example.com/token answered with status 503',
    expiresAtMs: NOON_MS + 60_000,
    ...changes,
  };
}

function build(changes: Partial<Transition>) {
  return buildNotification(
    {
      occasion: 'fired',
      alert: 'RefreshFailing',
      provider: 'pik',
      members: [member('pik')],
      startedAtMs: NOON_MS - 5_000,
      lastedMs: 5_000,
      ...changes,
    },
    SETTINGS,
    NOON_MS,
  );
}

describe('buildNotification', () => {
  it('says what is wrong where, until when readers are fine, why, and what to do', () => {
    assert.deepEqual(build({}), {
      occasion: 'fired',
      status: 'firing',
      key: 'payments/pik/RefreshFailing',
      alert: 'RefreshFailing',
      severity: 'warning',
      source: 'payments',
      provider: 'pik',
      tokenCount: 1,
      tokens: ['pik'],
      codes: { 'provider-unavailable': 1 },
      summary: 'pik: refreshes fail, readers still have a good token',
      description:
        'readers are fine until 2026-11-21T12:01:00Z (1m 00s); provider-unavailable: POST ' +
        'https://api.example.com/token answered with status 503',
      action: ALERTS.RefreshFailing.action,
      runbook: 'https://wiki.example.com/runbook#refreshfailing',
      startedAtMs: NOON_MS - 5_000,
      atMs: NOON_MS,
      lastedMs: 5_000,
    });
  });

  it('makes one line of 214 customers, with the codes counted and some of them named', () => {
    const members = Array.from({ length: 214 }, (_, index) =>
      member(`pivot-b2b2c/c${index}`, {
        expiresAtMs: NOON_MS - 1_000 * index,
        ...(index < 3 ? { code: 'rate-limited', detail: 'slow down' } : {}),
      }),
    );
    const { summary, description, tokens, tokenCount, codes } = build({ provider: 'pivot-b2b2c', members });
    assert.equal(summary, 'pivot-b2b2c: 214 customers: refreshes fail, readers still have a good token');
    assert.equal(
      description,
      'readers have seen an expired token since 2026-11-21T11:56:27Z (3m 33s); 211 x provider-unavailable: POST ' +
        'https://api.example.com/token answered with status 503; 3 x rate-limited: slow down; tokens: pivot-b2b2c/c0, ' +
        'pivot-b2b2c/c1, pivot-b2b2c/c2, pivot-b2b2c/c3, pivot-b2b2c/c4, pivot-b2b2c/c5, pivot-b2b2c/c6, ' +
        'pivot-b2b2c/c7, pivot-b2b2c/c8, pivot-b2b2c/c9 and 204 more',
    );
    assert.equal(tokenCount, 214);
    assert.equal(tokens.length, 10);
    assert.deepEqual(codes, { 'rate-limited': 3, 'provider-unavailable': 211 });
  });

  it('says how long it lasted when it is over', () => {
    const { status, summary, description, action } = build({ occasion: 'recovered', lastedMs: 245_000 });
    assert.equal(status, 'resolved');
    assert.equal(summary, 'recovered: pik: refreshes fail, readers still have a good token');
    assert.equal(description, 'it lasted 4m 05s');
    assert.equal(action, 'nothing');
  });

  it('names the file when no runbook is configured', () => {
    const { runbook } = buildTestNotification({ source: 'payments', runbookUrl: undefined }, NOON_MS);
    assert.equal(runbook, 'docs/runbook.md#alerttest');
  });

  it('stays short, whatever fails with whatever words', () => {
    const anyMember = fc.record({
      token: fc.option(fc.string({ minLength: 1, maxLength: 127 }), { nil: undefined }),
      code: fc.option(fc.constantFrom(...FAILURE_CODES), { nil: undefined }),
      detail: fc.option(fc.string({ maxLength: 2_000 }), { nil: undefined }),
      expiresAtMs: fc.option(fc.double({ noNaN: true }), { nil: undefined }),
    });
    const occasion = fc.constantFrom(...OCCASIONS.filter((each) => each !== 'test'));
    fc.assert(
      fc.property(
        occasion,
        fc.constantFrom(...ALERT_NAMES),
        fc.array(anyMember, { maxLength: 50 }),
        (each, alert, members) => {
          const { summary, description, key } = build({ occasion: each, alert, members });
          assert.ok(summary.length <= 300);
          assert.ok(description.length <= 4_000, `${description.length}`);
          assert.ok(key.length <= 255);
        },
      ),
    );
  });
});
