/** Odd answers of a token endpoint, as oauth2-mock-server sends them over real HTTP, and what they are for the daemon. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Events, type MutableResponse, OAuth2Server } from 'oauth2-mock-server';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import type { FetchReport } from '../../src/core/ports.ts';
import { succeed } from '../../src/core/result.ts';
import { createTokenSource } from '../../src/providers/token-source.ts';
import { credentialsOf } from '../support/credentials.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { configureOAuth2 } from '../support/oauth2-kind.ts';
import { createDirectTransport } from '../support/transport.ts';

/** So that no test waits for what does not come. */
const TIMEOUT_MS = 10_000;

const server = new OAuth2Server();
before(async () => {
  await server.issuer.keys.generate('RS256');
  await server.start(0, '127.0.0.1');
});
after(() => server.stop());

function tokenUrl(): string {
  const { port } = server.address();
  return `http://127.0.0.1:${port}/token`;
}

function fetchFrom(url: string, timeoutMs = TIMEOUT_MS): Promise<FetchReport> {
  const clock = createSystemClock();
  const credentials = credentialsOf({ clientId: 'shop', clientSecret: 'a-secret' });
  const source = createTokenSource({
    kind: configureOAuth2(`{ tokenUrl: "${url}", scope: read }`, ['clientId', 'clientSecret']),
    readCredentials: async () => ({
      credentials: succeed(credentials),
      untilChanged: () => new Promise<never>(() => undefined),
    }),
    baseUrl: '',
    timeoutMs,
    transport: createDirectTransport(clock),
    clock,
    random: createSystemRandom(),
  });
  return source.fetch(undefined, new AbortController().signal);
}

/** `Bearer 3600`: word and seconds of life; or code and retry of the failure. */
function outcomeOf({ result }: FetchReport): string {
  if (!result.ok) {
    const { code, retry, retryAfterMs } = result.failure;
    return [code, retry, ...(retryAfterMs === undefined ? [] : [retryAfterMs])].join(' ');
  }
  const { tokenType, expiresAtMs, issuedAtMs } = result.value;
  return `${tokenType} ${Math.ceil((expiresAtMs - issuedAtMs) / 1000)}`;
}

const bodyWith = (fields: object) => (response: MutableResponse) => {
  Object.assign(response.body, fields);
};
const without = (name: string) => (response: MutableResponse) => {
  if (response.body !== '') delete response.body[name];
};
const refusal = (statusCode: number, body: MutableResponse['body']) => (response: MutableResponse) => {
  Object.assign(response, { statusCode, body });
};

/** The server's own tokens are JWTs that live an hour. */
const OPAQUE = 'an-opaque-token-0123456789';

const ODD: readonly (readonly [title: string, bend: (response: MutableResponse) => void, outcome: string])[] =
  [
    ['nothing odd', () => undefined, 'Bearer 3600'],
    ['token_type in lower case', bodyWith({ token_type: 'bearer' }), 'Bearer 3600'],
    ['token_type in upper case', bodyWith({ token_type: 'BEARER' }), 'Bearer 3600'],
    ['no token_type', without('token_type'), 'Bearer 3600'],
    ['a token_type of the provider', bodyWith({ token_type: 'Example' }), 'Example 3600'],
    ['expires_in as text', bodyWith({ expires_in: '1800' }), 'Bearer 1800'],
    ['expires_in with decimals', bodyWith({ expires_in: 1799.5 }), 'Bearer 1800'],
    ['no expires_in, beside a JWT that says it', without('expires_in'), 'Bearer 3600'],
    [
      'no expires_in at all: the usual life',
      bodyWith({ access_token: OPAQUE, expires_in: undefined }),
      'Bearer 3600',
    ],
    [
      'expires_in that is no number, beside a JWT that says it',
      bodyWith({ expires_in: 'soon' }),
      'Bearer 3600',
    ],
    [
      'expires_in in a form that nobody knows: the usual life',
      bodyWith({ access_token: OPAQUE, expires_in: 'soon' }),
      'Bearer 3600',
    ],
    ['expires_in of 0', bodyWith({ expires_in: 0 }), 'response-malformed backoff'],
    ['an expires_in below 0', bodyWith({ expires_in: -5 }), 'response-malformed backoff'],
    ['no access_token', without('access_token'), 'response-malformed backoff'],
    ['an empty access_token', bodyWith({ access_token: '' }), 'response-malformed backoff'],
    ['an access_token that is a number', bodyWith({ access_token: 7 }), 'response-malformed backoff'],
    ['no body', refusal(200, ''), 'response-malformed backoff'],
    [
      'an error with status 200',
      refusal(200, { error: 'invalid_client' }),
      'credentials-rejected needs-human',
    ],
    ['400 invalid_client', refusal(400, { error: 'invalid_client' }), 'credentials-rejected needs-human'],
    ['401 without a body', refusal(401, ''), 'credentials-rejected needs-human'],
    [
      '400 unauthorized_client',
      refusal(400, { error: 'unauthorized_client' }),
      'credentials-rejected needs-human',
    ],
    ['400 invalid_grant', refusal(400, { error: 'invalid_grant' }), 'credentials-rejected needs-human'],
    ['400 invalid_scope', refusal(400, { error: 'invalid_scope' }), 'request-rejected needs-human'],
    ['400 invalid_request', refusal(400, { error: 'invalid_request' }), 'request-rejected needs-human'],
    [
      '400 unsupported_grant_type',
      refusal(400, { error: 'unsupported_grant_type' }),
      'request-rejected needs-human',
    ],
    [
      '400 temporarily_unavailable',
      refusal(400, { error: 'temporarily_unavailable' }),
      'provider-unavailable backoff',
    ],
    ['400 without a body', refusal(400, ''), 'request-rejected needs-human'],
    ['429', refusal(429, { error: 'slow_down' }), 'rate-limited backoff'],
    ['500', refusal(500, { error: 'server_error' }), 'provider-unavailable backoff'],
    ['503', refusal(503, ''), 'provider-unavailable backoff'],
  ];

describe('odd answers of oauth2-mock-server', { timeout: 60_000 }, () => {
  for (const [title, bend, outcome] of ODD) {
    it(`${title}: ${outcome}`, async () => {
      server.service.once(Events.BeforeResponse, bend);
      assert.equal(outcomeOf(await fetchFrom(tokenUrl())), outcome);
    });
  }

  it('an answer that does not come is provider-unavailable', async () => {
    await using silent = await startLoopbackServer(() => undefined);
    assert.equal(outcomeOf(await fetchFrom(`${silent.url}/token`, 50)), 'provider-unavailable backoff');
    assert.equal(silent.requests.length, 1);
  });
});
