import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { parseJson } from '../../../src/core/wire/json.ts';
import { createUpstreamsBuilder } from '../../support/sandbox-upstreams.ts';
import { createTokenRequests, post } from '../../support/token-requests.ts';
import { EXPIRE_TIME_FORMATS } from '../../support/upstream-variants.ts';

let build: Awaited<ReturnType<typeof createUpstreamsBuilder>>;
before(async () => {
  build = await createUpstreamsBuilder();
});

describe('the PIK upstream', () => {
  const expireTimes = {
    iso: '2026-11-21T12:30:00.000Z',
    'epoch-seconds': '1795264200',
    'epoch-ms': '1795264200000',
    seconds: '1800',
  };
  for (const expireTimeFormat of EXPIRE_TIME_FORMATS) {
    it(`answers in the documented envelope with expireTime as ${expireTimeFormat}`, () => {
      const { clock, credentials, upstreams, issued } = build({ pik: { expireTimeFormat } });
      const response = upstreams.pik.handle(createTokenRequests(credentials, clock.now()).pik);
      assert.deepEqual(parseJson(response.body), {
        code: 200,
        message: 'success',
        data: { token: issued[0], expireTime: expireTimes[expireTimeFormat] },
      });
    });
  }

  for (const rejectionStatus of [200, 500] as const) {
    it(`can refuse wrong credentials with HTTP ${rejectionStatus}`, () => {
      const { upstreams } = build({ pik: { rejectionStatus } });
      const response = upstreams.pik.handle(post('/auth/token', { appId: 'someone', appSecret: 'else' }));
      assert.equal(response.status, rejectionStatus);
      assert.deepEqual(parseJson(response.body), {
        code: 401,
        message: 'invalid appId or appSecret',
        data: null,
      });
    });
  }
});

describe('the Pivot merchant upstream', () => {
  it('answers in the envelope that integrations show', () => {
    const { clock, credentials, upstreams, issued } = build();
    const response = upstreams.pivot.handle(createTokenRequests(credentials, clock.now()).pivot);
    assert.deepEqual(parseJson(response.body), {
      code: '00',
      message: 'Successful',
      data: { accessToken: issued[0], expiresIn: '900', tokenType: 'Bearer' },
    });
  });

  it('refuses a wrong secret and another grant type', () => {
    const { clock, credentials, upstreams } = build();
    const { headers } = createTokenRequests(credentials, clock.now()).pivot;
    const right = Object.fromEntries(headers);
    const send = (body: object, changed: object) =>
      upstreams.pivot.handle(post('/v1/access-token', { ...body }, { ...right, ...changed })).status;
    assert.equal(send({ grantType: 'client_credentials' }, { 'x-merchant-secret': 'wrong' }), 401);
    assert.equal(send({ grantType: 'password' }, {}), 400);
    assert.equal(send({ grantType: 'client_credentials' }, {}), 200);
  });
});

describe('the PaySecurez upstream', () => {
  it('answers in the documented envelope', () => {
    const { clock, credentials, upstreams, issued } = build();
    const response = upstreams.paysecurez.handle(createTokenRequests(credentials, clock.now()).paysecurez);
    assert.deepEqual(parseJson(response.body), {
      access_token: issued[0],
      expires_in: 1800,
      token_type: 'Bearer',
    });
  });

  it('refuses wrong credentials in the documented envelope', () => {
    const response = build().upstreams.paysecurez.handle(
      post('/api/token', { client_id: 'someone', client_secret: 'else' }),
    );
    assert.equal(response.status, 401);
    assert.deepEqual(parseJson(response.body), {
      statusCode: 401,
      message: 'Unauthorized',
      error: 'Invalid client credentials',
    });
  });
});
