import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { isJsonObject, type JsonObject, parseJson } from '../../../src/core/wire/json.ts';
import type { UpstreamResponse } from '../../../src/sandbox/upstreams/upstream.ts';
import { createUpstreamsBuilder, type TestUpstreamsOptions } from '../../support/sandbox-upstreams.ts';
import { createTokenRequests, post } from '../../support/token-requests.ts';

const THIRTY_DAYS_MS = 30 * 86_400_000;

describe('the APIMW upstream', () => {
  let build: Awaited<ReturnType<typeof createUpstreamsBuilder>>;
  before(async () => {
    build = await createUpstreamsBuilder();
  });

  const open = (options: TestUpstreamsOptions = {}) => {
    const { clock, credentials, upstreams, issued } = build(options);
    const upstream = upstreams.apimw;
    const askForToken = () => upstream.handle(createTokenRequests(credentials, clock.now()).apimw);
    const login = (): JsonObject => expectData(askForToken());
    const refresh = (token: unknown) => upstream.handle(post('/v1/auth/refresh', { refresh_token: token }));
    return { clock, upstream, issued, askForToken, login, refresh };
  };

  it('answers in the documented envelope', () => {
    const { askForToken, issued } = open();
    assert.deepEqual(parseJson(askForToken().body), {
      success: true,
      data: { access_token: issued[0], token_type: 'Bearer', expires_in: 3600, refresh_token: issued[1] },
    });
    assert.match(issued[0] ?? '', /^eyJ[\w-]+\.[\w-]+\.[\w-]{43}$/);
  });

  it('refuses wrong credentials in the documented envelope', () => {
    const { upstream } = open();
    const response = upstream.handle(post('/v1/auth/token', { api_key: 'someone', api_secret: 'else' }));
    assert.equal(response.status, 401);
    assert.deepEqual(parseJson(response.body), {
      success: false,
      error: { code: 'INVALID_CREDENTIALS', message: 'Invalid API Key or Secret' },
    });
  });

  it('takes a refresh token once and hands out the next', () => {
    const { clock, upstream, login, refresh } = open();
    const first = login();
    const second = expectData(refresh(first['refresh_token']));
    assert.equal(upstream.isValid(String(second['access_token']), clock.now()), true);
    expectInvalidRefreshToken(refresh(first['refresh_token']));
    expectData(refresh(second['refresh_token']));
  });

  it('lets a refresh token live for 30 days', async () => {
    const { clock, login, refresh } = open();
    const [first, second] = [login(), login()];
    await clock.advance(THIRTY_DAYS_MS - 1);
    expectData(refresh(first['refresh_token']));
    await clock.advance(1);
    expectInvalidRefreshToken(refresh(second['refresh_token']));
  });

  it('divides the life of refresh tokens by the speed too', async () => {
    const { clock, login, refresh } = open({ speed: 15 });
    const first = login();
    await clock.advance(THIRTY_DAYS_MS / 15);
    expectInvalidRefreshToken(refresh(first['refresh_token']));
  });

  for (const token of [undefined, '', 7, 'rt_unknown']) {
    it(`refuses the refresh token ${JSON.stringify(token)}`, () => {
      expectInvalidRefreshToken(open().refresh(token));
    });
  }

  it('allows 10 requests a minute when it limits the rate, and says when the next is welcome', async () => {
    const { clock, askForToken } = open({ hasApimwRateLimit: true });
    for (let request = 0; request < 10; request += 1) assert.equal(askForToken().status, 200);
    await clock.advance(15_000);
    const response = askForToken();
    assert.equal(response.status, 429);
    assert.deepEqual(parseJson(response.body), {
      success: false,
      error: { code: 'RATE_LIMIT_EXCEEDED', message: 'Too many requests', retry_after: 45 },
    });
    assert.equal(response.headers['x-ratelimit-reset'], String(clock.now() / 1000 + 45));
    await clock.advance(45_000);
    assert.equal(askForToken().status, 200);
  });
});

function expectData(response: UpstreamResponse): JsonObject {
  const answer = parseJson(response.body);
  assert.ok(isJsonObject(answer) && isJsonObject(answer['data']), response.body);
  return answer['data'];
}

function expectInvalidRefreshToken(response: UpstreamResponse): void {
  assert.equal(response.status, 401);
  assert.deepEqual(parseJson(response.body), {
    success: false,
    error: { code: 'INVALID_REFRESH_TOKEN', message: 'Invalid or expired refresh token' },
  });
}
