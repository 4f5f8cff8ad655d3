/** Rules 1, 2 and 10 of the language: what a credential, an option or a server may do to a request by what it holds: nothing. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { parseText, problemsOf } from '../../support/configuration-text.ts';
import {
  buildRequest,
  type DescribedProvider,
  describeProvider,
  faultsOf,
  fetchOnce,
} from '../../support/described-provider.ts';
import { startLoopbackServer } from '../../support/loopback-server.ts';
import { chainOf } from '../../support/prepared-kind.ts';
import { fc } from '../../support/property.ts';
import { answerWith, startRawServer } from '../../support/raw-server.ts';

/** What any template language, encoding or pattern might take for its own. */
const PIECES = [
  '${other}',
  '${secret}',
  '$${other}',
  '${',
  '$',
  '}',
  '{{other}}',
  '#{other}',
  '<%= other %>',
  '%24%7Bother%7D',
  '%{other}',
  '\\u0024{other}',
  '$&',
  '$1',
  "$'",
  '||',
  '"',
  '\\',
  '&',
  '=',
  '478',
  'true',
  '__proto__',
  'a',
];
const OTHER = 'OTHER-Zq7vK2';
const parsable = fc
  .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 })
  .map((pieces) => pieces.join(''));

const EVERYWHERE: DescribedProvider = {
  credentials: ['secret', 'other'],
  description: `values:
  once: { text: "\${secret}" }
  twice: { text: "\${once}" }
  thrice: { base64: "\${twice}" }
  joined: { sorted: { a: "\${secret}" } }
request:
  url: "https://api.acme.example/t"
  headers: { x-key: "\${secret}", x-twice: "\${twice}", x-other: "\${other}" }
  basic: { user: u, password: "\${secret}", encoding: raw }
  body: { json: { secret: "\${secret}", twice: "\${twice}", thrice: "\${thrice}", joined: "\${joined}" } }
`,
};

