/** Rules 5 and 6 of the language: what an answer may do to the program, and what of it readers get. */
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe, it } from 'node:test';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import type { FetchReport } from '../../../src/core/ports.ts';
import { MAX_BODY_BYTES } from '../../../src/core/wire/http-call.ts';
import { describeProvider, faultsOf, fetchOnce } from '../../support/described-provider.ts';
import { startLoopbackServer } from '../../support/loopback-server.ts';
import { chainOf } from '../../support/prepared-kind.ts';
import { fc } from '../../support/property.ts';
import { handMadeResponse, SENT_AT_MS } from '../../support/token-response.ts';

const KEY = 'key-Zq7vK2-9041';
const GOOD = { access_token: 'token-1', expires_in: 600 };

/** One fetch of a provider that sends its key, or more, to a server that answers with `handle`. */
async function fetchFrom(
  handle: RequestListener,
  rest = '',
  credentials: Readonly<Record<string, string>> = { key: KEY },
): Promise<FetchReport> {
  await using server = await startLoopbackServer(handle);
  const provider = describeProvider({
    credentials: Object.keys(credentials),
    description: rest.includes('request:')
      ? rest.replaceAll('SERVER', server.url)
      : `request: { url: "${server.url}/t", headers: { k: "\${key}" } }\n${rest}`,
  });
  const chain = rest.includes('refresh:') ? chainOf('refresh-Zq7vK2-1') : undefined;
  return await fetchOnce(provider, credentials, chain);
}

const answering =
  (body: object | string, headers: Readonly<Record<string, string>> = {}): RequestListener =>
  (_, response) => {
    response.writeHead(200, headers).end(typeof body === 'string' ? body : JSON.stringify(body));
  };

function failureOf({ result }: FetchReport): string {
  assert.ok(!result.ok, 'it is refused');
  return `${result.failure.code}: ${result.failure.message}`;
}

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;
const nestedObjects = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;

