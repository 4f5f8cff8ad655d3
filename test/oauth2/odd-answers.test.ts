/** Odd answers of a token endpoint, as oauth2-mock-server sends them over real HTTP, and what they are for the daemon. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { brotliCompressSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { Events, type MutableResponse, OAuth2Server } from 'oauth2-mock-server';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import type { FetchReport } from '../../src/core/ports.ts';
import { succeed } from '../../src/core/result.ts';
import { createTokenSource } from '../../src/providers/token-source.ts';
import { credentialsOf } from '../support/credentials.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { configureOAuth2 } from '../support/oauth2-kind.ts';
import { chainOf } from '../support/prepared-kind.ts';
import { answerWith, startRawServer } from '../support/raw-server.ts';
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

const SEED = 'seed-0123456789';

function fetchFrom(
  url: string,
  timeoutMs = TIMEOUT_MS,
  grant: 'client_credentials' | 'refresh_token' = 'client_credentials',
): Promise<FetchReport> {
  const clock = createSystemClock();
  const seed = grant === 'refresh_token' ? { refreshToken: SEED } : {};
  const given = { clientId: 'shop', clientSecret: 'a-secret', ...seed };
  const credentials = credentialsOf(given);
  const source = createTokenSource({
    kind: configureOAuth2(`{ tokenUrl: "${url}", scope: read, grant: ${grant} }`, Object.keys(given)),
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
  const chain = grant === 'refresh_token' ? chainOf(SEED) : undefined;
  return source.fetch(chain, new AbortController().signal);
}

/** `Bearer 3600`: word and seconds of life, to ten seconds, because a JWT counts whole ones; or code and retry of the failure. */
function outcomeOf({ result }: FetchReport): string {
  if (!result.ok) {
    const { code, retry, retryAfterMs } = result.failure;
    return [code, retry, ...(retryAfterMs === undefined ? [] : [retryAfterMs])].join(' ');
  }
  const { tokenType, expiresAtMs, issuedAtMs } = result.value;
  return `${tokenType} ${Math.round((expiresAtMs - issuedAtMs) / 10_000) * 10}`;
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
    ['a token_type that binds the token to a key', bodyWith({ token_type: 'DPoP' }), 'DPoP 3600'],
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
    ['an expires_in of more than ten years', bodyWith({ expires_in: 1e12 }), 'response-malformed backoff'],
    ['an expires_in that is no number', bodyWith({ expires_in: [1800] }), 'Bearer 3600'],
    ['a scope that is less than asked for', bodyWith({ scope: '' }), 'Bearer 3600'],
    ['an empty error beside a token', bodyWith({ error: '' }), 'Bearer 3600'],
    ['an expires_in below 0', bodyWith({ expires_in: -5 }), 'response-malformed backoff'],
    ['no access_token', without('access_token'), 'response-malformed backoff'],
    ['an empty access_token', bodyWith({ access_token: '' }), 'response-malformed backoff'],
    ['an access_token that is a number', bodyWith({ access_token: 7 }), 'response-malformed backoff'],
    [
      'an access_token with all that a header can carry',
      bodyWith({ access_token: '!#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~"0' }),
      'Bearer 3600',
    ],
    [
      'an access_token with a blank inside',
      bodyWith({ access_token: 'a b-0123456789' }),
      'response-malformed backoff',
    ],
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
    ['403 invalid_client', refusal(403, { error: 'invalid_client' }), 'credentials-rejected needs-human'],
    ['401 server_error', refusal(401, { error: 'server_error' }), 'provider-unavailable backoff'],
    ['404 with words of OAuth', refusal(404, { error: 'invalid_client' }), 'request-rejected needs-human'],
    ['415', refusal(415, ''), 'request-rejected needs-human'],
    [
      '400 interaction_required',
      refusal(400, { error: 'interaction_required' }),
      'credentials-rejected needs-human',
    ],
    ['429', refusal(429, { error: 'slow_down' }), 'rate-limited backoff'],
    ['500', refusal(500, { error: 'server_error' }), 'provider-unavailable backoff'],
    ['503', refusal(503, ''), 'provider-unavailable backoff'],
  ];