describe('1: no value is parsed again', () => {
  it('of a credential, in whatever place and through values of values', async () => {
    const provider = describeProvider(EVERYWHERE);
    await fc.assert(
      fc.asyncProperty(parsable, async (secret) => {
        const request = await buildRequest(provider, { secret, other: OTHER });
        assert.ok(typeof request !== 'string', 'it can be sent');
        assert.equal(request.headers['x-key'], secret);
        assert.equal(request.headers['x-twice'], secret);
        const basic = `Basic ${Buffer.from(`u:${secret}`).toString('base64')}`;
        assert.equal(request.headers['authorization'], basic);
        const thrice = Buffer.from(secret).toString('base64');
        assert.deepEqual(JSON.parse(request.body ?? ''), {
          secret,
          twice: secret,
          thrice,
          joined: `a=${secret}`,
        });
      }),
    );
  });

  it('of a refresh token', async () => {
    const provider = describeProvider({
      credentials: ['other', 'refreshToken'],
      description:
        'request: { url: "https://a.example/t", headers: { k: "${other}" }, body: { form: { r: "${refreshToken}" } } }\nrefresh: { token: { path: refresh_token } }',
    });
    await fc.assert(
      fc.asyncProperty(parsable, async (token) => {
        const request = await buildRequest(provider, { other: OTHER, refreshToken: 'seed' }, chainOf(token));
        assert.ok(typeof request !== 'string');
        assert.equal(new URLSearchParams(request.body).get('r'), token);
      }),
    );
  });

  it('of what an earlier request has saved', async () => {
    let saved = '';
    await using server = await startLoopbackServer((request, response) => {
      const isFirst = request.url === '/first';
      response.end(JSON.stringify(isFirst ? { saved } : { access_token: 'token-1', expires_in: 600 }));
    });
    const provider = describeProvider({
      credentials: ['secret', 'other'],
      description: `steps: [{ url: "${server.url}/first", headers: { k: "\${secret}" }, save: { saved: saved } }]
request: { url: "${server.url}/last", headers: { x-saved: "\${saved}", x-other: "\${other}" } }`,
    });
    for (const piece of PIECES) {
      saved = `<${piece}>`;
      const { result } = await fetchOnce(provider, { secret: 'secret-1', other: OTHER });
      assert.ok(result.ok, piece);
      assert.equal(server.requests.at(-1)?.headers['x-saved'], saved);
    }
  });

  it('of an option, which cannot name a credential either', async () => {
    const text = '${apiKey}$${apiKey}${nobody}';
    const parsed = parseText(`presets:
  acme:
    title: Acme
    source: https://docs.acme.example
    checked: 2026-11-28
    form: http
    lifetime: 1h
    baseUrl: https://api.acme.example
    credentials: { apiKey: { description: sent } }
    options: { note: { description: sent } }
    request: { url: /login, headers: { k: "\${apiKey}" }, body: { json: { "\${note}": "<\${note}>" } } }
providers:
  - { name: a, kind: acme, note: "${text}", credentials: { apiKey: { env: A } }, secret: s }
`);
    assert.deepEqual(problemsOf(parsed), []);
    assert.ok(parsed.ok);
    const [provider] = parsed.configuration.providers;
    assert.ok(provider !== undefined);
    const request = await buildRequest(provider, { apiKey: OTHER });
    assert.ok(typeof request !== 'string');
    assert.equal(request.body, JSON.stringify({ [text]: `<${text}>` }));
  });

  const halves: readonly string[] = [
    'query: { "\\ud800": x }',
    'query: { q: "\\ud800" }',
    'body: { form: { "\\ud800": x } }',
    'body: { form: { f: "${key}\\ud800" } }',
    'body: { json: { "\\ud800": x } }',
    'body: { json: ["\\ud800"] }',
    'body: { text: "\\ud800" }',
  ];
  for (const half of halves)
    it(`and none becomes another: half of a character in ${half} is refused when it is read`, () => {
      const description = `request: { url: "https://a.example/t", headers: { k: "\${key}" }, ${half} }`;
      assert.equal(faultsOf({ credentials: ['key'], description }).length, 1);
    });

  it('of a text that looks like another type: it is a text, unless it is asked for and exactly that', async () => {
    const provider = (wrapped: string) =>
      describeProvider({
        credentials: ['secret'],
        description: `request: { url: "https://a.example/t", body: { json: { v: ${wrapped} } } }`,
      });
    const plain = provider('"${secret}"');
    const number = provider('{ number: "${secret}" }');
    const boolean = provider('{ boolean: "${secret}" }');
    const bodyOf = async (of: typeof plain, secret: string) => {
      const request = await buildRequest(of, { secret });
      return typeof request === 'string' ? 'refused' : request.body;
    };
    const looksLike = ['"478"', '478', '-1.5', 'true', 'null', '[]', '{"a":1}', '1e3', '0x10', '~', 'yes'];
    for (const secret of looksLike)
      assert.equal(await bodyOf(plain, secret), JSON.stringify({ v: secret }), secret);
    for (const secret of ['478', '-1.5', '0']) assert.equal(await bodyOf(number, secret), `{"v":${secret}}`);
    for (const secret of [
      '"478"',
      '007',
      '1e3',
      '0x10',
      '1.50',
      '-0',
      'NaN',
      '1_000',
      '12345678901234567890',
    ])
      assert.equal(await bodyOf(number, secret), 'refused', secret);
    for (const secret of ['1', 'yes', '"true"', 'true,"x":1'])
      assert.equal(await bodyOf(boolean, secret), 'refused');
  });
});

/** Each ends a line for some server, or becomes something that does on the way there. */
const BREAKS: Readonly<Record<string, string>> = {
  CR: '\r',
  LF: '\n',
  'a header': '\r\nX-Injected: 1',
  'a header after a lone LF': '\nX-Injected: 1',
  'a request': '\r\n\r\nGET / HTTP/1.1\r\n',
  'a folded line (RFC 9112, 5.2)': '\r\n folded',
  NUL: '\0',
  tab: '\t',
  'vertical tab': '\v',
  DEL: '\u007f',
  'NEL (U+0085)': '\u0085',
  'a letter of Latin-1': '\u00e9',
  'U+010A, whose low byte is LF': '\u010a',
  'U+560A U+560D, whose low bytes are LF and CR': '\u560a\u560d',
  'the line separator': '\u2028',
  'half of a character': '\ud800',
};

