/** Requests before the one for a token: what they may save, where that may stand, and what their failures mean. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import type { FetchReport } from '../../src/core/ports.ts';
import type { HttpTransport } from '../../src/core/wire/http-call.ts';
import { parseText, problemsOf } from '../support/configuration-text.ts';
import { configurationText, describeProvider, fetchOnce, sourceOf } from '../support/described-provider.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';

const LIVE = { access_token: 'token-of-the-last-request', expires_in: 900 };

function answer(response: ServerResponse, body: string | object, status = 200): void {
  response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(typeof body === 'string' ? body : JSON.stringify(body));
}

interface Tried {
  readonly message: string;
  readonly code: string | undefined;
  /** Method, path and headers of each request. */
  readonly seen: readonly string[];
  readonly last: IncomingMessage | undefined;
  readonly body: string;
}

/** A step that answers `first`, and the request for a token, in which what it has saved stands as `${saved}`. */
async function tryStep(
  first: string | object,
  last: (url: string) => string,
  { status = 200, step = '', rest = '' } = {},
): Promise<Tried> {
  const seen: string[] = [];
  let latest: IncomingMessage | undefined;
  let body = '';
  await using server = await startLoopbackServer((request, response) => {
    latest = request;
    body = '';
    seen.push(`${request.method} ${request.url}`);
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      if (request.url === '/first') answer(response, first, status);
      else answer(response, LIVE);
    });
  });
  const report = await fetchOnce(
    describeProvider({
      credentials: ['key'],
      description: `steps: [{ url: "${server.url}/first", headers: { x-key: "\${key}" }, save: { saved: data.it }${step} }]
${last(server.url)}
${rest}`,
    }),
    { key: 'a-credential' },
  );
  const { result } = report;
  return {
    message: result.ok ? 'a token' : result.failure.message.replaceAll(server.url, 'SERVER'),
    code: result.ok ? undefined : result.failure.code,
    seen,
    last: latest,
    body,
  };
}

const IN_HOST = (url: string): string =>
  `hosts: [localhost, 127.0.0.1]
request: { url: "http://\${saved}:${new URL(url).port}/last" }`;

describe('what a step has saved, in a host', () => {
  const good: readonly (readonly [what: string, saved: string])[] = [
    ['the name of a host that is listed', 'localhost'],
    ['in upper case, which is the same host', 'LOCALHOST'],
    ['an address that is listed', '127.0.0.1'],
    ['another spelling of that address', '127.1'],
  ];
  for (const [what, saved] of good)
    it(`needs hosts and nothing else: ${what}`, async () => {
      const { message, seen } = await tryStep({ data: { it: saved } }, IN_HOST);
      assert.equal(message, 'a token');
      assert.deepEqual(seen, ['POST /first', 'POST /last']);
    });

  const bad = [
    'evil.example',
    'localhost.',
    'localhost/path',
    'localhost#',
    'localhost?a=b',
    'user@localhost',
    'localhost:1',
    'localhost\\@evil.example',
    '[::1]',
    'bücher.example',
    '2130706434',
    ' localhost',
    'localhost\r\nx-injected: 1',
    '%6cocalhost',
    '..',
    'x'.repeat(300),
  ];
  for (const saved of bad)
    it(`is refused, and nothing is sent: ${JSON.stringify(saved.slice(0, 40))}`, async () => {
      const { message, code, seen } = await tryStep({ data: { it: saved } }, IN_HOST);
      assert.match(
        message,
        /^saved, saved by an earlier request, is (?:no name of a host|a host that hosts does not list)$/,
      );
      assert.equal(code, 'response-malformed');
      assert.deepEqual(seen, ['POST /first']);
    });
});

const IN_BODY = (url: string): string =>
  `request: { url: "${url}/last", body: { json: { it: "\${saved}" } } }`;
const IN_HEADER = (url: string): string =>
  `request: { url: "${url}/last", headers: { x-saved: "\${saved}" } }`;

