import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { findConditions } from '../../src/alerts/alert-conditions.ts';
import type { Transition } from '../../src/alerts/alert-groups.ts';
import { buildNotification, buildTestNotification } from '../../src/alerts/alert-text.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import { ALERT_NAMES, OCCASIONS } from '../../src/core/alert.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import { FAILURE_CODES, type FailureCode, type Retry } from '../../src/core/failure.ts';
import { assessReaders, describeOutlook } from '../../src/core/readers-outlook.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fc } from '../support/property.ts';
import { buildFailure, buildIdentity, NOON_MS, sampleEvents } from '../support/sample-events.ts';

const SETTINGS = {
  source: 'payments',
  runbookUrl: 'https://wiki.example.com/runbook',
  ownUrl: 'http://localhost:8080',
  ownUrlHint: "the runbook's link works while this runs: kubectl port-forward pod/a 8080",
};
const LEADS: RefreshEvent = { event: 'leadership-acquired' };

/** Tokens live for half an hour and are refreshed two minutes before their end. */
const LIFE_MS = 1_800_000;
const MARGIN_MS = 120_000;

/** What the store holds when the refreshes fail, and how long before the end of the token, which is at 12:30, that is looked at. */
const READERS = [
  ['good', 110_000],
  ['about to expire', 40_000],
  ['expired', -150_000],
  ['absent', 100_000],
  ['not read', 100_000],
] as const;
type Readers = (typeof READERS)[number][0];

function failing(token: string, code: FailureCode, retry: Retry, readers: Readers): readonly RefreshEvent[] {
  const identity = buildIdentity(token);
  const failure = buildFailure({ code, retry, message: `what was said about ${code}` });
  const known: RefreshEvent[] =
    readers === 'not read'
      ? []
      : readers === 'absent'
        ? [{ event: 'token-absent', identity, why: 'no value yet' }]
        : [{ ...sampleEvents['token-restored'], identity }];
  const failed = {
    ...sampleEvents['refresh-failed'],
    identity,
    failure,
    expiresAtMs: known[0]?.event === 'token-restored' ? NOON_MS + LIFE_MS : undefined,
  };
  return [...known, failed];
}

/** A board to which that has happened, when it has lasted until the readers are as said. */
async function happen(events: readonly RefreshEvent[], leftMs: number, isLeader = true) {
  const clock = new FakeClock();
  const board = new TokenBoard(clock);
  await clock.advance(LIFE_MS - MARGIN_MS);
  if (isLeader) board.onEvent(LEADS);
  const nextAttemptAtMs = NOON_MS + LIFE_MS - leftMs + 12_000;
  for (const event of events)
    board.onEvent(event.event === 'refresh-failed' ? { ...event, nextAttemptAtMs } : event);
  await clock.advance(MARGIN_MS - leftMs);
  return { clock, board };
}

function write({ clock, board }: Awaited<ReturnType<typeof happen>>, occasion: Transition['occasion']) {
  return findConditions(board, clock).map((condition) => {
    const transition = { ...condition, occasion, startedAtMs: clock.now() - 5000, lastedMs: 5000 };
    return buildNotification(transition, SETTINGS, board, clock.now());
  });
}

async function describeTexts(
  title: string,
  events: readonly RefreshEvent[],
  leftMs: number,
  isLeader = true,
): Promise<string> {
  const texts = write(await happen(events, leftMs, isLeader), 'fired').map(
    ({ alert, severity, summary, description, action }) =>
      [`${alert} (${severity})`, summary, ...description.split('\n'), `do: ${action}`].join('\n    '),
  );
  return `${title}\n  ${texts.join('\n  ')}\n`;
}

const CODES: readonly (readonly [FailureCode, Retry])[] = [
  ['credentials-rejected', 'needs-human'],
  ['request-rejected', 'needs-human'],
  ['rate-limited', 'backoff'],
  ['provider-unavailable', 'backoff'],
  ['response-malformed', 'backoff'],
  ['token-unchanged', 'soon'],
  ['clock-skewed', 'backoff'],
  ['chain-broken', 'needs-human'],
  ['chain-broken', 'soon'],
  ['store-denied', 'needs-human'],
  ['store-denied', 'backoff'],
  ['store-missing', 'needs-human'],
  ['store-not-ours', 'needs-human'],
  ['store-deleting', 'needs-human'],
  ['store-quota', 'backoff'],
  ['store-conflict', 'soon'],
  ['store-unavailable', 'backoff'],
  ['leadership-lost', 'soon'],
  ['aborted', 'soon'],
];