/** Where something that is filled in gets into a header. The server's address stands for SERVER. */
const HEADER_PLACES: Readonly<Record<string, string>> = {
  'a header': 'request: { url: "SERVER/t", headers: { k: "${secret}" } }',
  'a part of a header': 'request: { url: "SERVER/t", headers: { k: "a${secret}b" } }',
  'an optional header': 'request: { url: "SERVER/t", headers: { k: { optional: secret } } }',
  authorization: 'request: { url: "SERVER/t", headers: { authorization: "Key ${secret}" } }',
  'content-type': 'request: { url: "SERVER/t", headers: { content-type: "${secret}" }, body: { text: x } }',
  'user-agent': 'request: { url: "SERVER/t", headers: { user-agent: "${secret}" } }',
  'a text value':
    'values: { v: { text: "${secret}" } }\nrequest: { url: "SERVER/t", headers: { k: "${v}" } }',
  'a sorted value':
    'values: { v: { sorted: { a: "${secret}" } } }\nrequest: { url: "SERVER/t", headers: { k: "${v}" } }',
  'Basic, raw': 'request: { url: "SERVER/t", basic: { user: u, password: "${secret}", encoding: raw } }',
  'the user of Basic':
    'request: { url: "SERVER/t", basic: { user: "${secret}", password: p, encoding: raw } }',
};
/** Are bytes like any other inside the base64 of Basic. */
const FINE_IN_BASIC = /Latin-1|low byte|line separator/;