describe('5: answers are bounded in size and depth, and have no prototype keys', () => {
  for (const isAnnounced of [true, false])
    it(`takes 1 MiB and not a byte more, ${isAnnounced ? 'announced' : 'in pieces'}`, async () => {
      for (const more of [0, 1]) {
        const report = await fetchFrom((_, response) => {
          const text = JSON.stringify(GOOD).padEnd(MAX_BODY_BYTES + more);
          if (isAnnounced) response.setHeader('content-length', text.length);
          response.write(text.slice(0, 1_000));
          // What is announced is not waited for.
          if (!isAnnounced || more === 0) response.end(text.slice(1_000));
        });
        if (more === 0) assert.ok(report.result.ok);
        else assert.match(failureOf(report), /^response-malformed: .* more than 1 MiB/);
      }
    });

  it('stops to read an endless body', async () => {
    const report = await fetchFrom((_, response) => {
      const chunk = Buffer.alloc(65_536, ' ');
      const write = (): void => {
        while (!response.destroyed && response.write(chunk));
      };
      response.on('drain', write);
      write();
    });
    assert.match(failureOf(report), /more than 1 MiB/);
  });

  it('takes 60 KiB of headers, and no 70', async () => {
    const padded = (kibibytes: number) =>
      fetchFrom(
        answering(
          GOOD,
          Object.fromEntries(Array.from({ length: kibibytes }, (_, at) => [`x-${at}`, 'y'.repeat(1_010)])),
        ),
      );
    assert.ok((await padded(60)).result.ok);
    assert.match(failureOf(await padded(70)), /more than 64 KiB of headers/);
  });

  it('stops to read endless headers', async () => {
    const report = await fetchFrom(({ socket }) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const write = (): void => {
        while (!socket.destroyed && socket.write(`x: ${'y'.repeat(8_000)}\r\n`));
      };
      socket.on('error', () => undefined).on('drain', write);
      write();
    });
    assert.match(failureOf(report), /more than 64 KiB of headers/);
  });

  const packed: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
    gzip: (bytes) => gzipSync(bytes),
    deflate: (bytes) => deflateSync(bytes),
    br: (bytes) => brotliCompressSync(bytes),
    zstd: (bytes) => zstdCompressSync(bytes),
    'gzip, gzip': (bytes) => gzipSync(gzipSync(bytes)),
    'br, gzip': (bytes) => gzipSync(brotliCompressSync(bytes)),
  };
  for (const [coding, pack] of Object.entries(packed))
    it(`unpacks no bomb: ${coding}`, async () => {
      const send = (size: number): RequestListener => {
        const bytes = pack(Buffer.from(JSON.stringify(GOOD).padEnd(size)));
        assert.ok(bytes.byteLength < 50_000);
        return (_, response) => response.writeHead(200, { 'content-encoding': coding }).end(bytes);
      };
      assert.ok((await fetchFrom(send(MAX_BODY_BYTES))).result.ok);
      for (const size of [MAX_BODY_BYTES + 1, 30 * MAX_BODY_BYTES])
        assert.match(failureOf(await fetchFrom(send(size))), /^response-malformed: .* more than 1 MiB/);
    });

  it('unpacks no more than three codings', async () => {
    const coding = 'gzip, gzip, gzip, gzip';
    const bytes = gzipSync(gzipSync(gzipSync(gzipSync(JSON.stringify(GOOD)))));
    const report = await fetchFrom((_, response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(bytes),
    );
    assert.match(failureOf(report), /more than 3 content codings/);
  });

  for (const [what, make] of [
    ['lists', () => nested(500_000)],
    ['lists beside a token', () => `{"access_token":"token-1","expires_in":600,"x":${nested(400_000)}}`],
    ['mappings beside a token', () => `{"access_token":"token-1","x":${nestedObjects(150_000)}}`],
    ['lists in the place of the token', () => `{"access_token":${nested(400_000)}}`],
    ['lists in the place of the expiry', () => `{"access_token":"token-1","expires_in":${nested(400_000)}}`],
    ['lists in the place of an error', () => `{"error":${nested(400_000)},"message":${nested(9)}}`],
    [
      'a number beside lists',
      () => `{"access_token":"token-1","n":12345678901234567890,"x":${nested(400_000)}}`,
    ],
    ['lists without an end', () => '['.repeat(1_000_000)],
  ] as const)
    it(`ends well with deep ${what}`, async () => {
      const report = await fetchFrom(
        answering(make()),
        `expiry: [{ path: expires_in }]
publish: { x: x, deep: "x[0][0][0]" }
errors: [{ when: { path: x, absent: true }, code: request-rejected }, { when: { path: x, is: "" }, code: rate-limited }]`,
      );
      if (report.result.ok) assert.deepEqual(report.result.value.fields, {});
      else assert.match(report.result.failure.code, /^(?:response-malformed|request-rejected)$/);
    });

  for (const body of [nested(400_000), `{"x":${nested(400_000)}}`, nestedObjects(150_000)])
    it(`shows the shape of a deep answer: ${body.slice(0, 12)}`, () => {
      const description = 'request: { url: "https://a.example/t", headers: { k: "${key}" } }';
      const { configured } = describeProvider({ credentials: ['key'], description });
      const [shape] = configured.explain(handMadeResponse({ body }), SENT_AT_MS);
      assert.ok(shape !== undefined && shape.found.length < 200);
    });

  it('looks no deeper than twelve steps', () => {
    const path = (steps: number): string => Array.from({ length: steps }, () => 'a').join('.');
    const description = (where: string): string =>
      `request: { url: "https://a.example/t", headers: { k: "\${key}" } }\ntoken: { path: ${where} }`;
    assert.deepEqual(faultsOf({ credentials: ['key'], description: description(path(12)) }), []);
    assert.match(
      faultsOf({ credentials: ['key'], description: description(path(13)) })[0] ?? '',
      /a path like/,
    );
  });

  /** What every object, list and text of JavaScript has. */
  const inherited = [
    '__proto__',
    'constructor',
    'constructor.name',
    'constructor.constructor',
    'prototype',
    'toString',
    'toString.name',
    'hasOwnProperty',
    'valueOf',
    '__proto__.constructor.name',
    '__defineGetter__',
    'items.length',
    'items.at',
    'items.constructor.name',
    'text.length',
    'text.constructor.name',
    'items["0"]',
    'text[0]',
  ];
  const OBJECT = { items: ['a'], text: 'abc', ...GOOD };
  for (const path of inherited)
    it(`finds nothing at ${path}`, async () => {
      const quoted = JSON.stringify(path);
      const missing = await fetchFrom(answering(OBJECT), `token: { path: ${quoted} }`);
      assert.match(failureOf(missing), /answered 200 without a token in /);
      const unsaved = await fetchFrom(
        answering(OBJECT),
        `steps: [{ url: "SERVER/s", headers: { k: "\${key}" }, save: { x: ${quoted} } }]
request: { url: "SERVER/t", headers: { x: "\${x}" } }`,
      );
      assert.match(failureOf(unsaved), /POST \S+\/s answered 200 without /);
      const { result } = await fetchFrom(
        answering(OBJECT),
        `success: { all: [{ path: ${quoted}, absent: true }] }
expiry: [{ path: ${quoted} }, { path: expires_in }]
scheme: { path: ${quoted} }
errorStatus: ${quoted}
refresh: { token: { path: ${quoted} }, request: { url: "https://a.example/r", headers: { r: "\${refreshToken}" } } }
publish: { x: ${quoted} }
request: { url: "SERVER/t", headers: { k: "\${key}" } }`.replace('https://a.example/r', 'SERVER/r'),
      );
      assert.ok(result.ok, JSON.stringify(result));
      const { fields, tokenType, refreshToken, expiresInSeconds } = result.value;
      assert.deepEqual([fields, tokenType, refreshToken, expiresInSeconds], [{}, 'Bearer', undefined, 600]);
    });

  it('reads a key of such a name that an answer has as its own, and nothing else changes', async () => {
    const body =
      '{"__proto__":{"polluted":"yes","token":"token-2"},"constructor":{"prototype":{"polluted":1}}}';
    const rest =
      'token: { path: __proto__.token }\nexpiry: [{ ttl: 1h }]\npublish: { constructor: __proto__.polluted }';
    const { result } = await fetchFrom(answering(body), rest);
    assert.ok(result.ok);
    assert.equal(result.value.accessToken.reveal(), 'token-2');
    assert.deepEqual(Object.entries(result.value.fields), [['constructor', 'yes']]);
    assert.equal(Reflect.get({}, 'polluted'), undefined);
  });

  it('finds no header and no cookie of such a name', async () => {
    const plain = answering({}, { 'set-cookie': 'a=b' });
    for (const place of [
      'header: constructor',
      'header: __proto__',
      'cookie: __proto__',
      'cookie: constructor',
    ])
      assert.match(failureOf(await fetchFrom(plain, `token: { ${place} }`)), /without a token in the /);
    const odd = answering(GOOD, { __proto__: 'x', constructor: 'y' });
    assert.ok((await fetchFrom(odd)).result.ok);
  });

  it('keeps apart credentials of such names', async () => {
    const credentials = { constructor: 'c-1', toString: 't-2', hasOwnProperty: 'h-3', valueOf: 'v-4' };
    const names = Object.keys(credentials);
    const sent: unknown[] = [];
    const { result } = await fetchFrom(
      (request, response) => {
        sent.push(...names.map((name) => request.headers[`x-${name.toLowerCase()}`]));
        response.end(JSON.stringify(GOOD));
      },
      `request: { url: "SERVER/t", headers: { ${names.map((name) => `x-${name}: "\${${name}}"`).join(', ')} } }`,
      credentials,
    );
    assert.ok(result.ok);
    assert.deepEqual(sent, ['c-1', 't-2', 'h-3', 'v-4']);
  });
});

