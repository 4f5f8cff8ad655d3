import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SecretText } from '../../../src/core/secret-text.ts';
import { decideExpiry, type ExpiryEvidence, readRefreshTokenExpiry } from '../../../src/core/token/expiry.ts';
import { MAX_LIFETIME_MS, MIN_LIFETIME_MS } from '../../../src/core/token/expiry-value.ts';
import { jsonWebToken } from '../../support/json-web-token.ts';
import { fc } from '../../support/property.ts';

const SENT_MS = Date.UTC(2026, 10, 21, 12);
const OPAQUE = new SecretText('an-opaque-token');

function evidence(given: Partial<ExpiryEvidence>): ExpiryEvidence {
  return {
    endpoint: 'POST https://api.example.com/token answered 200',
    field: 'expiresIn',
    value: 900,
    accessToken: OPAQUE,
    others: [],
    documentedLifetimeSeconds: 900,
    configuredLifetimeSeconds: given.documentedLifetimeSeconds ?? 900,
    sentAtMs: SENT_MS,
    receivedAtMs: SENT_MS + 80,
    clockSkewMs: 0,
    ageMs: 0,
    ...given,
  };
}

function jwt(expAfterSeconds: number, iatAfterSeconds?: number): SecretText {
  const nowSeconds = SENT_MS / 1000;
  const iat = iatAfterSeconds === undefined ? {} : { iat: nowSeconds + iatAfterSeconds };
  return new SecretText(jsonWebToken({ exp: nowSeconds + expAfterSeconds, ...iat }));
}

function ownExp(exp: unknown): SecretText {
  return new SecretText(jsonWebToken({ exp }));
}

function notBefore(afterSeconds: number): SecretText {
  return new SecretText(jsonWebToken({ exp: SENT_MS / 1000 + 900, nbf: SENT_MS / 1000 + afterSeconds }));
}

const OWN_300 = "the token's own exp is 10m before expiresIn, took exp";
const NAIVE_UTC = 'expiresIn has no time zone, read as UTC';
const NAIVE_ELSEWHERE = 'expiresIn has no time zone, read in the one that fits and ends soonest';

function iso(afterSeconds: number): string {
  return new Date(SENT_MS + afterSeconds * 1000).toISOString();
}

