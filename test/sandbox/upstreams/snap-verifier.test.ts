import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { parseJson } from '../../../src/core/wire/json.ts';
import { revealCredential } from '../../../src/sandbox/upstreams/sandbox-credentials.ts';
import { createUpstreamsBuilder } from '../../support/sandbox-upstreams.ts';
import {
  createTokenRequests,
  post,
  type RequestHeaders,
  signSnapHeaders,
} from '../../support/token-requests.ts';

const B2B_PATH = '/open-api/v1/access-token/b2b';
const B2B_BODY = { grantType: 'client_credentials', additionalInfo: {} };

describe('the SNAP upstream', () => {
  let build: Awaited<ReturnType<typeof createUpstreamsBuilder>>;
  before(async () => {
    build = await createUpstreamsBuilder();
  });

  const refusals: readonly (readonly [
    name: string,
    change: (headers: RequestHeaders) => RequestHeaders,
    responseCode: string,
    responseMessage: string,
  ])[] = [
    ['no timestamp', (h) => without(h, 'x-timestamp'), '4007302', 'Invalid Mandatory Field X-TIMESTAMP'],
    ['no client key', (h) => without(h, 'x-client-key'), '4007302', 'Invalid Mandatory Field X-CLIENT-KEY'],
    ['no signature', (h) => without(h, 'x-signature'), '4007302', 'Invalid Mandatory Field X-SIGNATURE'],
    [
      'a timestamp without offset',
      (h) => ({ ...h, 'x-timestamp': (h['x-timestamp'] ?? '').slice(0, 19) }),
      '4007301',
      'Invalid Field Format X-TIMESTAMP',
    ],
    [
      'a timestamp with milliseconds',
      (h) => ({ ...h, 'x-timestamp': (h['x-timestamp'] ?? '').replace('+07:00', '.000+07:00') }),
      '4007301',
      'Invalid Field Format X-TIMESTAMP',
    ],
    [
      'a date that does not exist',
      (h) => ({ ...h, 'x-timestamp': '2026-13-41T25:61:61+07:00' }),
      '4007301',
      'Invalid Field Format X-TIMESTAMP',
    ],
    ['an unknown client', (h) => ({ ...h, 'x-client-key': 'someone' }), '4017300', 'Unauthorized'],
    [
      'a signature that is not base64',
      (h) => ({ ...h, 'x-signature': `${h['x-signature']}*` }),
      '4017300',
      'Unauthorized',
    ],
    [
      'a signature in base64url',
      (h) => ({ ...h, 'x-signature': (h['x-signature'] ?? '').replaceAll('=', '') }),
      '4017300',
      'Unauthorized',
    ],
    [
      'a signature over another timestamp',
      (h) => ({ ...h, 'x-timestamp': (h['x-timestamp'] ?? '').replace(':00+07:00', ':01+07:00') }),
      '4017300',
      'Unauthorized',
    ],
    [
      'the same moment in another spelling than the one signed',
      (h) => ({
        ...h,
        'x-timestamp': (h['x-timestamp'] ?? '').replace('T19:00:00+07:00', 'T12:00:00+00:00'),
      }),
      '4017300',
      'Unauthorized',
    ],
  ];
  for (const [name, change, responseCode, responseMessage] of refusals) {
    it(`answers ${responseCode} to ${name}`, () => {
      const { clock, credentials, upstreams } = build();
      const headers = change(signSnapHeaders(credentials, clock.now()));
      const response = upstreams['pivot-b2b'].handle(post(B2B_PATH, B2B_BODY, headers));
      assert.equal(response.status, Number(responseCode.slice(0, 3)));
      assert.deepEqual(parseJson(response.body), { responseCode, responseMessage });
    });
  }

  const skews = [
    [-300_000, 200],
    [300_000, 200],
    [-301_000, 400],
    [301_000, 400],
  ] as const;
  for (const [skewMs, status] of skews) {
    it(`answers ${status} to a timestamp that is ${skewMs / 1000} s off`, () => {
      const { clock, credentials, upstreams } = build();
      const headers = signSnapHeaders(credentials, clock.now() + skewMs);
      const response = upstreams['pivot-b2b'].handle(post(B2B_PATH, B2B_BODY, headers));
      assert.equal(response.status, status);
      if (status === 400) assert.match(response.body, /"4007301"/);
    });
  }

  it('checks timestamps by its own, skewed clock', () => {
    const { clock, credentials, upstreams } = build();
    const request = createTokenRequests(credentials, clock.now())['pivot-b2b'];
    assert.match(upstreams['pivot-b2b'].handle(request, { clockSkewMs: 600_000 }).body, /"4007301"/);
  });

  it('accepts what openssl signs', (t) => {
    const { credentials, clock, upstreams } = build();
    const directory = mkdtempSync(join(tmpdir(), 'snap-'));
    t.after(() => rmSync(directory, { recursive: true }));
    const keyFile = join(directory, 'key.pem');
    writeFileSync(keyFile, revealCredential(credentials.byKind['pivot-b2b'], 'privateKey'), { mode: 0o600 });
    const headers = signSnapHeaders(credentials, clock.now());
    const signature = execFileSync('openssl', ['dgst', '-sha256', '-sign', keyFile], {
      input: `${headers['x-client-key']}|${headers['x-timestamp']}`,
    }).toString('base64');
    assert.equal(signature.length, 344);
    const request = post(B2B_PATH, B2B_BODY, { ...headers, 'x-signature': signature });
    assert.equal(upstreams['pivot-b2b'].handle(request).status, 200);
  });

  for (const grantType of [undefined, 'CLIENT_CREDENTIALS', 'authorization_code']) {
    it(`refuses the grant type ${grantType} for a B2B token`, () => {
      const { clock, credentials, upstreams } = build();
      const headers = signSnapHeaders(credentials, clock.now());
      const response = upstreams['pivot-b2b'].handle(post(B2B_PATH, { grantType }, headers));
      assert.match(response.body, /"4007300"/);
    });
  }

  it('answers in the documented envelope', () => {
    const { clock, credentials, upstreams, issued } = build();
    const response = upstreams['pivot-b2b'].handle(
      createTokenRequests(credentials, clock.now())['pivot-b2b'],
    );
    assert.deepEqual(parseJson(response.body), {
      responseCode: '2007300',
      responseMessage: 'Successful',
      accessToken: issued[0],
      tokenType: 'Bearer',
      expiresIn: '900',
    });
  });
});

function without(headers: RequestHeaders, name: string): RequestHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
}
