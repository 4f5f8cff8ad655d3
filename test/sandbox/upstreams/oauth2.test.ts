import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { isJsonObject, type JsonObject, parseJson } from '../../../src/core/wire/json.ts';
import { REUSE_LEEWAY_MS } from '../../../src/sandbox/upstreams/refresh-grants.ts';
import { revealCredential } from '../../../src/sandbox/upstreams/sandbox-credentials.ts';
import type { UpstreamResponse } from '../../../src/sandbox/upstreams/upstream.ts';
import { createUpstreamsBuilder, type TestUpstreamsOptions } from '../../support/sandbox-upstreams.ts';
import { assertionClaims, consentAgain, postForm, signAssertion } from '../../support/token-requests.ts';

const CREDENTIALS_GRANT = { grant_type: 'client_credentials' };

describe('the OAuth 2.0 upstream', () => {
  let build: Awaited<ReturnType<typeof createUpstreamsBuilder>>;
  before(async () => {
    build = await createUpstreamsBuilder();
  });

  /** A sandbox with shorthands for what a client does. */
  const open = (options: TestUpstreamsOptions = {}) => {
    const { clock, credentials, upstreams, issued } = build(options);
    const send = (fields: Readonly<Record<string, string>>): UpstreamResponse =>
      upstreams.oauth2.handle(postForm('/token', fields));
    const claims = (changes: JsonObject = {}): JsonObject => ({
      ...assertionClaims(credentials, clock.now()),
      ...changes,
    });
    const sign = (changes: JsonObject = {}, header?: JsonObject) =>
      signAssertion(credentials, claims(changes), header);
    const refresh = (refreshToken: unknown): UpstreamResponse =>
      send({ grant_type: 'refresh_token', refresh_token: String(refreshToken), ...sign() });
    const isValid = ({ access_token: token }: JsonObject): boolean =>
      upstreams.oauth2.isValid(String(token), clock.now());
    const seed = revealCredential(credentials.byKind.oauth2, 'refreshToken');
    return { clock, upstreams, issued, send, sign, refresh, isValid, seed };
  };

  it('answers client credentials as RFC 6749 says, without a refresh token', () => {
    const { send, sign, issued } = open();
    const response = send({ ...CREDENTIALS_GRANT, ...sign() });
    assert.equal(response.headers['cache-control'], 'no-store');
    assert.deepEqual(expectToken(response), {
      access_token: issued[0],
      token_type: 'Bearer',
      expires_in: 3600,
    });
  });

  it('takes the refresh token of the consent and hands out the next, each for 30 days', () => {
    const { refresh, seed, issued, isValid } = open();
    const first = expectToken(refresh(seed));
    assert.deepEqual(first, {
      access_token: issued[0],
      token_type: 'Bearer',
      expires_in: 3600,
      refresh_token: issued[1],
      refresh_token_expires_in: 2_592_000,
    });
    const second = expectToken(refresh(first['refresh_token']));
    assert.notEqual(second['refresh_token'], first['refresh_token']);
    assert.deepEqual([first, second].map(isValid), [true, true]);
  });

  it('takes the one before the newest again for some seconds, and the answer that was lost is void', async () => {
    const { clock, refresh, seed } = open();
    const lost = expectToken(refresh(seed));
    await clock.advance(REUSE_LEEWAY_MS);
    const again = expectToken(refresh(seed));
    expectToken(refresh(again['refresh_token']));
    expectRefusal(refresh(lost['refresh_token']), 400, 'invalid_grant');
  });

  it('counts those seconds from the first time, and ends them with the consent', async () => {
    const late = open();
    for (const waitMs of [0, REUSE_LEEWAY_MS]) {
      await late.clock.advance(waitMs);
      expectToken(late.refresh(late.seed));
    }
    await late.clock.advance(1);
    expectRefusal(late.refresh(late.seed), 400, 'invalid_grant');

    const { refresh, seed } = open();
    const first = expectToken(refresh(seed));
    expectToken(refresh(first['refresh_token']));
    expectRefusal(refresh(seed), 400, 'invalid_grant');
    expectRefusal(refresh(first['refresh_token']), 400, 'invalid_grant');
  });

  it('ends the consent and all that came of it when a spent refresh token comes again', async () => {
    const { clock, refresh, seed, isValid, send, sign } = open();
    const first = expectToken(refresh(seed));
    const own = expectToken(send({ ...CREDENTIALS_GRANT, ...sign() }));
    await clock.advance(REUSE_LEEWAY_MS + 1);
    expectRefusal(refresh(seed), 400, 'invalid_grant');
    expectRefusal(refresh(first['refresh_token']), 400, 'invalid_grant');
    assert.deepEqual([first, own].map(isValid), [false, true]);
  });

  it('begins anew with another consent', async () => {
    const { upstreams, refresh, seed, isValid, clock, issued } = open();
    expectToken(refresh(seed));
    await clock.advance(REUSE_LEEWAY_MS + 1);
    expectRefusal(refresh(seed), 400, 'invalid_grant');
    const another = consentAgain(upstreams).reveal();
    assert.ok(issued.includes(another));
    assert.equal(isValid(expectToken(refresh(another))), true);
  });

  it('refuses an expired refresh token and an unknown one without ending anything', async () => {
    const { clock, refresh, seed, isValid } = open({ refreshTokenLifetimeMs: { oauth2: 60_000 } });
    const first = expectToken(refresh(seed));
    await clock.advance(60_000);
    expectRefusal(refresh(first['refresh_token']), 400, 'invalid_grant');
    expectRefusal(refresh('unknown'), 400, 'invalid_grant');
    assert.equal(isValid(first), true);
  });

  it('divides the life of refresh tokens by the speed of the time-lapse', () => {
    const { refresh, seed } = open({ speed: 30 });
    assert.equal(expectToken(refresh(seed))['refresh_token_expires_in'], 86_400);
  });

  const clients: readonly (readonly [string, JsonObject, JsonObject?])[] = [
    ['another issuer', { iss: 'somebody' }],
    ['another subject', { sub: 'somebody' }],
    ['another audience', { aud: 'https://login.example.com/authorize' }],
    ['no jti', { jti: null }],
    ['no exp', { exp: null }],
    ['a long life', { exp: 4_102_444_800 }],
    ['another algorithm', {}, { alg: 'none' }],
  ];
  for (const [name, changes, header] of clients) {
    it(`refuses a client whose assertion has ${name}`, () => {
      const { send, sign } = open();
      expectRefusal(send({ ...CREDENTIALS_GRANT, ...sign(changes, header) }), 401, 'invalid_client');
    });
  }

  it('refuses a client without an assertion, under another name, or with a signature of something else', () => {
    const { send, sign } = open();
    const good = sign();
    const [, , signature] = good['client_assertion']?.split('.') ?? [];
    const [header, payload] = sign()['client_assertion']?.split('.') ?? [];
    for (const fields of [
      {},
      { ...good, client_assertion_type: 'urn:example' },
      { ...good, client_id: 'somebody' },
      { ...good, client_assertion: `${header}.${payload}.${signature}` },
    ])
      expectRefusal(send({ ...CREDENTIALS_GRANT, ...fields }), 401, 'invalid_client');
  });

  it('takes an assertion once', () => {
    const { send, sign } = open();
    const assertion = sign();
    expectToken(send({ ...CREDENTIALS_GRANT, ...assertion }));
    expectRefusal(send({ ...CREDENTIALS_GRANT, ...assertion }), 401, 'invalid_client');
  });

  it('takes a clock that is a minute off, and says what is wrong with one that is more', () => {
    const { clock, send, sign } = open();
    const at = (offSeconds: number): JsonObject => {
      const iat = Math.floor(clock.now() / 1000) + offSeconds;
      return { iat, exp: iat + 60 };
    };
    for (const offSeconds of [-120, 60]) expectToken(send({ ...CREDENTIALS_GRANT, ...sign(at(offSeconds)) }));
    const descriptions = [-121, 61].map((offSeconds) =>
      expectRefusal(send({ ...CREDENTIALS_GRANT, ...sign(at(offSeconds)) }), 401, 'invalid_client'),
    );
    assert.deepEqual(descriptions, ['the assertion has expired', 'the assertion is not yet valid']);
  });

  it('refuses a repeated parameter, no grant type and an unknown one', () => {
    const { upstreams, send, sign } = open();
    const repeated = postForm('/token', { ...CREDENTIALS_GRANT, ...sign() });
    const twice = upstreams.oauth2.handle({ ...repeated, body: `${repeated.body}&grant_type=password` });
    expectRefusal(twice, 400, 'invalid_request');
    expectRefusal(send({ ...sign() }), 400, 'invalid_request');
    expectRefusal(send({ grant_type: 'password', ...sign() }), 400, 'unsupported_grant_type');
  });

  it('spends no refresh token on a client that it refuses', () => {
    const { send, sign, refresh, seed } = open();
    const wrong = { grant_type: 'refresh_token', refresh_token: seed, ...sign({ sub: 'somebody' }) };
    expectRefusal(send(wrong), 401, 'invalid_client');
    expectToken(refresh(seed));
  });
});

function expectToken(response: UpstreamResponse): JsonObject {
  assert.equal(response.status, 200, response.body);
  const answer = parseJson(response.body);
  assert.ok(isJsonObject(answer));
  return answer;
}

/** @returns what the refusal says beside its code */
function expectRefusal(response: UpstreamResponse, status: number, error: string): unknown {
  const answer = parseJson(response.body);
  assert.ok(isJsonObject(answer));
  assert.deepEqual([response.status, answer['error']], [status, error], response.body);
  return answer['error_description'];
}
