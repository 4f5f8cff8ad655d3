/** Answers that are read by a description in an unusual way: nothing listed, a list at the root, numbers of many digits. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FetchedToken } from '../../src/core/token/token.ts';
import { describeProvider, fetchOnce } from '../support/described-provider.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';

async function fetchFrom(answer: string, description: string): Promise<FetchedToken | string> {
  await using server = await startLoopbackServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-type': 'application/json' }).end(answer);
  });
  const { result } = await fetchOnce(
    describeProvider({
      credentials: ['key'],
      description: `request: { url: "${server.url}/", headers: { x-key: "\${key}" } }\n${description}`,
    }),
    { key: 'k' },
  );
  return result.ok ? result.value : result.failure.message;
}

async function secondsOf(answer: string, description: string): Promise<number | string> {
  const token = await fetchFrom(answer, description);
  return typeof token === 'string' ? token : token.expiresInSeconds;
}

describe('an expiry that a description does not name', () => {
  const cases: readonly (readonly [what: string, description: string])[] = [
    ['nothing is listed', ''],
    ['a fixed life is listed', 'expiry: [{ ttl: 2h }]'],
    ["the token's own is listed", 'expiry: [{ jwt: exp }]'],
  ];
  for (const [what, description] of cases)
    it(`counts when it has the usual name and ${what}`, async () => {
      assert.equal(await secondsOf('{"access_token":"t-1","expires_in":900}', description), 900);
      assert.equal(await secondsOf('{"access_token":"t-1","expiresIn":900}', description), 900);
    });

  it('counts beside the token when the listed place elsewhere is empty', async () => {
    const elsewhere = 'expiry: [{ path: meta.expires_in, as: seconds }]';
    assert.equal(await secondsOf('{"access_token":"t-1","expires_in":900}', elsewhere), 900);
  });

  it('is not told as missing when it is there', async () => {
    const token = await fetchFrom('{"access_token":"t-1","expires_in":900}', '');
    assert.ok(typeof token !== 'string');
    assert.deepEqual(token.notes, []);
  });

  it('is no reason to refuse a token when it is absurd', async () => {
    assert.equal(await secondsOf('{"access_token":"t-1","expires_in":-5}', 'expiry: [{ ttl: 2h }]'), 7_200);
  });

  for (const [value, as] of [
    ['43200', 'minutes'],
    ['"43200"', 'minutes'],
    ['2592000000', 'milliseconds'],
    ['"2592000000"', 'milliseconds'],
  ] as const)
    it(`of a month is in the unit that is listed: ${value} ${as}`, async () => {
      const answer = (field: string): string => `{"access_token":"t-1","${field}":${value}}`;
      assert.equal(await secondsOf(answer('life'), `expiry: [{ path: life, as: ${as} }]`), 2_592_000);
      assert.equal(
        await secondsOf(answer('expires_in'), `expiry: [{ path: expires_in, as: ${as} }]`),
        2_592_000,
      );
    });

  for (const [value, as, why] of [
    ['9223372036854775807', 'minutes', 'is more than 10 years'],
    ['1e25', 'milliseconds', 'is more than 10 years'],
    ['0.0001', 'milliseconds', 'is zero'],
  ] as const)
    it(`is refused in any unit when it cannot be right, and not taken for missing: ${value} ${as}`, async () => {
      const answer = `{"access_token":"t-1","life":${value}}`;
      assert.match(
        String(await secondsOf(answer, `expiry: [{ path: life, as: ${as} }]`)),
        new RegExp(`life ${why}`),
      );
    });

  it('is a fixed life where the answer says nothing', async () => {
    assert.equal(await secondsOf('{"access_token":"t-1"}', 'expiry: [{ ttl: 2h }]'), 7_200);
  });
});

describe('an answer', () => {
  it('that is a list is read by a path that begins with an index', async () => {
    const token = await fetchFrom(
      '[{"token":"t-1","expires_in":900}]',
      'token: { path: "[0].token" }\nexpiry: [{ path: "[0].expires_in", as: seconds }]',
    );
    assert.ok(typeof token !== 'string');
    assert.equal(token.accessToken.reveal(), 't-1');
  });

  it('publishes a number with all of its digits', async () => {
    const token = await fetchFrom(
      '{"access_token":"t-1","expires_in":900,"account":12345678901234567890,"small":7}',
      'publish: { account: account, small: small }',
    );
    assert.ok(typeof token !== 'string');
    assert.deepEqual(token.fields, { account: '12345678901234567890', small: '7' });
  });

  const CHAIN =
    'refresh: { token: { path: refresh_token }, rotates: ROTATES, request: { url: "https://acme.example", body: { json: ["${refreshToken}"] } } }';
  for (const [rotates, answer, told] of [
    ['always', '{"access_token":"t-1","expires_in":900}', 1],
    ['always', '{"access_token":"t-1","expires_in":900,"refresh_token":"r-1"}', 0],
    ['sometimes', '{"access_token":"t-1","expires_in":900}', 0],
  ] as const)
    it(`without a next refresh token is ${told === 1 ? '' : 'not '}told where it rotates ${rotates}: ${answer}`, async () => {
      const token = await fetchFrom(answer, CHAIN.replace('ROTATES', rotates));
      assert.ok(typeof token !== 'string');
      assert.equal(
        token.notes.filter((note) => note.startsWith('without a next refresh token')).length,
        told,
      );
    });
});