describe('what a step has saved', () => {
  const exact: readonly (readonly [written: string, sent: string])[] = [
    ['"  spaces and \\u00e9 "', '  spaces and é '],
    ['"a\\r\\nb: c"', 'a\r\nb: c'],
    ['"${key} \\"\\\\"', '${key} "\\'],
    ['7', '7'],
    ['true', 'true'],
    ['12345678901234567890', '12345678901234567890'],
    ['-9007199254740993', '-9007199254740993'],
    ['"478"', '478'],
  ];
  for (const [written, sent] of exact)
    it(`is sent as it was written: ${written}`, async () => {
      const { message, body } = await tryStep(`{"data":{"it":${written}}}`, IN_BODY);
      assert.equal(message, 'a token');
      assert.deepEqual(JSON.parse(body), { it: sent });
    });

  it('is sent as it was written: a megabyte of it', async () => {
    const long = 'x'.repeat(1_000_000);
    assert.deepEqual(JSON.parse((await tryStep({ data: { it: long } }, IN_BODY)).body), { it: long });
  });

  for (const written of ['null', '""', '{}', '[]', '["a"]', '"\\ud800"'])
    it(`has to be a text, number or boolean: ${written}`, async () => {
      const { message, code, seen } = await tryStep(`{"data":{"it":${written}}}`, IN_BODY);
      assert.equal(code, 'response-malformed');
      assert.equal(
        message,
        'POST SERVER/first answered 200 without data.it, which is needed for the next request',
      );
      assert.deepEqual(seen, ['POST /first']);
    });

  for (const saved of ['a\r\nx-injected: 1', 'é', ' a'])
    it(`is not sent in a header that cannot carry it: ${JSON.stringify(saved)}`, async () => {
      const { message, code, seen } = await tryStep({ data: { it: saved } }, IN_HEADER);
      // No credential is to blame, and the next answer may be a better one.
      assert.equal(code, 'response-malformed');
      assert.match(message, /^saved holds a line break/);
      assert.deepEqual(seen, ['POST /first']);
    });
});

describe('a step that fails', () => {
  const cases: readonly (readonly [what: string, first: object, options: object, code: string])[] = [
    ['with 401', {}, { status: 401 }, 'credentials-rejected'],
    ['with 429', {}, { status: 429 }, 'rate-limited'],
    ['with 503', {}, { status: 503 }, 'provider-unavailable'],
    ['with a redirect', {}, { status: 302 }, 'request-rejected'],
    ['with 200 and an error of RFC 6749', { error: 'invalid_client' }, {}, 'credentials-rejected'],
    [
      'with 200 and a status of its own',
      { code: 401 },
      { rest: 'errorStatus: code' },
      'credentials-rejected',
    ],
    [
      'with 200 and what a rule names',
      { say: 'LOCKED' },
      { rest: 'errors: [{ when: { path: say, is: LOCKED }, code: credentials-rejected }]' },
      'credentials-rejected',
    ],
    [
      'with 200 and no success by its own rule',
      { data: { it: 'x' }, ok: false },
      { step: ', success: { all: [{ path: ok, is: true }] }' },
      'request-rejected',
    ],
    ['with 200 and nothing', {}, {}, 'response-malformed'],
  ];
  for (const [what, first, options, code] of cases)
    it(`${what} is ${code}, and the next request is not sent`, async () => {
      const tried = await tryStep(first, IN_BODY, options);
      assert.equal(tried.code, code, tried.message);
      assert.deepEqual(tried.seen, ['POST /first']);
    });
});