/** Every alert in every state, as people read it. */
async function describeAllTexts(): Promise<string> {
  const texts: string[] = [];
  for (const [code, retry] of CODES) {
    for (const [readers, leftMs] of READERS)
      texts.push(
        await describeTexts(
          `${code}, ${retry}; readers' token: ${readers}`,
          failing('pik', code, retry, readers),
          leftMs,
        ),
      );
  }
  const many = Array.from({ length: 2000 }, (_, index) => `b2b2c/c${index}`);
  const others = Array.from({ length: 5 }, (_, index) => ({
    ...sampleEvents['token-restored'],
    identity: buildIdentity(`b2b2c/good${index}`),
  }));
  const down = many.flatMap((token, index) =>
    failing(
      token,
      index < 3 ? 'rate-limited' : 'provider-unavailable',
      'backoff',
      index < 20 ? 'absent' : 'good',
    ),
  );
  texts.push(
    await describeTexts('a provider is down for 2,000 of its 2,005 customers', [...down, ...others], 100_000),
    await describeTexts('the same, when they have expired', [...down, ...others], -150_000),
    await describeTexts(
      'nothing fails, and the token has expired',
      [sampleEvents['token-restored']],
      -150_000,
    ),
    await describeTexts(
      'versions are short',
      [sampleEvents['token-restored'], sampleEvents['version-budget-low']],
      100_000,
    ),
    await describeTexts(
      'a token that was fetched for reports is refused as well',
      [sampleEvents['token-restored'], sampleEvents['token-rejected']],
      100_000,
    ),
    await describeTexts(
      'the provider hands out the refused token again',
      [sampleEvents['token-restored'], { ...sampleEvents['token-rejected'], cap: 'same-again' }],
      100_000,
    ),
    await describeTexts(
      "the provider's clock is wrong",
      [sampleEvents['token-restored'], { ...sampleEvents['token-fetched'], clockSkewMs: -312_000 }],
      100_000,
    ),
    await describeTexts(
      'nobody leads',
      [
        sampleEvents['token-restored'],
        { event: 'nobody-leads', problem: 'https://10.0.0.1 does not answer', sinceMs: 60_000 },
      ],
      100_000,
      false,
    ),
    await describeTexts(
      'another installation leads, and readers have no token',
      [{ event: 'standing-by', leader: 'payments-7d4f', isOurs: false }, sampleEvents['token-restored']],
      -400_000,
      false,
    ),
  );
  return texts.join('\n');
}

/** Written by `node --test --test-update-snapshots test/alerts/alert-text.test.ts`: read the difference before it is committed. */
const TEXTS = fileURLToPath(new URL('alert-texts.txt', import.meta.url));

