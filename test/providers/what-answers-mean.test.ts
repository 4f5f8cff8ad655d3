/** What a provider's answer means, through the real HTTP path: hand-made answers on a port, every kind that can be tried. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import { succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import type { ProviderKind } from '../../src/providers/provider.ts';
import { createTokenSource } from '../../src/providers/token-source.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { jsonWebToken } from '../support/json-web-token.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { canaryCredentials, chainOf, shippedKind } from '../support/prepared-kind.ts';
import { configureKind } from '../support/provider-bench.ts';
import { createDirectTransport } from '../support/transport.ts';

const apimw = shippedKind('apimw');
const paysecurez = shippedKind('paysecurez');
const pik = shippedKind('pik');
const pivot = shippedKind('pivot');

const live = new AbortController().signal;

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object | string;
  /** `lifetime` of the configuration, in milliseconds. */
  readonly lifetimeMs?: number;
  readonly options?: object;
  readonly hasChain?: boolean;
  /** The access token that readers see. */
  readonly published?: string;
}

/** What the kind makes of it: `ok 900` with notes, or code, retry and message. */
async function ask(kind: ProviderKind, answer: Answer): Promise<readonly [string, string]> {
  const clock = new FakeClock();
  await using server = await startLoopbackServer((_, response) => {
    const { status = 200, headers = {}, body = '' } = answer;
    const date = new Date(clock.now()).toUTCString();
    response.writeHead(status, { 'content-type': 'application/json', date, ...headers });
    response.end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  const credentials = new Map(
    Object.entries(canaryCredentials(kind)).map(([name, text]) => [name, new SecretText(text)]),
  );
  const source = createTokenSource({
    kind: configureKind(kind, answer.options),
    baseUrl: server.url,
    random: createSystemRandom(),
    timeoutMs: 10_000,
    ...(answer.lifetimeMs === undefined ? {} : { lifetimeMs: answer.lifetimeMs }),
    transport: createDirectTransport(clock),
    clock,
    readCredentials: async () => ({
      credentials: succeed(credentials),
      untilChanged: () => new Promise(() => {}),
    }),
  });
  const { result } = await source.fetch(
    answer.hasChain === true ? chainOf('rt-1') : undefined,
    live,
    () => false,
    answer.published === undefined ? undefined : new SecretText(answer.published).fingerprint(),
  );
  if (!result.ok) return [`${result.failure.code} ${result.failure.retry}`, result.failure.message];
  const { expiresAtMs, issuedAtMs, notes } = result.value;
  return [`ok ${(expiresAtMs - issuedAtMs) / 1000}`, notes.join('; ')];
}

const nowSeconds = new FakeClock().now() / 1000;
const over = jsonWebToken({ iat: Math.floor(nowSeconds) - 1200, exp: Math.floor(nowSeconds) - 300 });
const pivotToken = (data: object) => ({ code: '00', data: { accessToken: 'token', ...data } });
const PAGE = '<!DOCTYPE html><html><title>Access Denied</title>Reference 18.2f</html>';
const page = { 'content-type': 'text/html' };

describe('an answer', () => {
  const cases: readonly (readonly [string, ProviderKind, Answer, string, RegExp])[] = [
    [
      'with a token that is over by its own exp',
      paysecurez,
      { body: { access_token: over, expires_in: 900 } },
      'response-malformed backoff',
      /own exp lies 5m in the past/,
    ],
    ['with hh:mm:ss', pivot, { body: pivotToken({ expiresIn: '00:15:00' }) }, 'ok 900', /^$/],
    [
      'with hh:mm:ss at PIK',
      pik,
      { body: { code: 200, data: { token: 'token', expireTime: '00:30:00' } } },
      'ok 1800',
      /^$/,
    ],
    [
      'in milliseconds',
      pivot,
      { body: pivotToken({ expiresIn: 300_000 }) },
      'ok 300',
      /read as milliseconds/,
    ],
    [
      'with an hour in milliseconds',
      pivot,
      { body: pivotToken({ expiresIn: 3_600_000 }) },
      'ok 3600',
      /read as milliseconds/,
    ],
    ['with 900s', pivot, { body: pivotToken({ expiresIn: '900s' }) }, 'ok 900', /^$/],
    ['with PT15M', pivot, { body: pivotToken({ expiresIn: 'PT15M' }) }, 'ok 900', /^$/],
    [
      'without expiry and a configured lifetime',
      pik,
      { body: { code: 200, data: { token: 'token' } }, lifetimeMs: 75_000 },
      'ok 75',
      /expireTime missing, assumed 1m 15s/,
    ],
    [
      'with an expiry that nobody knows and a configured lifetime',
      pik,
      { body: { code: 200, data: { token: 'token', expireTime: 'later' } }, lifetimeMs: 75_000 },
      'ok 75',
      /form that is not known and is ignored, assumed 1m 15s/,
    ],
    [
      'with a second of life',
      pivot,
      { body: pivotToken({ expiresIn: 1 }) },
      'response-malformed backoff',
      /ends in 1s; less than 10s is of no use/,
    ],
    [
      'with a second of life, and it is the one that readers see',
      pivot,
      { body: pivotToken({ expiresIn: 1, accessToken: 'published' }), published: 'published' },
      'ok 1',
      /^$/,
    ],
    [
      'of a cache',
      pivot,
      {
        headers: { age: '600', date: new Date(new FakeClock().now() - 600_000).toUTCString() },
        body: pivotToken({ expiresIn: 900 }),
      },
      'ok 300',
      /the answer is 10m old \(Age\)/,
    ],
    [
      'with expires_in and an earlier expires_at',
      paysecurez,
      { body: { access_token: 'token', expires_in: 900, expires_at: Math.floor(nowSeconds) + 600 } },
      `ok ${Math.floor(nowSeconds) + 600 - nowSeconds}`,
      /^$/,
    ],
    ...[0, '0', '00', 200, '200', 'success', true].map(
      (code) =>
        [
          `of Pivot with the code ${JSON.stringify(code)} and a token`,
          pivot,
          { body: { ...pivotToken({ expiresIn: 900 }), code } },
          'ok 900',
          /^$/,
        ] as const,
    ),
    [
      'of Pivot with another code and a token',
      pivot,
      { body: { ...pivotToken({}), code: '05' } },
      'request-rejected needs-human',
      /./,
    ],
    [
      'with a token in white space',
      pivot,
      { body: pivotToken({ accessToken: ' Bearer token\n', expiresIn: 900 }) },
      'ok 900',
      /held white space/,
    ],
    [
      'with a token of two words',
      pivot,
      { body: pivotToken({ accessToken: 'to ken' }) },
      'response-malformed backoff',
      /holds white space or a line break inside: the token is not used/,
    ],
    [
      'with a token of 33 kB',
      pivot,
      { body: pivotToken({ accessToken: 'x'.repeat(33_000) }) },
      'response-malformed backoff',
      /takes 33000 bytes, and at most 31000 fit/,
    ],
    ...[200, 400, 401, 500].map(
      (status) =>
        [
          `${status} with invalid_client`,
          paysecurez,
          { status, body: { error: 'invalid_client', error_description: 'Client authentication failed' } },
          'credentials-rejected needs-human',
          /answered \d+ invalid_client \(\.\.\. authentication failed\): check clientId/,
        ] as const,
    ),
    ...([pik, pivot, apimw] as const).map(
      (kind) =>
        [
          `200 with invalid_client of ${kind.kind}`,
          kind,
          { body: { error: 'invalid_client' } },
          'credentials-rejected needs-human',
          /invalid_client/,
        ] as const,
    ),
    [
      '400 with unauthorized_client',
      paysecurez,
      { status: 400, body: { error: 'unauthorized_client' } },
      'credentials-rejected needs-human',
      /unauthorized_client/,
    ],
    [
      '400 with access_denied',
      paysecurez,
      { status: 400, body: { error: 'access_denied' } },
      'credentials-rejected needs-human',
      /access_denied/,
    ],
    [
      '400 with invalid_grant',
      paysecurez,
      { status: 400, body: { error: 'invalid_grant' } },
      'credentials-rejected needs-human',
      /invalid_grant/,
    ],
    [
      '400 with invalid_scope',
      paysecurez,
      { status: 400, body: { error: 'invalid_scope' } },
      'request-rejected needs-human',
      /invalid_scope/,
    ],
    [
      '400 with temporarily_unavailable',
      paysecurez,
      { status: 400, body: { error: 'temporarily_unavailable' } },
      'provider-unavailable backoff',
      /temporarily_unavailable/,
    ],
    [
      '200 with server_error',
      paysecurez,
      { body: { error: 'server_error' } },
      'provider-unavailable backoff',
      /server_error/,
    ],
    [
      '400 with slow_down',
      paysecurez,
      { status: 400, body: { error: 'slow_down' } },
      'rate-limited backoff',
      /slow_down/,
    ],
    [
      '401 while the clocks differ',
      paysecurez,
      {
        status: 401,
        headers: { date: new Date(new FakeClock().now() + 600_000).toUTCString() },
        body: { message: 'Unauthorized' },
      },
      'credentials-rejected needs-human',
      /our clock is [\dmsh ]+ behind .*, a probable cause/,
    ],
    ...[401, 403, 503].map(
      (status) =>
        [
          `${status} with the page of a firewall`,
          pivot,
          { status, headers: page, body: PAGE },
          'provider-unavailable backoff',
          /with an HTML page, probably from a proxy, a firewall or a login, not the API: will be tried again/,
        ] as const,
    ),
    [
      '403 with a page, with a refresh token',
      apimw,
      { status: 401, headers: page, body: PAGE, options: { useRefreshToken: true }, hasChain: true },
      'provider-unavailable backoff',
      /HTML page/,
    ],
    [
      '400 without a word, with a refresh token',
      apimw,
      { status: 400, options: { useRefreshToken: true }, hasChain: true },
      'request-rejected needs-human',
      /answered 400: the refresh token may be spent, expired or revoked; else check the options of this provider; next try/,
    ],
    [
      '400 with a page, with a refresh token',
      apimw,
      { status: 400, headers: page, body: PAGE, options: { useRefreshToken: true }, hasChain: true },
      'request-rejected needs-human',
      /HTML page, probably from a proxy, a firewall or a login, not the API: check the options/,
    ],
    [
      '429 with a page',
      pivot,
      { status: 429, headers: page, body: PAGE },
      'rate-limited backoff',
      /HTML page/,
    ],
    [
      '401 with a page and a challenge',
      pivot,
      { status: 401, headers: { ...page, 'www-authenticate': 'Basic realm="api"' }, body: PAGE },
      'credentials-rejected needs-human',
      /HTML page/,
    ],
    [
      '200 with a page',
      pivot,
      { headers: page, body: PAGE },
      'response-malformed backoff',
      /200 with an HTML page, probably/,
    ],
    ['407', pivot, { status: 407, body: {} }, 'request-rejected needs-human', /a proxy wants credentials/],
    ['405', pivot, { status: 405, body: {} }, 'request-rejected needs-human', /does not take the method/],
    ['415', pivot, { status: 415, body: {} }, 'request-rejected needs-human', /does not take such a body/],
    ['501', pivot, { status: 501, body: {} }, 'provider-unavailable backoff', /will be tried again/],
    ['204', pivot, { status: 204 }, 'response-malformed backoff', /204 with an empty body/],
    ['200 without a body', pivot, {}, 'response-malformed backoff', /200 with an empty body/],
    [
      'with a byte order mark',
      pivot,
      { body: `\ufeff${JSON.stringify(pivotToken({ expiresIn: 900 }))}` },
      'ok 900',
      /^$/,
    ],
    [
      'with something after the JSON',
      pivot,
      { body: `${JSON.stringify(pivotToken({}))}\n{}` },
      'response-malformed backoff',
      /a body that is not JSON/,
    ],
    [
      'with a guard before the JSON',
      pivot,
      { body: `)]}'\n${JSON.stringify(pivotToken({}))}` },
      'response-malformed backoff',
      /a body that is not JSON/,
    ],
    [
      'that is an array',
      pivot,
      { body: [pivotToken({})] },
      'response-malformed backoff',
      /JSON that is not an object/,
    ],
    [
      'of a million brackets',
      pivot,
      { body: '['.repeat(1_000_000) },
      'response-malformed backoff',
      /not JSON/,
    ],
    [
      'that names a prototype',
      pivot,
      { body: '{"__proto__":{"data":{"accessToken":"token"}},"code":"00"}' },
      'response-malformed backoff',
      /without a token/,
    ],
    [
      'with a token that is a number',
      pivot,
      { body: '{"code":"00","data":{"accessToken":9007199254740993}}' },
      'response-malformed backoff',
      /is not text/,
    ],
  ];
  for (const [what, kind, answer, outcome, said] of cases) {
    test(`${what} is ${outcome}`, async () => {
      const [code, message] = await ask(kind, answer);
      assert.equal(code, outcome, message);
      assert.match(message, said);
    });
  }
});