describe('6: publish is bounded, and refused when it equals a credential or refresh token', () => {
  const PUBLISH = 'publish: { note: note }';
  const published = async (
    note: unknown,
    rest = PUBLISH,
    credentials?: Readonly<Record<string, string>>,
  ): Promise<unknown> => {
    const body = { ...GOOD, note, refresh_token: 'refresh-Zq7vK2-2', session: 'session-Zq7vK2' };
    const { result } = await fetchFrom(answering(body), rest, credentials);
    assert.ok(result.ok, JSON.stringify(result));
    if (result.value.fields['note'] === undefined) assert.match(result.value.notes.join(), /note/);
    return result.value.fields['note'];
  };

  const plain: readonly (readonly [what: string, note: unknown, expected: string | undefined])[] = [
    ['a text', 'eu-1', 'eu-1'],
    ['a number', 7, '7'],
    ['true', true, 'true'],
    ['1,024 characters', 'x'.repeat(1_024), 'x'.repeat(1_024)],
    ['1,025 characters', 'x'.repeat(1_025), undefined],
    ['a line break', 'a\nb', undefined],
    ['NUL', 'a\0b', undefined],
    ['a control character of Latin-1', 'a\u0085b', undefined],
    ['a mapping', { a: 1 }, undefined],
    ['a list', ['a'], undefined],
    ['nothing', null, undefined],
  ];
  for (const [what, note, expected] of plain)
    it(`${expected === undefined ? 'refuses' : 'takes'} ${what}`, async () => {
      assert.equal(await published(note), expected);
    });

  it('takes 16 fields of lower-case names', () => {
    const description = (names: readonly string[]): string =>
      `request: { url: "https://a.example/t", headers: { k: "\${key}" } }\npublish: { ${names.map((name) => `"${name}": a`).join(', ')} }`;
    const faults = (names: readonly string[]) =>
      faultsOf({ credentials: ['key'], description: description(names) });
    const many = Array.from({ length: 17 }, (_, at) => `field${at}`);
    assert.deepEqual(faults(many.slice(1)), []);
    assert.match(faults(many).join(), /found 17 fields; allowed: at most 16/);
    for (const name of ['A', '_a', '1a', 'a-b', 'a b', 'a.b', '', 'é', 'x'.repeat(64)])
      assert.ok(faults([name]).length > 0, name);
  });

  const secretPaths = [
    'refresh_token',
    'data.refreshToken',
    'refresh-token',
    'access_token',
    'accessToken',
    'id_token',
    'data.client_secret',
    'secretKey',
    'user.password',
    'userPassword',
    'refresh_token[0]',
    'data.tokens.refreshToken[0]',
    '["a.refresh_token"]',
  ];
  for (const path of secretPaths)
    it(`refuses ${path} by its name`, () => {
      const description = `request: { url: "https://a.example/t", headers: { k: "\${key}" } }\npublish: { note: '${path}' }`;
      assert.match(
        faultsOf({ credentials: ['key'], description }).join(),
        /is a token or secret by its name/,
      );
    });

  const CHAIN = `${PUBLISH}
refresh: { token: { path: refresh_token }, request: { url: "SERVER/r", headers: { r: "\${refreshToken}" } } }
request: { url: "SERVER/t", headers: { k: "\${key}" } }`;
  const STEPS = `${PUBLISH}
steps: [{ url: "SERVER/s", headers: { k: "\${key}" }, save: { saved: session } }]
request: { url: "SERVER/t", headers: { x: "\${saved}" } }`;
  const VALUE = `${PUBLISH}
values: { v: { base64: "u:\${key}" }, h: { hmac: sha256, key: key, text: always } }
request: { url: "SERVER/t", headers: { k: "\${v}", h: "\${h}" } }`;
  const base64 = btoa(`u:${KEY}`);
  const secrets: readonly (readonly [what: string, note: string, rest: string])[] = [
    ['a credential', KEY, PUBLISH],
    ['a credential in other text', `the key ${KEY} is good`, PUBLISH],
    ['a credential with space around', `  ${KEY} `, PUBLISH],
    ['the access token', 'token-1', PUBLISH],
    ['the refresh token that was presented', 'refresh-Zq7vK2-1', CHAIN],
    ['the new refresh token', 'refresh-Zq7vK2-2', CHAIN],
    ['the new refresh token in other text', 'r=refresh-Zq7vK2-2;', CHAIN],
    ['a saved value', 'session-Zq7vK2', STEPS],
    ['a value that shows a credential', base64, VALUE],
    ['a value that shows a credential, in other text', `Basic ${base64}`, VALUE],
  ];
  for (const [what, note, rest] of secrets)
    it(`refuses ${what}`, async () => {
      assert.equal(await published(note, rest), undefined);
      assert.equal(await published('eu-1', rest), 'eu-1');
    });

  it('refuses a credential in the place of the scheme, which readers get too', async () => {
    const typeOf = async (type: string) => {
      const body = { ...GOOD, token_type: type };
      const { result } = await fetchFrom(answering(body), 'scheme: { path: token_type }');
      assert.ok(result.ok);
      return result.value.tokenType;
    };
    assert.equal(await typeOf('Example'), 'Example');
    for (const type of [KEY, `Key-${KEY}`]) assert.equal(await typeOf(type), 'Bearer');
  });

  it('refuses a credential that is short, a number, or has space around, when it is all of it', async () => {
    for (const [key, note] of [
      ['4711', '4711'],
      ['4711', 4711],
      ['true', true],
      [' outer-space ', 'outer-space'],
      ['7', '7'],
    ] as const) {
      const rest = `${PUBLISH}\nrequest: { url: "SERVER/t", body: { form: { k: "\${key}" } } }`;
      assert.equal(await published(note, rest, { key }), undefined, key);
    }
    assert.equal(await published('shop 7', PUBLISH, { key: '7' }), 'shop 7');
  });

  it('shows no credential of at least eight characters, whatever is answered', async () => {
    const text = fc
      .string({ minLength: 8, maxLength: 20, unit: fc.constantFrom('a', 'b', '=', ' ') })
      .filter((key) => key.trim().length >= 8);
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.string({ maxLength: 6 }),
        fc.string({ maxLength: 6 }),
        async (key, before, end) => {
          const rest = `${PUBLISH}\nrequest: { url: "SERVER/t", body: { form: { k: "\${key}" } } }`;
          const note = await published(`${before}${key}${end}`, rest, { key });
          assert.equal(note, undefined);
        },
      ),
      { numRuns: 30 },
    );
  });
});