describe('buildNotification', () => {
  it('says in every state what is wrong where, until when readers are fine, and what to do', async (t) => {
    t.assert.fileSnapshot(await describeAllTexts(), TEXTS, { serializers: [String] });
  });

  it('says nothing of a good token that nobody has, and nothing of none where there is one', async () => {
    for (const [code, retry] of CODES)
      for (const [readers, leftMs] of READERS)
        for (const { summary } of write(
          await happen(failing('pik', code, retry, readers), leftMs),
          'fired',
        )) {
          assert.equal(/token expires/.test(summary), readers === 'good' || readers === 'about to expire');
          assert.equal(/token expired/.test(summary), readers === 'expired');
          assert.equal(/no usable token in the store/.test(summary), readers === 'absent');
          assert.equal(/not read yet/.test(summary), readers === 'not read');
        }
  });

  it('hands over what programs need', async () => {
    const [notification] = write(
      await happen(failing('pik', 'provider-unavailable', 'backoff', 'good'), 100_000),
      'fired',
    );
    const { summary: _, description: __, action: ___, ...rest } = notification ?? {};
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
      runbook: 'https://wiki.example.com/runbook#refreshfailing',
      startedAtMs: NOON_MS + 1_695_000,
      atMs: NOON_MS + 1_700_000,
      lastedMs: 5000,
    });
  });

  it('says when it is over how long it lasted, and until when readers are fine now', async () => {
    const world = await happen(failing('pik', 'provider-unavailable', 'backoff', 'good'), 100_000);
    const [condition] = findConditions(world.board, world.clock);
    assert.ok(condition);
    const tell = (occasion: Transition['occasion']) =>
      buildNotification(
        { ...condition, occasion, startedAtMs: NOON_MS, lastedMs: 245_000 },
        SETTINGS,
        world.board,
        world.clock.now(),
      );
    const over = tell('recovered');
    assert.equal(over.status, 'resolved');
    assert.equal(
      over.summary,
      'recovered: pik: refreshes succeed again; token expires 12:30:00 UTC, in 1m 40s',
    );
    assert.equal(over.description, 'it lasted 4m 05s');
    assert.equal(over.action, 'nothing');
    assert.equal(
      tell('superseded').summary,
      'changed: pik: another alert about the same tokens takes the place of "refreshes fail"; token expires 12:30:00 UTC, in 1m 40s',
    );
    world.board.onEvent({
      event: 'token-removed',
      identity: buildIdentity(),
      why: 'its binding was deleted',
    });
    assert.equal(tell('recovered').summary, 'recovered: pik: not managed any more');
  });

  it('counts tokens that are not managed any more beside those that are', async () => {
    const names = ['acme/a', 'acme/b', 'acme/c', 'acme/d', 'acme/e'];
    const events = names.map((token) => ({
      ...sampleEvents['token-absent'],
      identity: { ...buildIdentity(token), provider: 'acme' },
    }));
    const { board, clock } = await happen(events, 100_000);
    const over = (alert: Transition['alert'], provider: string | undefined, tokens: readonly string[]) =>
      buildNotification(
        {
          occasion: 'recovered',
          alert,
          provider,
          members: tokens.map((token) => ({ token, failure: undefined, detail: undefined })),
          startedAtMs: NOON_MS,
          lastedMs: 5000,
        },
        SETTINGS,
        board,
        clock.now(),
      ).summary;
    const remove = (token: string) =>
      board.onEvent({
        event: 'token-removed',
        identity: { ...buildIdentity(token), provider: 'acme' },
        why: 'its binding was deleted',
      });
    for (const token of ['acme/a', 'acme/b', 'acme/c']) remove(token);
    assert.equal(
      over('RefreshFailing', 'acme', ['acme/a', 'acme/b', 'acme/c']),
      'recovered: acme: 3 of 5 tokens: not managed any more',
    );
    for (const token of ['acme/d', 'acme/e']) remove(token);
    assert.equal(
      over('RefreshFailing', 'acme', ['acme/d', 'acme/e']),
      'recovered: acme: all 2 tokens: not managed any more',
    );
    assert.equal(over('NoLeader', undefined, []), 'recovered: this replica leads again, or sees who does');
  });

  it('counts one in the singular', async () => {
    const [one, ...others] = ['acme/a', 'acme/b', 'acme/c', 'acme/d'];
    const identity = (token = '') => ({ ...buildIdentity(token), provider: 'acme' });
    const codes = ['request-rejected', 'rate-limited', 'provider-unavailable', 'response-malformed'] as const;
    const events = [one, ...others].map((token, index) => ({
      ...sampleEvents['refresh-failed'],
      identity: identity(token),
      failure: buildFailure({
        code: codes[index] ?? 'aborted',
        retry: index === 0 ? ('needs-human' as const) : ('backoff' as const),
        message: 'said',
      }),
    }));
    const [notification] = write(await happen(events, 100_000), 'fired');
    assert.match(notification?.description ?? '', /; 1 token waits for a person\n/);
    assert.match(notification?.description ?? '', /\nand 1 other cause\n/);
    assert.equal(
      describeOutlook(
        assessReaders(
          [NOON_MS - 4000, NOON_MS + 4000].map((expiresAtMs) => ({
            readable: {
              kind: 'published',
              issuedAtMs: undefined,
              expiresAtMs,
              refreshAtMs: expiresAtMs,
              generation: undefined,
              latest: 'restored',
            },
          })),
          NOON_MS,
        ),
        NOON_MS,
      ),
      '1 of 2 tokens expired 11:59:56 UTC, 4s ago; the next expires 12:00:04 UTC, in 4s',
    );
  });

  it("leads to the daemon's own page when no runbook is configured, and says how to reach it", () => {
    const own = { ...SETTINGS, runbookUrl: undefined };
    const test = buildTestNotification(own, NOON_MS);
    assert.equal(test.runbook, 'http://localhost:8080/runbook/AlertTest');
    assert.equal(test.description.split('\n').at(-1), SETTINGS.ownUrlHint);
    const { description } = buildTestNotification({ ...own, ownUrlHint: undefined }, NOON_MS);
    assert.doesNotMatch(description, /kubectl/);
    assert.doesNotMatch(buildTestNotification(SETTINGS, NOON_MS).description, /kubectl/);
  });

  it('stays short, whatever fails with whatever words', () => {
    const anyMember = fc.record({
      token: fc.option(fc.string({ minLength: 1, maxLength: 127 }), { nil: undefined }),
      failure: fc.option(
        fc.record({
          code: fc.constantFrom(...FAILURE_CODES),
          retry: fc.constantFrom('soon', 'backoff', 'needs-human'),
          message: fc.string({ maxLength: 2_000 }),
          sinceMs: fc.double({ noNaN: true }),
          attempts: fc.nat(),
          nextAttemptAtMs: fc.double({ noNaN: true }),
        }),
        { nil: undefined },
      ),
      detail: fc.option(fc.record({ text: fc.string({ maxLength: 2_000 }) }), { nil: undefined }),
    });
    const occasion = fc.constantFrom(...OCCASIONS.filter((each) => each !== 'test'));
    fc.assert(
      fc.property(
        occasion,
        fc.constantFrom(...ALERT_NAMES),
        fc.array(anyMember, { maxLength: 50 }),
        (each, alert, members) => {
          const { summary, description, key } = buildNotification(
            { occasion: each, alert, provider: 'pik', members, startedAtMs: NOON_MS, lastedMs: 5000 },
            SETTINGS,
            new TokenBoard(new FakeClock()),
            NOON_MS,
          );
          assert.ok(summary.length <= 300);
          assert.ok(description.length <= 4_000, `${description.length}`);
          assert.ok(key.length <= 255);
        },
      ),
    );
  });

  it('cuts a long summary where it says least: until when readers are fine stays', async () => {
    const events = failing('p'.repeat(400), 'provider-unavailable', 'backoff', 'good');
    const [text] = write(await happen(events, 110_000), 'fired');
    assert.equal(text?.summary.length, 300);
    assert.match(text?.summary ?? '', /^p+…; .*expires 12:30:00 UTC, in 1m 50s$/);
  });
});
