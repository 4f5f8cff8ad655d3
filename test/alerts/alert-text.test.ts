import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { ConditionMember } from '../../src/alerts/alert-conditions.ts';
import type { Transition } from '../../src/alerts/alert-groups.ts';
import { buildNotification, buildTestNotification } from '../../src/alerts/alert-text.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import { ALERT_NAMES, OCCASIONS } from '../../src/core/alert.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { buildFailure, buildIdentity, NOON_MS, sampleEvents } from '../support/sample-events.ts';
import { notificationsOf, SCENES, writeTexts } from './alert-text-cases.ts';

const OWN_PAGES = {
  source: 'payments',
  runbookUrl: undefined,
  ownUrl: 'http://localhost:8080',
  ownUrlHint: 'The link works while this runs: kubectl port-forward pod/a 8080',
};

function createBoard(): TokenBoard {
  const board = new TokenBoard(new FakeClock());
  board.onEvent({ event: 'leadership-acquired' });
  board.onEvent(sampleEvents['token-restored']);
  board.onEvent(sampleEvents['refresh-failed']);
  return board;
}

const { code, message: detail } = buildFailure();
const TRANSITION: Transition = {
  occasion: 'fired',
  alert: 'RefreshFailing',
  provider: 'pik',
  members: [{ token: 'pik', code, detail }],
  startedAtMs: NOON_MS - 5_000,
  lastedMs: 5_000,
  isQuiet: false,
};

function build(changes: Partial<Transition> = {}, settings: Partial<typeof OWN_PAGES> | object = {}) {
  return buildNotification(
    { ...TRANSITION, ...changes },
    { ...OWN_PAGES, ...settings },
    createBoard(),
    NOON_MS,
  );
}

describe('the texts of alerts', () => {
  it('are those of alert-texts.md, for every state', async () => {
    assert.equal(
      await writeTexts(),
      readFileSync(new URL('alert-texts.md', import.meta.url), 'utf8'),
      'node test/alerts/alert-text-cases.ts > test/alerts/alert-texts.md, and read the difference',
    );
  });

  it('cover every alert, every code and every way in which an alert goes on or ends', async () => {
    const all = (await Promise.all(SCENES.map(notificationsOf))).flat();
    const seen = (values: readonly string[]) => new Set(values);
    assert.deepEqual(seen(all.map(({ alert }) => alert)), new Set(ALERT_NAMES));
    assert.deepEqual(seen(all.flatMap(({ codes }) => Object.keys(codes))), new Set(FAILURE_CODES));
    const occasions = OCCASIONS.filter((each) => each !== 'test' && each !== 'grew');
    assert.deepEqual(seen(all.map(({ occasion }) => occasion)), new Set(occasions));
  });

  for (const scene of SCENES) {
    it(`say one thing of each token, and until when its readers are fine: ${scene.title}`, async () => {
      const told = await notificationsOf(scene);
      assert.ok(told.length > 0);
      const tokens = told.flatMap((each) => each.tokens);
      assert.equal(new Set(tokens).size, tokens.length);
      for (const { summary, action } of told) {
        assert.match(
          summary,
          /expires \d\d:\d\d:\d\d UTC, in|no valid token since|expired, (?:the first )?at|no token is published|not known whether/,
        );
        assert.doesNotMatch(action, /failure code/);
      }
    });
  }
});

describe('buildNotification', () => {
  it('hands receivers who is concerned, with which codes, and where to read on', () => {
    const { summary, description, action, ...rest } = build();
    assert.equal(
      summary,
      'pik: refreshes fail (provider-unavailable); token expires 12:02:00 UTC, in 2m 00s',
    );
    assert.match(description, /^Failing since 12:00:00 UTC \(0s\)\.\nprovider-unavailable: https:/);
    assert.match(action, /^ask the operators of pik/);
    assert.deepEqual(rest, {
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
      runbook: 'http://localhost:8080/runbook/RefreshFailing',
      startedAtMs: NOON_MS - 5_000,
      atMs: NOON_MS,
      lastedMs: 5_000,
    });
  });

  it("says how to reach the daemon's own page, and nothing of it when a runbook is configured or all is over", () => {
    const lastLine = (text: string) => text.split('\n').at(-1);
    assert.equal(lastLine(build().description), OWN_PAGES.ownUrlHint);
    const own = { runbookUrl: 'https://wiki.example.com/runbook' };
    assert.equal(build({}, own).runbook, 'https://wiki.example.com/runbook#refreshfailing');
    assert.doesNotMatch(build({}, own).description, /kubectl/);
    assert.doesNotMatch(build({ occasion: 'recovered', isQuiet: true }).description, /kubectl/);
    const test = buildTestNotification(OWN_PAGES, NOON_MS);
    assert.equal(test.runbook, 'http://localhost:8080/runbook/AlertTest');
    assert.equal(lastLine(test.description), OWN_PAGES.ownUrlHint);
  });

  it('says nothing of a customer who is gone meanwhile', () => {
    const members = ['pik', 'pik/gone'].map((token) => ({ token, code, detail }));
    const { summary } = build({ occasion: 'recovered', members });
    assert.equal(summary, 'pik: recovered: 2 tokens refreshed again; token expires 12:02:00 UTC, in 2m 00s');
  });

  it('stays short, whatever fails with whatever words', () => {
    const anyMember: fc.Arbitrary<ConditionMember> = fc.record({
      token: fc.option(fc.oneof(fc.constant('pik'), fc.string({ minLength: 1, maxLength: 127 })), {
        nil: undefined,
      }),
      code: fc.option(fc.constantFrom(...FAILURE_CODES), { nil: undefined }),
      detail: fc.option(fc.string({ maxLength: 2_000 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...OCCASIONS.filter((each) => each !== 'test')),
        fc.constantFrom(...ALERT_NAMES),
        fc.array(anyMember, { maxLength: 50 }),
        fc.double({ noNaN: true }),
        fc.boolean(),
        (occasion, alert, members, expiresAtMs, isQuiet) => {
          const board = createBoard();
          board.onEvent({ ...sampleEvents['token-restored'], identity: buildIdentity('pik/a'), expiresAtMs });
          const transition = { ...TRANSITION, occasion, alert, members, isQuiet };
          const { summary, description, action, key } = buildNotification(
            transition,
            OWN_PAGES,
            board,
            NOON_MS,
          );
          assert.ok(summary.length <= 300);
          assert.ok(description.length <= 4_000, `${description.length}`);
          assert.ok(action.length <= 1_000);
          assert.ok(key.length <= 255);
        },
      ),
    );
  });
});
