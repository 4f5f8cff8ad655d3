import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { isJsonObject, type JsonObject, parseJson } from '../../../src/core/wire/json.ts';
import type { UpstreamResponse } from '../../../src/sandbox/upstreams/upstream.ts';
import { createUpstreamsBuilder, type TestUpstreamsOptions } from '../../support/sandbox-upstreams.ts';
import { bindingIdOf, post, type RequestHeaders, signSnapHeaders } from '../../support/token-requests.ts';

const PATH = '/open-api/v1/access-token/b2b2c';

describe('the Pivot B2B2C upstream', () => {
  let build: Awaited<ReturnType<typeof createUpstreamsBuilder>>;
  before(async () => {
    build = await createUpstreamsBuilder();
  });

  /** A sandbox with shorthands for what a client does. */
  const open = (options: TestUpstreamsOptions = {}) => {
    const { clock, credentials, upstreams, issued } = build(options);
    const upstream = upstreams['pivot-b2b2c'];
    const send = (body: JsonObject, headers: RequestHeaders = {}): UpstreamResponse =>
      upstream.handle(post(PATH, body, { ...signSnapHeaders(credentials, clock.now()), ...headers }));
    const authCode = (customer: string): string => bindingIdOf(credentials, customer);
    const login = (customer: string): JsonObject =>
      expectToken(
        send({ grantType: 'authorization_code', authCode: authCode(customer), additionalInfo: {} }),
      );
    const refresh = (customer: string, refreshToken: unknown): UpstreamResponse =>
      send({
        grantType: 'authorization_code',
        authCode: authCode(customer),
        refreshToken,
        additionalInfo: {},
      });
    const isValid = (answer: JsonObject): boolean =>
      upstream.isValid(String(answer['accessToken']), clock.now());
    return { clock, issued, send, login, refresh, isValid, authCode };
  };

  it('answers in the documented envelope, with times of Jakarta', () => {
    const { login, issued } = open();
    assert.deepEqual(login('ayu'), {
      accessToken: issued[0],
      accessTokenExpiryTime: '2026-11-21T19:15:00+07:00',
      refreshToken: issued[1],
      refreshTokenExpiryTime: '2026-11-22T19:00:00+07:00',
      responseCode: '2007400',
      responseMessage: 'Successful',
      tokenType: 'Bearer',
    });
  });

  it('takes a refresh token once and hands out the next', () => {
    const { login, refresh, isValid } = open();
    const first = login('ayu');
    const second = expectToken(refresh('ayu', first['refreshToken']));
    const third = expectToken(refresh('ayu', second['refreshToken']));
    assert.notEqual(second['refreshToken'], third['refreshToken']);
    assert.deepEqual([first, second, third].map(isValid), [true, true, true]);
  });

  it('takes a refresh token without the binding id for the grant refresh_token', () => {
    const { login, send, isValid } = open();
    const { refreshToken } = login('ayu');
    assert.equal(isValid(expectToken(send({ grantType: 'refresh_token', refreshToken }))), true);
  });

  it('revokes all that a customer has when a spent refresh token comes again, until a login without one', () => {
    const { login, refresh, isValid } = open();
    const other = login('budi');
    const first = login('ayu');
    const second = expectToken(refresh('ayu', first['refreshToken']));
    expectRefusal(refresh('ayu', first['refreshToken']), '4017401');
    expectRefusal(refresh('ayu', second['refreshToken']), '4017401');
    assert.deepEqual([first, second].map(isValid), [false, false]);
    const fresh = login('ayu');
    assert.equal(isValid(fresh), true);
    assert.equal(isValid(expectToken(refresh('ayu', fresh['refreshToken']))), true);
    assert.equal(isValid(other), true);
    expectToken(refresh('budi', other['refreshToken']));
  });

  it('counts the refresh token of an abandoned chain as spent', () => {
    const { login, refresh } = open();
    const abandoned = login('ayu');
    login('ayu');
    expectRefusal(refresh('ayu', abandoned['refreshToken']), '4017401');
  });

  it('refuses an expired refresh token without revoking anything', async () => {
    const { clock, login, refresh, isValid } = open({ refreshTokenLifetimeMs: { 'pivot-b2b2c': 60_000 } });
    const first = login('ayu');
    assert.equal(first['refreshTokenExpiryTime'], '2026-11-21T19:01:00+07:00');
    await clock.advance(60_000);
    expectRefusal(refresh('ayu', first['refreshToken']), '4017401');
    assert.equal(isValid(first), true);
  });

  it("refuses another customer's refresh token without revoking anything", () => {
    const { login, refresh } = open();
    const ayus = login('ayu');
    expectRefusal(refresh('budi', ayus['refreshToken']), '4017401');
    expectToken(refresh('ayu', ayus['refreshToken']));
  });

  const refusals = [
    ['no grant type', {}, '4007400'],
    ['the grant type of B2B', { grantType: 'client_credentials' }, '4007400'],
    ['no binding id', { grantType: 'authorization_code' }, '4007402'],
    ['an unknown binding id', { grantType: 'authorization_code', authCode: 'nobody' }, '4017400'],
    ['no refresh token', { grantType: 'refresh_token' }, '4007402'],
    ['an unknown refresh token', { grantType: 'refresh_token', refreshToken: 'nothing' }, '4017401'],
  ] as const;
  for (const [name, body, responseCode] of refusals) {
    it(`answers ${responseCode} to ${name}`, () => {
      expectRefusal(open().send(body), responseCode);
    });
  }

  it('spends nothing on a request whose signature is wrong', () => {
    const { login, refresh, send, authCode } = open();
    const { refreshToken } = login('ayu');
    const body = { grantType: 'authorization_code', authCode: authCode('ayu'), refreshToken };
    expectRefusal(send(body, { 'x-signature': 'd3Jvbmc=' }), '4017400');
    expectToken(refresh('ayu', refreshToken));
  });
});

function expectToken(response: UpstreamResponse): JsonObject {
  const answer = parseJson(response.body);
  assert.equal(response.status, 200, response.body);
  assert.ok(isJsonObject(answer));
  return answer;
}

function expectRefusal(response: UpstreamResponse, responseCode: string): void {
  assert.equal(response.status, Number(responseCode.slice(0, 3)));
  const answer = parseJson(response.body);
  assert.ok(isJsonObject(answer));
  assert.equal(answer['responseCode'], responseCode);
}