describe('odd answers of oauth2-mock-server', { timeout: 600_000 }, () => {
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

const ANSWER = JSON.stringify({ access_token: OPAQUE, token_type: 'Bearer', expires_in: 3600 });
const SIZE = Buffer.byteLength(ANSWER);

const bytesOf = (head: string, body: string | Uint8Array = ANSWER) => [
  `HTTP/1.1 200 OK\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${head}\r\n`,
  body,
];
const plain = (type: string, body?: string | Uint8Array) => bytesOf(`Content-Type: ${type}\r\n`, body);

/** What servers and what stands in front of them make of an answer; as it is sent, byte by byte. */
const WIRE: readonly (readonly [title: string, bytes: readonly (string | Uint8Array)[], outcome: string])[] =
  [
    ['JSON as text/plain', plain('text/plain'), 'Bearer 3600'],
    ['JSON as text/html', plain('text/html'), 'Bearer 3600'],
    ['JSON of no type', bytesOf(''), 'Bearer 3600'],
    ['a byte order mark', plain('application/json', `\u{feff}${ANSWER}`), 'Bearer 3600'],
    [
      'UTF-16, which is no JSON',
      plain('application/json', Buffer.from(ANSWER, 'utf16le')),
      'response-malformed backoff',
    ],
    [
      'a login page',
      plain('text/html', '<!doctype html><title>Sign in</title>'),
      'response-malformed backoff',
    ],
    ['gzip', bytesOf('Content-Encoding: gzip\r\n', gzipSync(ANSWER)), 'Bearer 3600'],
    ['brotli', bytesOf('Content-Encoding: br\r\n', brotliCompressSync(ANSWER)), 'Bearer 3600'],
    ['zstd', bytesOf('Content-Encoding: zstd\r\n', zstdCompressSync(ANSWER)), 'Bearer 3600'],
    ['text that is called gzip', bytesOf('Content-Encoding: gzip\r\n'), 'response-malformed backoff'],
    [
      'chunks with trailers',
      [
        'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n',
        `${SIZE.toString(16)};name=value\r\n${ANSWER}\r\n0\r\nX-Sum: 1\r\n\r\n`,
      ],
      'Bearer 3600',
    ],
    [
      'interim answers first',
      ['HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n', ...bytesOf('')],
      'Bearer 3600',
    ],
  ];

describe('an answer on the wire', () => {
  for (const [title, bytes, outcome] of WIRE)
    it(`${title}: ${outcome}`, async (t) => {
      const { url } = await startRawServer(t, answerWith(...bytes));
      assert.equal(outcomeOf(await fetchFrom(`${url}/token`)), outcome);
    });

  for (const version of ['HTTP/1.0', 'HTTP/1.1'])
    it(`of ${version} that ends with the connection: Bearer 3600`, async (t) => {
      const { url } = await startRawServer(t, (socket) => {
        socket.once('data', () => socket.end(`${version} 200 OK\r\nConnection: close\r\n\r\n${ANSWER}`));
      });
      assert.equal(outcomeOf(await fetchFrom(`${url}/token`)), 'Bearer 3600');
    });

  it('in form fields is told as such', async (t) => {
    const form = plain(
      'application/x-www-form-urlencoded; charset=utf-8',
      `access_token=${OPAQUE}&expires_in=3600`,
    );
    const { url } = await startRawServer(t, answerWith(...form));
    const { result } = await fetchFrom(`${url}/token`);
    assert.equal(
      result.ok || result.failure.message,
      `POST ${url}/token answered 200 with form fields instead of JSON: check that this is the address of a token API`,
    );
  });
});

describe('the advice of a failure', () => {
  for (const status of [200, 302, 404, 405, 410, 415, 421])
    it(`${status} names no setting that an entry with tokenUrl does not have`, async () => {
      await using upstream = await startLoopbackServer((_, response) =>
        response.writeHead(status, { location: '/login' }).end(),
      );
      const { result } = await fetchFrom(`${upstream.url}/token`);
      assert.match(result.ok ? '' : result.failure.message, /(?:check|correct) .*address/);
      assert.doesNotMatch(result.ok ? '' : result.failure.message, /baseUrl/);
    });
});

describe('an answer to a refresh token', { timeout: 600_000 }, () => {
  const answers: readonly (readonly [
    title: string,
    status: number,
    body: object,
    outcome: string,
    next?: string,
  ])[] = [
    ['a new one', 200, { access_token: OPAQUE, refresh_token: 'next' }, 'Bearer 3600', 'next'],
    ['the same again', 200, { access_token: OPAQUE, refresh_token: SEED }, 'Bearer 3600', SEED],
    ['none', 200, { access_token: OPAQUE }, 'Bearer 3600'],
    ['an empty one', 200, { access_token: OPAQUE, refresh_token: '' }, 'Bearer 3600'],
    ['null', 200, { access_token: OPAQUE, refresh_token: null }, 'Bearer 3600'],
    ['invalid_client', 401, { error: 'invalid_client' }, 'credentials-rejected needs-human'],
    ['invalid_request', 400, { error: 'invalid_request' }, 'request-rejected needs-human'],
    ['invalid_grant', 400, { error: 'invalid_grant' }, 'chain-broken needs-human'],
    ['invalid_grant as 200', 200, { error: 'invalid_grant' }, 'chain-broken needs-human'],
    ['bad_refresh_token (GitHub)', 200, { error: 'bad_refresh_token' }, 'chain-broken needs-human'],
    [
      'invalid_refresh_token (Slack)',
      200,
      { ok: false, error: 'invalid_refresh_token' },
      'chain-broken needs-human',
    ],
    ...['interaction_required', 'login_required', 'consent_required'].map(
      (error) => [`${error} (Entra)`, 400, { error }, 'chain-broken needs-human'] as const,
    ),
  ];
  for (const [title, status, body, outcome, next] of answers)
    it(`${title}: ${outcome}`, async () => {
      await using upstream = await startLoopbackServer((_, response) =>
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      );
      const report = await fetchFrom(`${upstream.url}/token`, TIMEOUT_MS, 'refresh_token');
      assert.equal(outcomeOf(report), outcome);
      assert.equal(report.result.ok ? report.result.value.refreshToken?.reveal() : undefined, next);
    });
});
