/**
 * What is filled into a request arrives byte for byte, whatever it holds, in every place that a description knows; or it
 * is refused with the name of the credential and without its value. Read back by a real server and by parsers that are
 * not ours.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { decodeJwt } from 'jose';
import { isJsonObject } from '../../src/core/wire/json.ts';
import {
  buildRequest,
  type DescribedProvider,
  describeProvider,
  fetchOnce,
} from '../support/described-provider.ts';
import { type LoopbackServer, startLoopbackServer } from '../support/loopback-server.ts';
import { fc } from '../support/property.ts';

const AWKWARD = [
  'abc||def',
  'x${random}y',
  '${other}',
  '$${x}',
  '"478"',
  '478',
  ' 478',
  'true',
  'null',
  'a"b\\c',
  '+&=%',
  '%41%2F',
  'a/b?c#d;e',
  '../..',
  '..',
  '.',
  'a:b',
  "it's (1) * !",
  'ünï 漢字 🔑',
  'e\u0301',
  ' outer ',
  'two\r\nlines: x',
  'tab\there',
  '\u0000',
  '\u2028',
  '\ud800',
  '__proto__',
  '{{x}}',
  '<x>&amp;',
  '$&$1$$',
];

const secrets = fc.oneof(
  fc.constantFrom(...AWKWARD),
  fc.string({ minLength: 1, maxLength: 40, unit: 'binary' }),
  fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' }),
  fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme-ascii' }),
  fc.array(fc.constantFrom(...AWKWARD), { minLength: 1, maxLength: 4 }).map((parts) => parts.join('')),
);

interface Received {
  readonly target: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

interface Place {
  /** Below the entry; the server's address stands for SERVER. */
  readonly description: string;
  /** The credential, as the server finds it. */
  readonly read: (received: Received) => unknown;
  /** In place of the credential itself. */
  readonly expected?: (secret: string) => unknown;
}

const URL_OF = 'url: "SERVER/token"';
const rest = (value: string) => decodeURIComponent(value);
const jsonOf = ({ body }: Received, ...path: string[]): unknown =>
  path.reduce<unknown>((value, key) => (isJsonObject(value) ? value[key] : undefined), JSON.parse(body));
const basicOf = ({ headers }: Received): string =>
  Buffer.from(String(headers['authorization']).replace('Basic ', ''), 'base64').toString('utf8');
const afterColon = (pair: string): string => pair.slice(pair.indexOf(':') + 1);
const hmacOf = (key: string, message: string): string =>
  createHmac('sha256', key).update(message).digest('hex');
const value = (node: string): string =>
  `request: { ${URL_OF}, body: { json: { v: "\${v}" } } }\nvalues: { v: ${node} }`;
const claimOf = (received: Received): unknown => decodeJwt(String(jsonOf(received, 'v')))['c'];