describe('the limit of an attempt with steps', () => {
  it('covers all requests: what the first has used up the second does not get', async () => {
    const clock = new FakeClock();
    const seen: string[] = [];
    const limits: (readonly [number | undefined, number | undefined])[] = [];
    const transport: HttpTransport = {
      send: async ({ url, answerLimitMs, totalLimitMs }) => {
        seen.push(url.pathname);
        limits.push([answerLimitMs, totalLimitMs]);
        await clock.advance(4_000);
        const body = url.pathname === '/last' ? LIVE : { data: { it: 'x' } };
        return {
          status: 200,
          headers: new Map(),
          body: { bytes: Buffer.from(JSON.stringify(body)) },
          sentAtMs: clock.now(),
          sentAtMonotonicMs: clock.monotonicMs(),
          receivedAtMs: clock.now(),
        };
      },
    };
    const provider = describeProvider({
      credentials: ['key'],
      description: `steps:
  - { url: "https://a.example/1", headers: { x-key: "\${key}" }, save: { one: data.it } }
  - { url: "https://a.example/2", headers: { x-one: "\${one}" }, save: { two: data.it } }
request: { url: "https://a.example/last", headers: { x-two: "\${two}" } }`,
    });
    const fetchWith = async (timeoutMs: number): Promise<FetchReport> =>
      sourceOf(provider, { key: 'k' }, { timeoutMs, transport, clock }).fetch(
        undefined,
        new AbortController().signal,
      );
    assert.equal((await fetchWith(10_000)).result.ok, true);
    assert.deepEqual(limits, [
      [10_000, undefined],
      [6_000, 6_000],
      [2_000, 2_000],
    ]);
    const late = await fetchWith(8_000);
    assert.ok(!late.result.ok);
    assert.equal(
      late.result.failure.message,
      'POST https://a.example/last was not sent: the requests before it took all of the timeout, 8s',
    );
    assert.equal(late.wasNotSent ?? false, false);
    assert.deepEqual(seen, ['/1', '/2', '/last', '/1', '/2']);
  });
});

describe('a description with a saved value in the address', () => {
  const step = 'steps: [{ url: "https://a.example/", headers: { x-key: "${key}" }, save: { saved: it } }]\n';
  const cases: readonly (readonly [what: string, description: string, problems: readonly string[]])[] = [
    ['in the host, which hosts allows', 'hosts: [b.example]\nrequest: { url: "https://${saved}/" }', []],
    [
      'in the host, without hosts',
      'request: { url: "https://${saved}/" }',
      [
        'app.yaml:7:21 providers[0].request.url: the host depends on saved; allowed: a host that is written here, or an option; what an earlier request has saved only with hosts',
      ],
    ],
    [
      'in the host and in the path',
      'hosts: [b.example]\nrequest: { url: "https://${saved}/${saved}" }',
      [
        'app.yaml:8:21 providers[0].request.url: the address holds the credential saved, and proxies and servers log addresses; allowed: credentials in headers or body, or allowSecretInUrl: true where the API wants nothing else',
      ],
    ],
    [
      'behind credentials',
      'hosts: [b.example]\nrequest: { url: "https://a:b@${saved}/" }',
      [
        'app.yaml:8:21 providers[0].request.url: is no address that credentials may be sent to; allowed: https, or http for loopback hosts, without credentials in it',
      ],
    ],
    [
      'over plain http',
      'hosts: [b.example]\nrequest: { url: "http://${saved}/" }',
      [
        'app.yaml:8:21 providers[0].request.url: is no address that credentials may be sent to; allowed: https, or http for loopback hosts, without credentials in it',
      ],
    ],
    [
      'in the request of a chain, before which no step is taken',
      'request: { url: "https://b.example/", headers: { x-saved: "${saved}" } }\nrefresh: { token: { path: r }, request: { url: "https://b.example/", body: { json: ["${saved}", "${refreshToken}"] } } }',
      [
        'app.yaml:8:45 providers[0].refresh.request: needs saved, which is not there: steps come before the base request alone; allowed: credentials, values and the refresh token',
      ],
    ],
    [
      'hosts that no address needs',
      'hosts: [b.example]\nrequest: { url: "https://b.example/", headers: { x-saved: "${saved}" } }',
      [
        'app.yaml:7:5 providers[0].hosts: is used nowhere; allowed: an address whose host a step has saved, or no hosts',
      ],
    ],
  ];
  for (const [what, description, problems] of cases)
    it(`${what}: ${problems.length === 0 ? 'is accepted' : 'is told'}`, () => {
      const text = configurationText({ credentials: ['key'], description: `${step}${description}` });
      assert.deepEqual(problemsOf(parseText(text)), problems);
    });
});