describe('the expiry of a token', () => {
  const decided: readonly (readonly [string, Partial<ExpiryEvidence>, number, readonly string[]])[] = [
    ['counts from the moment before the request was sent', { value: 900 }, 900, []],
    ['takes numeric text', { value: '900' }, 900, []],
    ['takes an epoch under the name of a duration', { value: SENT_MS / 1000 + 900 }, 900, []],
    ['takes epoch milliseconds', { value: String(SENT_MS + 900_000) }, 900, []],
    [
      'takes milliseconds where seconds would be absurdly long',
      { value: 900_000 },
      900,
      ['expiresIn read as milliseconds'],
    ],
    ['takes ISO with an offset', { value: '2026-11-21T19:15:00+07:00' }, 900, []],
    ['may differ from the documented lifetime', { value: 7200 }, 7200, []],
    ['falls back to the documented lifetime', { value: undefined }, 900, ['expiresIn missing, assumed 15m']],
    [
      "falls back to the token's own exp first",
      { value: undefined, accessToken: jwt(600, 0) },
      600,
      ["expiresIn missing, took the token's own exp"],
    ],
    [
      "is the token's own exp when that is earlier",
      { accessToken: jwt(600, 0) },
      600,
      ["the token's own exp is 5m before expiresIn, took exp"],
    ],
    ['is the stated one when that is earlier', { accessToken: jwt(7200, 0) }, 900, []],
    [
      "takes a token's own exp that is text",
      { accessToken: ownExp(String(SENT_MS / 1000 + 300)) },
      300,
      [OWN_300],
    ],
    [
      "takes a token's own exp that is in milliseconds",
      { accessToken: ownExp(SENT_MS + 300_000) },
      300,
      [OWN_300],
    ],
    ["takes a token's own exp that is an ISO time", { accessToken: ownExp(iso(300)) }, 300, [OWN_300]],
    [
      "takes a token's own exp that has a fraction",
      { accessToken: ownExp(SENT_MS / 1000 + 300.25) },
      300.25,
      [OWN_300],
    ],
    ["ignores a token's own exp in the year 9999", { accessToken: ownExp(253_402_300_799) }, 900, []],
    ["ignores a token's own exp that is no time", { accessToken: ownExp('later') }, 900, []],
    [
      'ignores an exp in another claim',
      { accessToken: new SecretText(jsonWebToken({ data: { exp: 1 } })) },
      900,
      [],
    ],
    ['takes an opaque token with dots for no JWT', { accessToken: new SecretText('a.b.c') }, 900, []],
    ['takes a JWE for no JWT', { accessToken: new SecretText(`${jwt(-10).reveal()}.x.y`) }, 900, []],
    ["ignores a token's own nbf that is a moment ahead", { accessToken: notBefore(30) }, 900, []],
    ['is what hours say where days were meant', { value: '00:15:00' }, 900, []],
    ['is what milliseconds say', { value: 300_000 }, 300, ['expiresIn read as milliseconds']],
    ['is what an hour of milliseconds says', { value: '3600000' }, 3600, ['expiresIn read as milliseconds']],
    ['is what is left of a day in seconds', { value: 86_399 }, 86_399, []],
    ['is what is left of half a day in seconds', { value: '43199' }, 43_199, []],
    ['is what is left of milliseconds', { value: 899_873 }, 899.873, ['expiresIn read as milliseconds']],
    [
      'is what a whole number of minutes in milliseconds says',
      { value: 60_000 },
      60,
      ['expiresIn read as milliseconds'],
    ],
    ['is what a date of mail says', { value: 'Sat, 21 Nov 2026 19:05:00 +0700' }, 300, []],
    ['is what a date of mail west of Greenwich says', { value: '21 Nov 2026 07:35:00 -0430' }, 300, []],
    ['is what a date with UTC says', { value: '2026-11-21 12:05:00 UTC' }, 300, []],
    ["is what .NET's JSON says", { value: `/Date(${SENT_MS + 300_000}+0700)/` }, 300, []],
    [
      'stays a month where the configuration expects one',
      { value: 2_592_000, configuredLifetimeSeconds: 2_592_000 },
      2_592_000,
      [],
    ],
    ['is what a duration with a unit says', { value: '900s' }, 900, []],
    ['is what an ISO duration says', { value: 'PT15M' }, 900, []],
    [
      'is what a day-first time says, in UTC where that fits',
      { value: '21-11-2026 12:15:00' },
      900,
      [NAIVE_UTC],
    ],
    [
      'is what a day-first time says, in the zone that fits',
      { value: '21-11-2026 19:05:00' },
      300,
      [NAIVE_ELSEWHERE],
    ],
    ['is no longer than assumed when a time has no zone', { value: '2026-11-21T12:25:00' }, 900, [NAIVE_UTC]],
    [
      'is the assumed one when a form is not known',
      { value: 'in a while' },
      900,
      ['expiresIn is in a form that is not known and is ignored, assumed 15m'],
    ],
    [
      'is the assumed one when the field is an object',
      { value: { seconds: 900 } },
      900,
      ['expiresIn is neither a number nor text and is ignored, assumed 15m'],
    ],
    [
      'is the configured one when that is shorter than the documented',
      { value: undefined, documentedLifetimeSeconds: 1800, configuredLifetimeSeconds: 75 },
      75,
      ['expiresIn missing, assumed 1m 15s'],
    ],
    [
      'is the documented one when that is shorter than the configured',
      { value: undefined, configuredLifetimeSeconds: 3600 },
      900,
      ['expiresIn missing, assumed 15m'],
    ],
    [
      'is the earliest of several statements',
      { others: [{ field: 'expires_at', value: iso(300) }] },
      300,
      [],
    ],
    [
      'is the documented one when that is the earliest',
      { others: [{ field: 'expires_at', value: iso(1800) }] },
      900,
      [],
    ],
    [
      'is what another field says when the documented is missing',
      { value: undefined, others: [{ field: 'expires_on', value: String(SENT_MS / 1000 + 600) }] },
      600,
      ['expiresIn missing'],
    ],
    [
      'ignores another field that cannot be right',
      { others: [{ field: 'expires_at', value: 0 }] },
      900,
      ['expires_at is zero and is ignored'],
    ],
    ['counts from when a cache got the answer', { ageMs: 600_000 }, 300, ['the answer is 10m old (Age)']],
    [
      'counts an assumed life from then too',
      { value: undefined, ageMs: 600_000 },
      300,
      ['expiresIn missing, assumed 15m', 'the answer is 10m old (Age)'],
    ],
    [
      'leaves a moment alone whatever the age',
      { value: iso(600), ageMs: 300_000 },
      600,
      ['the answer is 5m old (Age)'],
    ],
    ['is 10 s at least', { value: 11, receivedAtMs: SENT_MS + 900 }, 11, []],
    [
      'takes the life left of a token that was issued earlier',
      { value: undefined, accessToken: jwt(300, -600) },
      300,
      ["expiresIn missing, took the token's own exp"],
    ],
    [
      'takes exp - iat when the measured skew explains iat, our clock behind',
      { accessToken: jwt(3600 + 900, 3600), clockSkewMs: 3_600_000 },
      900,
      [],
    ],
    [
      'takes exp - iat when the measured skew explains iat, our clock ahead',
      { accessToken: jwt(-3600 + 900, -3600), clockSkewMs: -3_600_000 },
      900,
      [],
    ],
    [
      'takes exp - iat when iat lies in the future and nothing is measured',
      { value: undefined, accessToken: jwt(3600 + 900, 3600), clockSkewMs: undefined },
      900,
      ["expiresIn missing, took the token's own exp"],
    ],
    [
      'moves a stated moment onto our clock when that is earlier',
      { value: iso(900 + 300), clockSkewMs: 300_000 },
      900,
      ["expiresIn corrected: our clock is 5m behind the provider's"],
    ],
    [
      'leaves a stated moment alone when moving it would be later',
      { value: iso(600), clockSkewMs: -300_000 },
      600,
      [],
    ],
    ['does not take rounding for skew', { value: iso(900), clockSkewMs: 1_999 }, 900, []],
    [
      'moves a moment that is just over when the skew explains it',
      { value: iso(-10), clockSkewMs: -30_000 },
      20,
      ["expiresIn corrected: our clock is 30s ahead of the provider's"],
    ],
    [
      'takes a naive time for UTC where that agrees with the documentation',
      { value: '2026-11-21T12:15:00' },
      900,
      ['expiresIn has no time zone, read as UTC'],
    ],
    ['takes a naive time for the zone that fits', { value: '2026-11-21T20:15:00' }, 900, [NAIVE_ELSEWHERE]],
    [
      'ignores a naive time that no zone explains',
      { value: '2026-11-25T07:15:00', accessToken: jwt(800, 0) },
      800,
      ["expiresIn has no time zone and is ignored, took the token's own exp"],
    ],
  ];
  for (const [name, given, lifetimeSeconds, notes] of decided) {
    test(name, () => {
      const expiry = {
        expiresAtMs: SENT_MS + lifetimeSeconds * 1000,
        expiresInSeconds: Math.round(lifetimeSeconds),
      };
      assert.deepEqual(decideExpiry(evidence(given)), { ok: true, value: { ...expiry, notes } });
    });
  }

  test('ends with exp but keeps the stated life when they differ by a second of rounding', () => {
    const result = decideExpiry(evidence({ accessToken: jwt(899, -1) }));
    const value = { expiresAtMs: SENT_MS + 899_000, expiresInSeconds: 900, notes: [] };
    assert.deepEqual(result, { ok: true, value });
  });

  for (const [name, given] of [
    ['as stated', { value: 4 }],
    ['by its own exp', { accessToken: jwt(4, -896) }],
    ['by its age', { ageMs: 896_000 }],
  ] as const) {
    test(`may be near when readers see that very token: ${name}`, () => {
      const result = decideExpiry({
        ...evidence(given),
        publishedFingerprint: evidence(given).accessToken.fingerprint(),
      });
      assert.ok(result.ok);
      assert.equal(result.value.expiresAtMs, SENT_MS + 4000);
    });
  }

  test('may not be near when readers see another token', () => {
    const publishedFingerprint = new SecretText('another').fingerprint();
    const result = decideExpiry(evidence({ value: 4, publishedFingerprint }));
    assert.ok(!result.ok);
    assert.equal(result.failure.code, 'response-malformed');
  });

  const failed: readonly (readonly [string, Partial<ExpiryEvidence>, string, RegExp])[] = [
    ['zero', { value: 0 }, 'response-malformed', /expiresIn is zero/],
    ['negative', { value: '-5' }, 'response-malformed', /expiresIn is negative/],
    ['not a number', { value: Number.NaN }, 'response-malformed', /expiresIn is not a number/],
    [
      'over by its own exp, whatever is stated',
      { accessToken: jwt(-300) },
      'response-malformed',
      /own exp lies 5m in the past: the token is not used; report/,
    ],
    [
      'over by its own exp as text',
      { accessToken: ownExp(String(SENT_MS / 1000 - 300)) },
      'response-malformed',
      /own exp lies 5m in the past/,
    ],
    [
      'over by its own exp, with an iat a life before',
      { accessToken: jwt(-300, -1200) },
      'response-malformed',
      /own exp lies 5m in the past/,
    ],
    [
      'the same, with a clock that nobody measured',
      { accessToken: jwt(-300, -1200), clockSkewMs: undefined },
      'response-malformed',
      /own exp lies 5m in the past/,
    ],
    [
      'over by an exp before its iat',
      { accessToken: jwt(-10, 10) },
      'response-malformed',
      /own exp lies 10s in the past/,
    ],
    [
      'over since 1970',
      { accessToken: ownExp(0) },
      'response-malformed',
      /own exp lies \d+d 12h in the past/,
    ],
    [
      'over since before 1970',
      { accessToken: ownExp(-1) },
      'response-malformed',
      /own exp lies \d+d 12h in the past/,
    ],
    [
      'over by its own exp while the clocks differ',
      { accessToken: jwt(-300), clockSkewMs: 90_000 },
      'clock-skewed',
      /own exp lies 5m in the past, and our clock is 1m 30s behind/,
    ],
    [
      'not valid for minutes by its own nbf',
      { accessToken: notBefore(300) },
      'response-malformed',
      /own nbf lies 5m in the future/,
    ],
    [
      'over by another statement',
      { others: [{ field: 'expires_at', value: iso(-60) }] },
      'response-malformed',
      /expires_at lies 1m in the past/,
    ],
    ['a second', { value: 1 }, 'response-malformed', /the token ends in 1s; less than 10s is of no use/],
    ['less than 10 s', { value: '9' }, 'response-malformed', /ends in 9s/],
    ['less than 10 s by its own exp', { accessToken: jwt(5, -895) }, 'response-malformed', /ends in 5s/],
    [
      'less than 10 s by its age',
      { ageMs: 895_000 },
      'response-malformed',
      /ends in 5s because the answer is 14m 55s old \(Age/,
    ],
    [
      'over by its age',
      { ageMs: 2_147_483_648_000 },
      'response-malformed',
      /was over when the answer arrived because the answer is 24855d 03h old/,
    ],
    ['more than ten years', { value: 400_000_000 }, 'response-malformed', /more than 10 years/],
    [
      'a moment in a hundred years',
      { value: '2126-11-21T12:00:00Z' },
      'response-malformed',
      /more than 10 years away/,
    ],
    ['a moment in the past', { value: iso(-300) }, 'response-malformed', /lies 5m in the past/],
    ['this very moment', { value: iso(0) }, 'response-malformed', /lies 0s in the past/],
    [
      'over before the answer arrived',
      { value: 1, receivedAtMs: SENT_MS + 1_500 },
      'response-malformed',
      /was over when the answer arrived/,
    ],
    [
      'zero, although the token has an exp',
      { value: 0, accessToken: jwt(900, 0) },
      'response-malformed',
      /is zero/,
    ],
    [
      "missing, and the token's own exp is over",
      { value: undefined, accessToken: jwt(-60) },
      'response-malformed',
      /own exp lies 1m in the past/,
    ],
    [
      'in the past while our clock is ahead',
      { value: iso(-3600), clockSkewMs: -4_500_000 },
      'clock-skewed',
      /in the past, and our clock is 1h 15m ahead of the provider's: check time/,
    ],
    [
      'missing with an exp in the past that skew does not explain',
      { value: undefined, accessToken: jwt(-3600), clockSkewMs: 120_000 },
      'clock-skewed',
      /own exp lies 1h in the past, and our clock is 2m behind/,
    ],
  ];
  for (const [name, given, code, message] of failed) {
    test(`is refused when it is ${name}`, () => {
      const result = decideExpiry(evidence(given));
      assert.ok(!result.ok);
      assert.equal(result.failure.code, code);
      assert.equal(result.failure.retry, 'backoff');
      assert.match(result.failure.message, message);
      assert.match(result.failure.message, /^POST https:\/\/api\.example\.com\/token answered 200: /);
    });
  }
});

const anyEvidence = fc
  .record({
    value: fc.oneof(
      fc.anything(),
      fc.double(),
      fc.integer({ min: 1, max: 1e8 }),
      fc.integer({ min: -7200, max: 1e9 }).map(iso),
    ),
    others: fc.array(fc.record({ field: fc.constantFrom('expires_at', 'exp'), value: fc.anything() }), {
      maxLength: 2,
    }),
    accessToken: fc.oneof(
      fc.constant(OPAQUE),
      fc.anything().map(ownExp),
      fc
        .tuple(fc.integer({ min: -7200, max: 1e9 }), fc.option(fc.integer({ min: -7200, max: 7200 })))
        .map(([exp, iat]) => jwt(exp, iat ?? undefined)),
    ),
    configuredLifetimeSeconds: fc.integer({ min: 10, max: 1e7 }),
    receivedAtMs: fc.integer({ min: SENT_MS, max: SENT_MS + 60_000 }),
    clockSkewMs: fc.option(fc.integer({ min: -7_200_000, max: 7_200_000 }), { nil: undefined }),
    ageMs: fc.oneof(
      fc.constant(0),
      fc.integer({ min: 0, max: 2 ** 31 }).map((seconds) => seconds * 1000),
    ),
  })
  .map(evidence);

/** Lifetimes in the forms that leave no doubt. */
const CLEAR: readonly ((seconds: number) => unknown)[] = [
  (seconds) => seconds,
  (seconds) => String(seconds),
  (seconds) => SENT_MS / 1000 + seconds,
  (seconds) => SENT_MS + seconds * 1000,
  (seconds) => String(SENT_MS / 1000 + seconds),
  (seconds) => iso(seconds),
  (seconds) => new Date(SENT_MS + seconds * 1000).toUTCString(),
  (seconds) => `${seconds}s`,
  (seconds) => `PT${seconds}S`,
];

const clearLife = fc.tuple(fc.integer({ min: 1, max: 7_200 }), fc.constantFrom(...CLEAR));

describe('whatever a provider answers', () => {
  test('an expiry lies 10 s after the arrival at least and at most ten years ahead', () => {
    fc.assert(
      fc.property(anyEvidence, (given) => {
        const result = decideExpiry(given);
        if (!result.ok) return;
        const { expiresAtMs, expiresInSeconds } = result.value;
        assert.ok(Number.isFinite(expiresAtMs));
        assert.ok(expiresAtMs >= given.receivedAtMs + MIN_LIFETIME_MS);
        assert.ok(expiresAtMs - given.sentAtMs <= MAX_LIFETIME_MS);
        assert.ok(Number.isInteger(expiresInSeconds) && expiresInSeconds >= 1);
      }),
      { numRuns: 2_000 },
    );
  });

  test('it is the earliest of all clear statements, or none is believed', () => {
    fc.assert(
      fc.property(
        fc.option(clearLife),
        fc.option(clearLife),
        fc.option(fc.integer({ min: 1, max: 7_200 })),
        fc.integer({ min: 0, max: 60 }),
        (documented, other, own, ageSeconds) => {
          const value = documented?.[1](documented[0]);
          const others = other === null ? [] : [{ field: 'expires_at', value: other[1](other[0]) }];
          const accessToken = own === null ? OPAQUE : jwt(own);
          const result = decideExpiry(evidence({ value, others, accessToken, ageMs: ageSeconds * 1000 }));
          const lives = [documented?.[0], other?.[0], own].filter((life) => typeof life === 'number');
          if (!result.ok) {
            assert.ok(Math.min(900, ...lives) - ageSeconds < 11, result.failure.message);
            return;
          }
          const lifeMs = result.value.expiresAtMs - SENT_MS;
          assert.ok(lives.every((life) => lifeMs <= life * 1000));
          assert.ok(lifeMs >= (Math.min(900, ...lives) - ageSeconds) * 1000);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("a token's own exp never makes the expiry later than what is stated", () => {
    fc.assert(
      fc.property(anyEvidence, (given) => {
        const stated = decideExpiry({ ...given, accessToken: OPAQUE });
        const both = decideExpiry(given);
        if (!stated.ok || stated.value.notes.some((note) => note.includes('assumed'))) return;
        assert.ok(!both.ok || both.value.expiresAtMs <= stated.value.expiresAtMs);
      }),
    );
  });

  test('seconds, epoch seconds, epoch milliseconds and ISO agree', () => {
    fc.assert(
      fc.property(fc.integer({ min: 11, max: 90 * 86_400 }), (lifetimeSeconds) => {
        // Without a documented lifetime nothing is taken for milliseconds.
        const decide = (value: unknown) => decideExpiry(evidence({ value, documentedLifetimeSeconds: 0 }));
        const expected = decide(lifetimeSeconds);
        assert.ok(expected.ok);
        const end = SENT_MS + lifetimeSeconds * 1000;
        for (const value of [String(lifetimeSeconds), end / 1000, end, String(end), iso(lifetimeSeconds)]) {
          assert.deepEqual(decide(value), expected);
        }
      }),
    );
  });
});

describe('the expiry of a refresh token', () => {
  const times = {
    field: 'refreshTokenExpiryTime',
    sentAtMs: SENT_MS,
    receivedAtMs: SENT_MS + 80,
    clockSkewMs: 0,
    ageMs: 0,
  };
  const cases: readonly (readonly [unknown, number | undefined, readonly string[]])[] = [
    ['2026-11-22T19:00:00+07:00', 86_400, []],
    [2_592_000, 2_592_000, []],
    [undefined, undefined, []],
    ['2025-11-26T10:46:03+07:00', undefined, ['refreshTokenExpiryTime unusable, ignored']],
    [0, undefined, ['refreshTokenExpiryTime unusable, ignored']],
    ['2026-11-22T19:00:00', undefined, ['refreshTokenExpiryTime unusable, ignored']],
  ];
  for (const [value, afterSeconds, notes] of cases) {
    test(`is ${afterSeconds ?? 'unknown'} for ${JSON.stringify(value) ?? 'undefined'}, and never a failure`, () => {
      const expiresAtMs = afterSeconds === undefined ? undefined : SENT_MS + afterSeconds * 1000;
      assert.deepEqual(readRefreshTokenExpiry({ ...times, value }), { expiresAtMs, notes });
    });
  }
});