describe('2: header injection is refused', () => {
  for (const [place, description] of Object.entries(HEADER_PLACES))
    it(`in ${place}, by the name of the credential, before anything is sent`, async () => {
      await using server = await startLoopbackServer((_, response) => response.end());
      const provider = describeProvider({
        credentials: ['secret'],
        description: description.replace('SERVER', server.url),
      });
      for (const [what, text] of Object.entries(BREAKS)) {
        if (place.includes('Basic') && FINE_IN_BASIC.test(what)) continue;
        for (const secret of [`${text}Zq7vK2`, `Zq7${text}vK2`, `Zq7vK2${text}`]) {
          const { result } = await fetchOnce(provider, { secret });
          assert.ok(!result.ok, `${what} is refused`);
          assert.match(result.failure.message, /^(?:secret|v) holds /);
          assert.doesNotMatch(result.failure.message, /Zq7|vK2|Injected/);
        }
      }
      assert.equal(server.requests.length, 0);
    });

  it('of a refresh token', async () => {
    const provider = describeProvider({
      credentials: ['key', 'refreshToken'],
      description:
        'request: { url: "https://a.example/t", headers: { k: "${key}", r: "${refreshToken}" } }\nrefresh: { token: { path: refresh_token } }',
    });
    for (const text of Object.values(BREAKS)) {
      const refused = await buildRequest(
        provider,
        { key: 'key', refreshToken: 'seed' },
        chainOf(`a${text}b`),
      );
      assert.ok(typeof refused === 'string');
      assert.match(refused, /^refreshToken holds /);
    }
  });

  it('of what an earlier request has saved: the next one is not sent', async () => {
    let saved = '';
    await using server = await startLoopbackServer((_, response) => response.end(JSON.stringify({ saved })));
    const provider = describeProvider({
      credentials: ['key'],
      description: `steps: [{ url: "${server.url}/first", headers: { k: "\${key}" }, save: { saved: saved } }]
request: { url: "${server.url}/last", headers: { x-saved: "\${saved}" } }`,
    });
    for (const [what, text] of Object.entries(BREAKS)) {
      saved = `a${text}b`;
      const { result } = await fetchOnce(provider, { key: 'key' });
      assert.ok(!result.ok, what);
      assert.ok(
        server.requests.every(({ url }) => url === '/first'),
        what,
      );
    }
    assert.equal(server.requests.length, Object.keys(BREAKS).length);
  });

  it('by no place: the wire has the lines that the description has', async (t) => {
    const wire = await startWire(t);
    const provider = describeProvider({
      credentials: ['secret', 'key'],
      description: `allowSecretInUrl: true
request:
  url: "${wire.url}/\${secret}/t"
  query: { "q": "\${secret}" }
  headers: { x-key: "\${key}" }
  basic: { user: u, password: "\${secret}", encoding: form }
  body: { form: { f: "\${secret}" } }
`,
    });
    const text = fc.oneof(
      fc
        .array(fc.constantFrom(...Object.values(BREAKS)), { minLength: 1, maxLength: 4 })
        .map((all) => all.join('')),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    );
    await fc.assert(
      fc.asyncProperty(text, text, async (secret, key) => {
        wire.forget();
        const { result } = await fetchOnce(provider, { secret, key });
        if (!result.ok) {
          assert.equal(wire.heard(), '');
          return;
        }
        const [head = ''] = wire.heard().split('\r\n\r\n');
        const [first = '', ...lines] = head.split('\r\n');
        assert.match(first, /^POST \/[!-~]+\/t\?q=[!-~]* HTTP\/1\.1$/);
        const names = lines.map((line) => line.split(':')[0]);
        assert.deepEqual(names, [
          'host',
          'connection',
          'accept',
          'user-agent',
          'content-type',
          'x-key',
          'authorization',
          'content-length',
        ]);
        for (const line of lines) assert.match(line, /^[\x20-\x7e]+$/);
      }),
      { numRuns: 60, examples: Object.values(BREAKS).map((each) => [each, 'key']) },
    );
  });

  const names = ['x\\r\\ny', 'x y', 'x:y', ':authority', 'ö', 'x\\0', ' x', 'x\\ty', '(x)'];
  for (const name of names)
    it(`by the name of a header: ${name} is none`, () => {
      const http = `request: { url: "https://a.example/t", headers: { "${name}": x, k: "\${key}" } }`;
      assert.match(faultsOf({ credentials: ['key'], description: http }).join('\n'), /\.headers/);
      const oauth2 = oauth2Entry(`headers: { "${name}": x }`);
      assert.match(problemsOf(parseText(oauth2)).join('\n'), /\.headers/);
    });

  const own = [
    'host',
    'Content-Length',
    'transfer-encoding',
    'CONNECTION',
    'upgrade',
    'Keep-Alive',
    'expect',
  ];
  for (const name of own)
    it(`by a header that HTTP makes itself: ${name}`, () => {
      const http = `request: { url: "https://a.example/t", headers: { ${name}: x, k: "\${key}" } }`;
      assert.match(
        faultsOf({ credentials: ['key'], description: http }).join('\n'),
        /is made by HTTP itself/,
      );
      assert.match(
        problemsOf(parseText(oauth2Entry(`headers: { ${name}: x }`))).join('\n'),
        /is made by HTTP/,
      );
    });

  for (const text of ['a\\r\\nb', 'a\\nb', 'é', ' a', 'a ', '\\0', '${key}\\r\\nx: y'])
    it(`by a text of the configuration: ${JSON.stringify(text)}, when it is read`, () => {
      const description = `request: { url: "https://a.example/t", headers: { k: "\${key}", x: "${text}" } }`;
      assert.match(
        faultsOf({ credentials: ['key'], description }).join('\n'),
        /headers\.x: .*no header can carry/,
      );
    });
});

function oauth2Entry(setting: string): string {
  return `providers:
  - name: a
    kind: oauth2
    tokenUrl: https://a.example/t
    credentials: { clientId: { env: A }, clientSecret: { env: B } }
    secret: s
    ${setting}
`;
}

