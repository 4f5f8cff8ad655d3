/** What an answer means for the refresh token that was presented, and what can be rescued from a bad one. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { inspect } from 'node:util';
import { isAmbiguousAnswer } from '../../src/providers/chain.ts';
import { beginWith, outcomeOf, parseWith, prepareKind, shippedKind } from '../support/prepared-kind.ts';
import { buildFailure } from '../support/sample-events.ts';
import { type HandMadeResponse, handMadeResponse, SENT_AT_MS } from '../support/token-response.ts';

const apimw = shippedKind('apimw');
const pivotB2b2c = shippedKind('pivot-b2b2c');

const PIVOT_ANSWER = {
  accessToken: 'token',
  accessTokenExpiryTime: '2026-11-21T19:15:00+07:00',
  refreshToken: 'rt-2',
  refreshTokenExpiryTime: '2026-11-22T19:00:00+07:00',
  responseCode: '2007400',
};
const APIMW_DATA = { access_token: 'token', token_type: 'Bearer', expires_in: 3600, refresh_token: 'rt-2' };
const DAY_MS = 86_400_000;

const KINDS = [
  {
    name: 'pivot-b2b2c',
    prepared: prepareKind(pivotB2b2c),
    without: prepareKind(pivotB2b2c, { grant: 'authorization_code' }),
    answer: (changes: object) => ({ ...PIVOT_ANSWER, ...changes }),
    noToken: { accessToken: undefined },
    deadToken: { accessTokenExpiryTime: '2020-11-21T19:15:00+07:00' },
    noRefreshToken: { accessToken: undefined, refreshToken: '' },
    refusal: { responseCode: '5007400' },
    expiresAtMs: SENT_AT_MS + DAY_MS,
  },
  {
    name: 'apimw',
    prepared: prepareKind(apimw, { useRefreshToken: true }),
    without: prepareKind(apimw),
    answer: (changes: object) => ({
      success: !('success' in changes),
      data: { ...APIMW_DATA, ...changes },
    }),
    noToken: { access_token: 7 },
    deadToken: { expires_in: -1 },
    noRefreshToken: { access_token: '', refresh_token: null },
    refusal: { success: false },
    expiresAtMs: SENT_AT_MS + 30 * DAY_MS,
  },
] as const;

for (const { name, prepared, without, answer, ...bad } of KINDS) {
  describe(`an answer of ${name} without a usable access token`, () => {
    for (const [title, changes] of [
      ['it is missing', bad.noToken],
      ['it is dead on arrival', bad.deadToken],
    ] as const) {
      test(`No chain is lost by us: gives up its refresh token when ${title}`, async () => {
        const made = { body: answer(changes) };
        assert.match(outcomeOf(await parseWith(prepared, made)), /^(response-malformed|clock-skewed) /);
        const rotatedRefreshToken = (await beginWith(prepared)).salvageRefreshToken(handMadeResponse(made));
        assert.equal(rotatedRefreshToken?.refreshToken.reveal(), 'rt-2');
        assert.deepEqual(
          [rotatedRefreshToken?.refreshTokenExpiresAtMs, rotatedRefreshToken?.issuedAtMs],
          [bad.expiresAtMs, SENT_AT_MS],
        );
        assert.ok(!inspect(rotatedRefreshToken).includes('rt-2'));
      });
    }

    const hopeless: readonly (readonly [string, HandMadeResponse])[] = [
      ['says no', { body: answer(bad.refusal) }],
      ['has an error status', { status: 500, body: answer(bad.noToken) }],
      ['holds no refresh token', { body: answer(bad.noRefreshToken) }],
      ['is no JSON', { body: '<p>rt-2</p>' }],
      ['is a list', { body: [answer({})] }],
    ];
    for (const [title, made] of hopeless) {
      test(`gives up nothing when it ${title}`, async () => {
        assert.notEqual(outcomeOf(await parseWith(prepared, made)), 'ok');
        assert.equal((await beginWith(prepared)).salvageRefreshToken(handMadeResponse(made)), undefined);
      });
    }

    test('gives up nothing where refresh tokens are not used', async () => {
      const response = handMadeResponse({ body: answer(bad.noToken) });
      assert.equal((await beginWith(without)).salvageRefreshToken(response), undefined);
    });
  });
}

describe('an answer that may hide a spent refresh token', () => {
  for (const [status, code, expected] of [
    [502, 'provider-unavailable', true],
    [504, 'provider-unavailable', true],
    [200, 'response-malformed', true],
    [201, 'clock-skewed', true],
    [200, 'credentials-rejected', false],
    [200, 'chain-broken', false],
    [401, 'clock-skewed', false],
    [429, 'rate-limited', false],
    [500, 'provider-unavailable', false],
    [503, 'provider-unavailable', false],
  ] as const) {
    test(`${status} with ${code}: ${expected ? 'yes' : 'no'}`, async () => {
      assert.equal(isAmbiguousAnswer(status, buildFailure({ code })), expected);
    });
  }
});