const PLACES: Readonly<Record<string, Place>> = {
  path: {
    description: 'request: { url: "SERVER/a/${secret}/z" }\nallowSecretInUrl: true',
    read: ({ target }) => rest(/^\/a\/(.*)\/z$/.exec(target)?.[1] ?? ''),
  },
  'a part of a path segment': {
    description: 'request: { url: "SERVER/a/x${secret}" }\nallowSecretInUrl: true',
    read: ({ target }) => rest(/^\/a\/x(.*)$/.exec(target)?.[1] ?? ''),
  },
  query: {
    description: `request: { ${URL_OF}, query: { "q&=": "\${secret}", z: "1" } }\nallowSecretInUrl: true`,
    read: ({ target }) => new URL(`http://x${target}`).searchParams.get('q&='),
  },
  form: {
    description: `request: { ${URL_OF}, body: { form: { f: "<\${secret}>", z: "1" } } }`,
    read: ({ body }) => new URLSearchParams(body).get('f')?.slice(1, -1),
  },
  'an optional form field': {
    description: `request: { ${URL_OF}, body: { form: { f: { optional: secret } } } }`,
    read: ({ body }) => new URLSearchParams(body).get('f'),
  },
  'a JSON text': {
    description: `request: { ${URL_OF}, body: { json: { a: [{ "b c": "\${secret}" }] } } }`,
    read: (received) => {
      const list = jsonOf(received, 'a');
      return Array.isArray(list) && isJsonObject(list[0]) ? list[0]['b c'] : undefined;
    },
  },
  'a JSON number': {
    description: `request: { ${URL_OF}, body: { json: { a: { number: "\${secret}" } } } }`,
    read: ({ body }) => body,
    expected: (secret) => `{"a":${secret}}`,
  },
  'a JSON boolean': {
    description: `request: { ${URL_OF}, body: { json: { a: { boolean: "\${secret}" } } } }`,
    read: ({ body }) => body,
    expected: (secret) => `{"a":${secret}}`,
  },
  'a text body': {
    description: `request: { ${URL_OF}, body: { text: "<\${secret}>" } }`,
    read: ({ body }) => body.slice(1, -1),
  },
  header: {
    description: `request: { ${URL_OF}, headers: { X-Key: "\${secret}" } }`,
    read: ({ headers }) => headers['x-key'],
  },
  'a part of a header': {
    description: `request: { ${URL_OF}, headers: { X-Key: "Key <\${secret}>" } }`,
    read: ({ headers }) => String(headers['x-key']).slice(5, -1),
  },
  'Basic, raw': {
    description: `request: { ${URL_OF}, basic: { user: u, password: "\${secret}", encoding: raw } }`,
    read: (received) => afterColon(basicOf(received)),
  },
  'the user of Basic, raw': {
    description: `request: { ${URL_OF}, basic: { user: "\${secret}", password: p, encoding: raw } }`,
    read: (received) => basicOf(received).slice(0, -2),
  },
  'Basic, form-encoded': {
    description: `request: { ${URL_OF}, basic: { user: u, password: "\${secret}", encoding: form } }`,
    read: (received) => new URLSearchParams(`p=${afterColon(basicOf(received))}`).get('p'),
  },
  'the user of Basic, form-encoded': {
    description: `request: { ${URL_OF}, basic: { user: "\${secret}", password: p, encoding: form } }`,
    read: (received) => new URLSearchParams(`u=${basicOf(received).split(':')[0]}`).get('u'),
  },
  'the key of an hmac': {
    description: value('{ hmac: sha256, key: secret, text: message }'),
    read: (received) => jsonOf(received, 'v'),
    expected: (secret) => hmacOf(secret, 'message'),
  },
  'the text of an hmac': {
    description: value('{ hmac: sha256, key: secret, text: "a${secret}b" }'),
    read: (received) => jsonOf(received, 'v'),
    expected: (secret) => hmacOf(secret, `a${secret}b`),
  },
  'base64 of a value': {
    description: value('{ base64: "${secret}" }'),
    read: (received) => Buffer.from(String(jsonOf(received, 'v')), 'base64').toString('utf8'),
  },
  'a claim of a jwt': {
    description: value('{ jwt: HS256, key: key, claims: { c: "${secret}" } }'),
    read: claimOf,
  },
  'a sorted item': {
    description: value('{ sorted: { b: "${secret}", a: "1" } }'),
    read: (received) => jsonOf(received, 'v'),
    expected: (secret) => `a=1&b=${secret}`,
  },
  'a value of a value': {
    description: `${value('{ text: "<${w}>" }').replace('values: {', 'values: { w: { text: "${secret}" },')}`,
    read: (received) => String(jsonOf(received, 'v')).slice(1, -1),
  },
};

describe('A credential is sent byte for byte, or refused by name', () => {
  let server: LoopbackServer;
  let latest: Received | undefined;
  before(async () => {
    server = await startLoopbackServer((request, response) => {
      void text(request).then((body) => {
        latest = { target: request.url ?? '', headers: request.headers, body };
        response.end(JSON.stringify({ access_token: 'token-1', expires_in: 600 }));
      });
    });
  });
  after(() => server[Symbol.asyncDispose]());

  for (const [name, place] of Object.entries(PLACES)) {
    test(`in ${name}`, async () => {
      const needsKey = place.description.includes('key: key');
      const described: DescribedProvider = {
        credentials: needsKey ? ['secret', 'key'] : ['secret'],
        description: place.description.replaceAll('SERVER', server.url),
      };
      const provider = describeProvider(described);
      let sent = 0;
      await fc.assert(
        fc.asyncProperty(secrets, async (secret) => {
          latest = undefined;
          const credentials = { secret, key: 'k'.repeat(32) };
          const request = await buildRequest(provider, credentials);
          if (typeof request === 'string') {
            assert.match(request, /\bsecret\b/, 'names the credential');
            if (secret.length > 8) assert.ok(!request.includes(secret), 'does not show it');
            return;
          }
          const { result } = await fetchOnce(provider, credentials);
          assert.ok(result.ok, JSON.stringify(result));
          assert.ok(latest !== undefined);
          assert.deepEqual(place.read(latest), place.expected?.(secret) ?? secret);
          sent += 1;
        }),
        { numRuns: 60, examples: AWKWARD.map((secret): [string] => [secret]) },
      );
      assert.ok(sent > 0, 'most can be sent');
    });
  }
});