/** A server that keeps the bytes of each request. */
async function startWire(t: TestContext) {
  let heard = '';
  const body = '{"access_token":"token-1","expires_in":600}';
  const answer = answerWith(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  const { url } = await startRawServer(t, (socket) => {
    socket.on('data', (bytes) => {
      heard += bytes.toString('latin1');
    });
    answer(socket);
  });
  return {
    url,
    heard: () => heard,
    forget: () => {
      heard = '';
    },
  };
}

const TWICE = /stands here twice|without query|sent already|has a query|exclude each other/;

describe('10: duplicates of a parameter are an error', () => {
  const URL = 'url: "https://a.example/t"';
  const duplicates: readonly (readonly [what: string, description: string])[] = [
    ['in the address and below query', 'request: { url: "https://a.example/t?k=1", query: { k: "${key}" } }'],
    [
      'in an address that ends with a question mark',
      'request: { url: "https://a.example/t?", body: { text: "${key}" } }',
    ],
    [
      'in the address of a path',
      'baseUrl: https://a.example\nrequest: { url: "/t?k=1", body: { text: "${key}" } }',
    ],
    [
      'in the address of baseUrl',
      'baseUrl: "https://a.example?k=1"\nrequest: { url: /t, body: { text: "${key}" } }',
    ],
    ['in query', `request: { ${URL}, query: { k: "1", k: "2" }, body: { text: "\${key}" } }`],
    [
      'in query, spelt with an escape',
      `request: { ${URL}, query: { k: "1", "\\x6b": "2" }, body: { text: "\${key}" } }`,
    ],
    ['in form', `request: { ${URL}, body: { form: { k: "\${key}", k: "2" } } }`],
    ['in json', `request: { ${URL}, body: { json: { a: [{ k: "\${key}", k: "2" }] } } }`],
    ['in two bodies', `request: { ${URL}, body: { json: { k: "\${key}" }, form: { k: "\${key}" } } }`],
    ['in headers', `request: { ${URL}, headers: { k: "\${key}", k: "2" } }`],
    ['in headers, in another case', `request: { ${URL}, headers: { X-Key: "\${key}", x-kEY: "2" } }`],
    [
      'in Basic and a header',
      `request: { ${URL}, headers: { Authorization: x }, basic: { user: u, password: "\${key}" } }`,
    ],
    [
      'in steps',
      `steps: [{ ${URL}, headers: { a: "1", A: "2" }, save: { x: x } }]\nrequest: { ${URL}, headers: { k: "\${key}", x: "\${x}" } }`,
    ],
    [
      'in the request of a chain',
      `refresh: { token: { path: r }, request: { ${URL}, headers: { a: "\${refreshToken}", A: "2" } } }\nrequest: { ${URL}, headers: { k: "\${key}" } }`,
    ],
    [
      'in sorted items',
      `values: { v: { sorted: { a: "\${key}", a: "2" } } }\nrequest: { ${URL}, headers: { k: "\${v}" } }`,
    ],
  ];
  for (const [what, description] of duplicates)
    it(what, () => {
      assert.match(faultsOf({ credentials: ['key'], description }).join('\n'), TWICE);
    });

  const settings: readonly (readonly [what: string, setting: string])[] = [
    ['the grant, in params', 'params: { grant_type: x }'],
    ['the scope, in params', 'scope: a\n    params: { scope: b }'],
    ['the client, in params', 'auth: client_secret_post\n    params: { client_id: x }'],
    ['Basic, in headers', 'headers: { AUTHORIZATION: x }'],
    ['headers, in another case', 'headers: { a: x, A: y }'],
    ['params', 'params: { a: x, a: y }'],
  ];
  for (const [what, setting] of settings)
    it(`of oauth2: ${what}`, () => {
      assert.match(problemsOf(parseText(oauth2Entry(setting))).join('\n'), TWICE);
    });

  it('of oauth2: the address that has parameters of its own', () => {
    const text = oauth2Entry('').replace('example/t', 'example/t?grant_type=x');
    assert.match(problemsOf(parseText(text)).join('\n'), /tokenUrl: has a query/);
  });

  for (const [what, request] of [
    [
      'the name of a JSON field',
      '{ url: /t, headers: { k: "${apiKey}" }, body: { json: { "${field}": 1, other: 2 } } }',
    ],
    ['a query in the path', '{ url: "/t${field}", headers: { k: "${apiKey}" } }'],
  ] as const)
    it(`that an option makes: ${what}`, () => {
      const text = (field: string) => `presets:
  acme:
    title: Acme
    source: https://docs.acme.example
    checked: 2026-11-28
    form: http
    lifetime: 1h
    baseUrl: https://api.acme.example
    credentials: { apiKey: { description: sent } }
    options: { field: { description: a field, default: one } }
    request: ${request}
providers:
  - { name: a, kind: acme, field: "${field}", credentials: { apiKey: { env: A } }, secret: s }
`;
      assert.deepEqual(problemsOf(parseText(text('good'))), []);
      const field = what.includes('JSON') ? 'other' : '?k=1';
      assert.match(problemsOf(parseText(text(field))).join('\n'), TWICE);
    });
});
