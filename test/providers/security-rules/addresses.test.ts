/** Rules 3, 4, 8 and 9 of the language: where requests go, what an address may hold and what is shown of it. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { parseText, problemsOf } from '../../support/configuration-text.ts';
import {
  buildRequest,
  configurationText,
  describeProvider,
  faultsOf,
  fetchOnce,
  sourceOf,
} from '../../support/described-provider.ts';
import { type LoopbackServer, startLoopbackServer } from '../../support/loopback-server.ts';
import { chainOf } from '../../support/prepared-kind.ts';
import { runInProcess } from '../../support/program-terminal.ts';
import { fc } from '../../support/property.ts';
import { answerWith, startRawServer } from '../../support/raw-server.ts';
import { createLeakSearch } from '../../support/spellings.ts';

const SECRET = 'Zq7vK2-hunter-9041/+ü';
const GOOD = { access_token: 'token-1', expires_in: 600 };

/** Hears nothing, if all is well. */
const startDecoy = (): Promise<LoopbackServer> =>
  startLoopbackServer((_, response) => response.end(JSON.stringify(GOOD)));

describe('3: the host is the configuration’s; redirects are refused', () => {
  const SENDS = 'headers: { k: "${key}" }';
  const hosts: readonly (readonly [what: string, description: string])[] = [
    ['a credential', `request: { url: "https://\${key}.example/t" }`],
    ['a part of a host', `request: { url: "https://api\${key}/t" }`],
    ['a port', `request: { url: "https://a.example:\${key}/t" }`],
    ['a user', `request: { url: "https://\${key}@a.example/t" }`],
    ['a value', `values: { v: { text: "\${key}" } }\nrequest: { url: "https://\${v}/t" }`],
    [
      'a random value',
      `values: { v: { random: hex } }\nrequest: { url: "https://\${v}.example/t", ${SENDS} }`,
    ],
    [
      'a customer',
      'customers: [{ name: ayu, pin: { env: P } }]\nrequest: { url: "https://${customer}.example/t", headers: { k: "${key}${pin}" } }',
    ],
    [
      'a refresh token',
      `request: { url: "https://\${refreshToken}/t", ${SENDS} }\nrefresh: { token: { path: r } }`,
    ],
    [
      'a credential in a step',
      `steps: [{ url: "https://\${key}/t", save: { x: x } }]\nrequest: { url: "https://a.example/t", headers: { x: "\${x}" } }`,
    ],
    [
      'a credential in the request of a chain',
      `request: { url: "https://a.example/t", ${SENDS} }\nrefresh: { token: { path: r }, request: { url: "https://\${key}/t", headers: { r: "\${refreshToken}" } } }`,
    ],
    [
      'a saved value without hosts',
      `steps: [{ url: "https://a.example/t", ${SENDS}, save: { x: x } }]\nrequest: { url: "https://\${x}/t" }`,
    ],
    ['a credential beside hosts', `hosts: [a.example]\nrequest: { url: "https://\${key}/t" }`],
  ];
  for (const [what, description] of hosts)
    it(`and not that of ${what}`, () => {
      const faults = faultsOf({
        credentials: ['key'],
        description: `${description}\nallowSecretInUrl: true`,
      });
      assert.match(faults.join('\n'), /the host depends on (?:key|v|customer|refreshToken|x)/);
    });

  it('whatever a credential in path and query is', async () => {
    const provider = describeProvider({
      credentials: ['secret'],
      description:
        'allowSecretInUrl: true\nrequest: { url: "https://api.acme.example/a/${secret}/z${secret}", query: { q: "${secret}" } }',
    });
    const below = describeProvider({
      credentials: ['secret'],
      description:
        'allowSecretInUrl: true\nbaseUrl: https://api.acme.example\nrequest: { url: "/${secret}" }',
    });
    const piece = fc.constantFrom(
      '@evil.example',
      '//evil.example',
      'https://evil.example',
      '\\\\evil.example',
      ':8443',
      '/../..',
      '..',
      '.',
      '%2e%2e',
      '?',
      '#',
      ';',
      '\t',
      '\n',
      '。',
      '％2e',
      '[::1]',
      '\u0000',
      'a',
    );
    const text = fc.array(piece, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(''));
    await fc.assert(
      fc.asyncProperty(text, async (secret) => {
        for (const each of [provider, below]) {
          const request = await buildRequest(each, { secret });
          if (typeof request === 'string') continue;
          assert.equal(request.url.origin, 'https://api.acme.example');
          assert.equal(request.url.username, '');
          assert.equal(request.url.hash, '');
          const [, ...segments] = request.url.pathname.split('/');
          const expected = each === provider ? ['a', secret, `z${secret}`] : [secret];
          assert.deepEqual(segments.map(decodeURIComponent), expected);
        }
      }),
    );
  });

  for (const path of ['//evil.example/t', '/@evil.example', '/\\\\evil.example', '/https://evil.example/'])
    it(`whatever a path begins with: ${path}`, async () => {
      const provider = describeProvider({
        credentials: ['secret'],
        description: `baseUrl: https://api.acme.example\nrequest: { url: "${path}", headers: { k: "\${secret}" } }`,
      });
      const request = await buildRequest(provider, { secret: SECRET.slice(0, 8) });
      assert.ok(typeof request !== 'string');
      assert.equal(request.url.host, 'api.acme.example');
    });

  for (const status of [300, 301, 302, 303, 304, 305, 307, 308])
    it(`and ${status} is not followed, to no place in no request, and its Location is not shown`, async () => {
      await using decoy = await startDecoy();
      const elsewhere = decoy.url.replace('http:', '');
      const { port } = new URL(decoy.url);
      const places = [
        `${decoy.url}/${SECRET}`,
        `${elsewhere}/x`,
        '/moved',
        'moved',
        `http://localhost:${port}`,
        'http://[',
      ];
      for (const location of places) {
        await using server = await startLoopbackServer((_, response) => {
          response.writeHead(status, { location: encodeURI(location) }).end(JSON.stringify(GOOD));
        });
        const simple = `request: { url: "${server.url}/t", ${SENDS} }`;
        const step = `steps: [{ url: "${server.url}/t", ${SENDS}, save: { x: access_token } }]\nrequest: { url: "${decoy.url}/t", headers: { x: "\${x}" } }`;
        const chain = `request: { url: "${decoy.url}/t", ${SENDS} }\nrefresh: { token: { path: r }, request: { url: "${server.url}/t", headers: { r: "\${refreshToken}" } } }`;
        const success = `${simple}\nsuccess: { status: [3xx] }`;
        for (const description of [simple, step, chain, success]) {
          const provider = describeProvider({ credentials: ['key'], description });
          const { result, isAmbiguous } = await fetchOnce(provider, { key: 'key-1' }, chainOf('refresh-1'));
          assert.ok(!result.ok);
          const retry = status === 301 || status === 308 ? 'needs-human' : 'backoff';
          assert.deepEqual([result.failure.code, result.failure.retry], ['request-rejected', retry]);
          assert.match(
            result.failure.message,
            new RegExp(
              `^POST ${server.url}/t answered ${status}, a redirect to (?:nowhere|another host|another path of the same host): nothing was sent there; correct the address$`,
            ),
          );
          assert.equal(isAmbiguous, false);
        }
        assert.equal(server.requests.length, 4, 'one request for each fetch');
        assert.equal(decoy.connectionCount(), 0);
      }
    });
});

describe('4: a secret in an address only with allowSecretInUrl, and no message shows more than origin and template', () => {
  const IN = (text: string): readonly string[] => [
    `request: { url: "https://a.example/${text}", body: { text: "\${key}" } }`,
    `request: { url: "https://a.example/x${text}y", body: { text: "\${key}" } }`,
    `request: { url: "https://a.example/t", query: { q: "${text}" }, body: { text: "\${key}" } }`,
  ];
  const values: Readonly<Record<string, string>> = {
    'of a text': '{ text: "a${key}" }',
    'in base64': '{ base64: "${key}" }',
    'in base64url': '{ base64url: "u:${key}" }',
    'in hex': '{ hex: "${key}" }',
    'among sorted items': '{ sorted: { a: "${key}" } }',
    'as a claim': '{ jwt: HS256, key: signer, claims: { c: "${key}" } }',
    'as a hash that stays the same: it is a password like the other': '{ digest: sha256, text: "${key}" }',
    'as a signature that stays the same': '{ hmac: sha256, key: key, text: always }',
    'as a key whose signature stays the same': '{ hmac: sha256, key: signer, text: "${key}" }',
  };
  const secrets: readonly (readonly [what: string, description: string])[] = [
    ...IN('${key}').map((one) => ['a credential', one] as const),
    ['an optional credential', 'request: { url: "https://a.example/t", query: { q: { optional: key } } }'],
    ...Object.entries(values).flatMap(([what, node]) =>
      IN('${v}').map((one) => [`a value ${what}`, `values: { v: ${node} }\n${one}`] as const),
    ),
    ['a value of a value', `values: { w: { base64: "\${key}" }, v: { text: "\${w}" } }\n${IN('${v}')[0]}`],
    [
      'a signature that stays the same, in a value',
      `values: { w: { hmac: sha256, key: key, text: a }, v: { hex: "\${w}" } }\n${IN('${v}')[0]}`,
    ],
    [
      'a credential beside something random',
      `values: { n: { random: hex }, v: { text: "\${n}\${key}" } }\n${IN('${v}')[2]}`,
    ],
    ['a refresh token', `refresh: { token: { path: r } }\n${IN('${refreshToken}')[0]}`],
    [
      'a refresh token in a value',
      `refresh: { token: { path: r } }\nvalues: { v: { base64: "\${refreshToken}" } }\n${IN('${v}')[2]}`,
    ],
    [
      'a saved value',
      `steps: [{ url: "https://a.example/s", headers: { k: "\${key}" }, save: { x: x } }]\n${IN('${x}')[0]}`,
    ],
    [
      'a credential in a step',
      `steps: [{ url: "https://a.example/s/\${key}", save: { x: x } }]\nrequest: { url: "https://a.example/t", headers: { x: "\${x}" } }`,
    ],
    [
      'a credential in the request of a chain',
      `request: { url: "https://a.example/t", headers: { k: "\${key}" } }\nrefresh: { token: { path: r }, request: { url: "https://a.example/\${refreshToken}" } }`,
    ],
    [
      'a credential of a customer',
      'customers: [{ name: ayu, pin: { env: P } }]\nrequest: { url: "https://a.example/${pin}", headers: { k: "${key}" } }',
    ],
  ];
  const described = (description: string) => ({
    credentials: ['key', 'signer', 'refreshToken'].filter(
      (name) => name === 'key' || description.includes(name),
    ),
    description,
  });
  for (const [what, description] of secrets)
    it(`which ${what} is: ${description.split('\n').at(-1)}`, () => {
      assert.match(faultsOf(described(description)).join('\n'), /the address holds the credential /);
      assert.deepEqual(faultsOf(described(`${description}\nallowSecretInUrl: true`)), []);
    });

  for (const [what, setting] of [
    ['the client', 'auth: client_secret_post'],
    ['an assertion', 'auth: private_key_jwt'],
    ['a password', 'grant: password'],
    ['a parameter', 'params: { a: "${clientSecret}" }'],
  ] as const)
    it(`which ${what} of oauth2 in the query is`, () => {
      const text = `providers:
  - name: a
    kind: oauth2
    tokenUrl: https://a.example/t
    body: query
    credentials: { clientId: { env: A }, clientSecret: { env: B }, privateKey: { env: C }, username: { env: D }, password: { env: E } }
    secret: s
    ${setting}
`;
      assert.match(problemsOf(parseText(text)).join('\n'), /the address holds the credential /);
    });

  const harmless: readonly (readonly [what: string, description: string])[] = [
    [
      'a signature of the moment',
      `values: { ts: { now: epoch-seconds }, v: { hmac: sha256, key: key, text: "\${ts}" } }\n${IN('${v}')[2]}`,
    ],
    [
      'a hash with something random',
      `values: { n: { random: hex }, c: { text: "\${n}\${key}" }, v: { digest: sha256, text: "\${c}" } }\n${IN('${v}')[2]}`,
    ],
    ['a moment', `values: { v: { now: iso } }\n${IN('${v}')[2]}`],
    ['a hash of no secret', `values: { v: { digest: md5, text: hello } }\n${IN('${v}')[2]}`],
    [
      'a customer',
      'customers: [{ name: ayu, pin: { env: P } }]\nrequest: { url: "https://a.example/${customer}", headers: { k: "${key}${pin}" } }',
    ],
  ];
  for (const [what, description] of harmless)
    it(`which ${what} is not`, () => {
      assert.deepEqual(faultsOf(described(description)), []);
    });

  const shows = createLeakSearch();
  const IN_ADDRESS = (url: string) => `allowSecretInUrl: true
values: { v: { base64: "\${secret}" } }
request:
  url: "${url}/a/\${secret}/z"
  query: { q: "\${secret}", v: "\${v}" }
  headers: { k: "\${v}" }
`;

  const echo = (url = ''): string =>
    JSON.stringify({ error: url, message: `no ${decodeURIComponent(url)}`, code: SECRET });
  const answers: Readonly<Record<string, RequestListener>> = {
    '401': ({ url }, response) => response.writeHead(401).end(echo(url)),
    '400': ({ url }, response) => response.writeHead(400).end(echo(url)),
    '403': ({ url }, response) =>
      response.writeHead(403, { 'www-authenticate': `Basic realm="${url}"` }).end(url),
    '429': ({ url }, response) => response.writeHead(429, { 'retry-after': '7' }).end(echo(url)),
    '500': ({ url }, response) => response.writeHead(500, 'Error').end(`<html>${url}</html>`),
    'a redirect': ({ url }, response) =>
      response.writeHead(302, { location: `https://x.example${url}` }).end(),
    'no JSON': ({ url }, response) => response.end(url),
    'a page': ({ url }, response) => response.end(`<html>${url}</html>`),
    'no token': ({ url }, response) => response.end(JSON.stringify({ [SECRET]: url })),
    'the request as a token': (_, response) =>
      response.end(JSON.stringify({ access_token: SECRET, expires_in: SECRET })),
    'an unknown coding': (_, response) =>
      response.writeHead(200, { 'content-encoding': 'zq7vk2-hunter-9041' }).end('x'),
    'a reset': ({ socket }) => socket.resetAndDestroy(),
    'a body that breaks off': ({ socket, url = '' }, response) => {
      response.setHeader('content-length', 1_000);
      response.write(url, () => socket.end());
    },
    'something that is not HTTP': ({ socket, url }) => socket.end(`${url}\r\n\r\n`),
    'more than 64 KiB of headers': ({ socket, url }) =>
      socket.end(`HTTP/1.1 200 OK\r\nx: ${String(url).repeat(2_000)}\r\n\r\n`),
    'more than 1 MiB': ({ url }, response) => response.end(String(url).repeat(40_000)),
  };
  for (const [what, handle] of Object.entries(answers))
    it(`nor shows it when the answer is ${what}`, async () => {
      await using server = await startLoopbackServer(handle);
      const provider = describeProvider({ credentials: ['secret'], description: IN_ADDRESS(server.url) });
      const { result } = await fetchOnce(provider, { secret: SECRET });
      assert.ok(!result.ok);
      const { message } = result.failure;
      const call = `POST ${server.url}/a/{secret}/z `;
      assert.ok(message.startsWith(call), message);
      assert.ok(!shows(message.slice(call.length), SECRET), message);
      assert.ok(!JSON.stringify(result).includes('?'));
    });

  it('nor shows it when nobody answers, in time or at all', async () => {
    await using server = await startLoopbackServer(() => undefined);
    const provider = describeProvider({ credentials: ['secret'], description: IN_ADDRESS(server.url) });
    const late = await fetchOnce(provider, { secret: SECRET }, undefined, { timeoutMs: 50 });
    await server[Symbol.asyncDispose]();
    const none = await fetchOnce(provider, { secret: SECRET });
    const aborted = await sourceOf(provider, { secret: SECRET }).fetch(undefined, AbortSignal.abort());
    for (const { result } of [late, none, aborted]) {
      assert.ok(!result.ok);
      const message = result.failure.message.replace(`POST ${server.url}/a/{secret}/z `, '');
      assert.ok(!shows(message, SECRET), message);
    }
  });

  it('nor shows what an earlier request has saved', async () => {
    await using server = await startLoopbackServer(({ url }, response) => {
      response
        .writeHead(url === '/first' ? 200 : 401)
        .end(JSON.stringify({ saved: SECRET, message: SECRET }));
    });
    const provider = describeProvider({
      credentials: ['key'],
      description: `allowSecretInUrl: true
steps: [{ url: "${server.url}/first", headers: { k: "\${key}" }, save: { saved: saved } }]
request: { url: "${server.url}/s/\${saved}", query: { q: "\${saved}" } }`,
    });
    const { result } = await fetchOnce(provider, { key: 'key-1' });
    assert.ok(!result.ok);
    assert.match(result.failure.message, /^POST http:\S+\/s\/\{saved\} answered 401: check /);
    assert.ok(!shows(result.failure.message.replace(/^\S+ \S+/, ''), SECRET));
  });

  it('nor does a command show it: check, try, with --json and --send', async (t) => {
    await using server = await startLoopbackServer((request, response) => {
      const all = { url: request.url, headers: request.headers, [SECRET]: SECRET };
      const token = { access_token: 'token-1', token_type: 'Zq7vK2-hunter-9041', expires_in: 600 };
      response.end(JSON.stringify({ ...all, ...token }));
    });
    const description = `${IN_ADDRESS(server.url)}scheme: { path: token_type }\n`;
    const said = await sayAll(
      t,
      configurationText({ credentials: ['secret'], description }),
      { secret: SECRET },
      [
        ['check'],
        ['check', '--json'],
        ['try', 'acme'],
        ['try', 'acme', '--json'],
        ['try', 'acme', '--send'],
        ['try', 'acme', '--send', '--json'],
      ],
    );
    assert.match(said, /^POST http:\S+\/a\/\{secret\}\/z$/m);
    assert.equal(server.requests.length, 2);
    const rest = said.replaceAll(server.url, '').replaceAll('secret', '');
    for (const text of [
      SECRET,
      encodeURIComponent(SECRET),
      btoa('Zq7vK2-hunter'),
      'Zq7vK2',
      'hunter',
      '9041',
    ])
      assert.ok(!rest.includes(text), rest);
  });
});

/** What commands say about a configuration. */
async function sayAll(
  t: TestContext,
  text: string,
  env: Readonly<Record<string, string>>,
  commands: readonly (readonly string[])[],
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'token-refresher-rules-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const config = join(folder, 'config.yaml');
  writeFileSync(config, `${text}store: { region: ap-southeast-3 }\n`);
  let said = '';
  for (const command of commands) {
    const { stdout, stderr } = await runInProcess([...command, '--config', config], { env });
    said += `${stdout}${stderr}`;
  }
  return said;
}

describe('8: plain http to loopback only', () => {
  const allowed = [
    'http://localhost:8080',
    'http://LOCALHOST',
    'http://127.0.0.1',
    'http://127.255.0.53:1',
    'http://[::1]:1',
    'http://[0:0:0:0:0:0:0:1]',
    // Ways to write 127.0.0.1 that URLs know.
    'http://127.1',
    'http://2130706433',
    'http://0x7f.1',
    'https://a.example',
    'https://192.0.2.1:8443',
    'https://[2001:db8::1]',
  ];
  const refused = [
    'http://a.example',
    'http://a.example:443',
    'http://192.0.2.1',
    'http://10.0.0.1',
    'http://169.254.169.254',
    'http://0.0.0.0',
    'http://0',
    'http://128.0.0.1',
    'http://[::]',
    'http://[::ffff:127.0.0.1]',
    'http://[2001:db8::1]',
    'http://[fe80::1]',
    'http://localhost.',
    'http://localhost.example',
    'http://localhost.localdomain',
    'http://a.localhost',
    'http://localhost6',
    'http://ip6-localhost',
    'http://127.0.0.1.example',
    'http://127.0.0.1.nip.io',
    'http://127-0-0-1.example',
    'http://a.example/127.0.0.1',
    'http://xn--lcalhost-54a',
    'http://l\u043ecalhost',
    'http://localhost@a.example',
    'http://127.0.0.1:80@a.example',
    'http://localhost:pw@localhost',
    'http://a.example\\\\@localhost',
    'http://localhost%2ea.example',
    'http://localhost%00.a.example',
    'http://kubernetes.default.svc',
    'ftp://localhost',
    'ws://localhost',
    'file:///etc/hosts',
    'http:/a.example',
    'HTTP://a.example',
  ];
  const SENDS = 'headers: { k: "${key}" }';
  const places: Readonly<Record<string, (origin: string) => string>> = {
    url: (origin) => http(`request: { url: "${origin}/t", ${SENDS} }`),
    baseUrl: (origin) => http(`baseUrl: "${origin}"\nrequest: { url: /t, ${SENDS} }`),
    'a step': (origin) =>
      http(
        `steps: [{ url: "${origin}/t", ${SENDS}, save: { x: x } }]\nrequest: { url: "https://a.example/t", headers: { x: "\${x}" } }`,
      ),
    'the request of a chain': (origin) =>
      http(
        `request: { url: "https://a.example/t", ${SENDS} }\nrefresh: { token: { path: r }, request: { url: "${origin}/t", headers: { r: "\${refreshToken}" } } }`,
      ),
    tokenUrl: (origin) => `providers:
  - { name: a, kind: oauth2, tokenUrl: "${origin}/t", credentials: { clientId: { env: A }, clientSecret: { env: B } }, secret: s }
`,
    'the baseUrl of snap': (origin) => `providers:
  - { name: a, kind: snap, baseUrl: "${origin}", credentials: { clientId: { env: A }, privateKey: { env: B } }, secret: s }
`,
    'the baseUrl of a preset': (origin) => preset(`baseUrl: "${origin}"`, '/t', '{}'),
    'an option in the baseUrl of a preset': (origin) =>
      preset('baseUrl: "${place}"', '/t', `{ place: { description: where, default: "${origin}" } }`),
    'an option in the url of a preset': (origin) => {
      const [scheme = '', host = ''] = origin.split(/(?<=:\/\/)/);
      return preset(
        'baseUrl: https://a.example',
        `${scheme}\${place}/t`,
        `{ place: { description: where, default: "${host}" } }`,
      );
    },
  };
  for (const [place, configure] of Object.entries(places)) {
    it(`in ${place}`, () => {
      for (const origin of refused) {
        const problems = problemsOf(parseText(configure(origin)));
        assert.ok(problems.length > 0, `${origin} is refused`);
        assert.doesNotMatch(problems.join('\n'), /internal|TypeError/);
      }
      for (const origin of allowed) assert.deepEqual(problemsOf(parseText(configure(origin))), [], origin);
    });
  }

  it('also in hosts that a saved value may name', () => {
    const text = (host: string) =>
      http(`steps: [{ url: "https://a.example/t", ${SENDS}, save: { x: x } }]
hosts: [localhost, ${host}]
allowSecretInUrl: true
request: { url: "http://\${x}:8080/t" }`);
    assert.deepEqual(problemsOf(parseText(text('127.0.0.1'))), []);
    for (const host of ['a.example', '0.0.0.0', '192.0.2.1', 'localhost.', 'a.localhost'])
      assert.match(
        problemsOf(parseText(text(host))).join('\n'),
        /no address that credentials may be sent to/,
      );
  });

  it('and no proxy is asked to carry it', async (t) => {
    await using decoy = await startDecoy();
    await using server = await startDecoy();
    const env = { secret: 's', http_proxy: decoy.url, HTTP_PROXY: decoy.url, no_proxy: '' };
    const text = configurationText({
      credentials: ['secret'],
      description: `request: { url: "${server.url}/t", headers: { k: "\${secret}" } }`,
    });
    assert.match(await sayAll(t, text, env, [['try', 'acme', '--send']]), /lives:/);
    assert.deepEqual([server.requests.length, decoy.connectionCount()], [1, 0]);
  });
});

function http(description: string): string {
  return configurationText({ credentials: ['key'], description });
}

function preset(baseUrl: string, url: string, options: string): string {
  return `presets:
  acme:
    title: Acme
    source: https://docs.acme.example
    checked: 2026-11-28
    form: http
    lifetime: 1h
    ${baseUrl}
    credentials: { key: { description: sent } }
    options: ${options}
    request: { url: "${url}", headers: { k: "\${key}" } }
providers:
  - { name: a, kind: acme, credentials: { key: { env: A } }, secret: s }
`;
}

describe('9: an answer never names the next host', () => {
  const heads = (decoy: string): readonly string[] => [
    `HTTP/1.1 200 OK\r\nlocation: ${decoy}/t`,
    `HTTP/1.1 201 Created\r\nlocation: ${decoy}/t`,
    `HTTP/1.1 202 Accepted\r\nlocation: ${decoy}/t\r\nretry-after: 0`,
    `HTTP/1.1 200 OK\r\nrefresh: 0; url=${decoy}/t`,
    `HTTP/1.1 200 OK\r\ncontent-location: ${decoy}/t`,
    `HTTP/1.1 200 OK\r\nlink: <${decoy}/t>; rel="next", <${decoy}/p>; rel=preload`,
    `HTTP/1.1 200 OK\r\nalt-svc: h2="${decoy.replace('http://', '')}"`,
    `HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Bearer resource_metadata="${decoy}/m", authorization_uri="${decoy}/a"`,
    `HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic realm="${decoy}"`,
    `HTTP/1.1 421 Misdirected Request\r\nlocation: ${decoy}/t`,
    `HTTP/1.1 503 Service Unavailable\r\nlocation: ${decoy}/t\r\nretry-after: 0`,
    `HTTP/1.1 103 Early Hints\r\nlink: <${decoy}/t>; rel=preconnect\r\n\r\nHTTP/1.1 200 OK`,
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nlocation: ${decoy}/t`,
  ];

  it('by header or body: one request is one request', async (t) => {
    await using decoy = await startDecoy();
    const host = decoy.url.replace('http://', '');
    const names = [
      'url',
      'next',
      'host',
      'token_endpoint',
      'instance_url',
      'issuer',
      'redirect',
      'location',
      'x',
    ];
    const body = JSON.stringify({
      ...GOOD,
      ...Object.fromEntries(names.map((name) => [name, decoy.url])),
      host,
    });
    for (const head of heads(decoy.url)) {
      const answer = answerWith(`${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      const server = await startRawServer(t, answer);
      const simple = `request: { url: "${server.url}/t", headers: { k: "\${key}" } }\npublish: { instance_url: instance_url }`;
      const steps = `steps: [{ url: "${server.url}/s", headers: { k: "\${key}" }, save: { x: x } }]
request: { url: "${server.url}/t", headers: { origin: "\${x}", x-forwarded-host: "\${x}", referer: "\${x}" } }`;
      for (const [description, count] of [
        [simple, 1],
        [steps, 2],
      ] as const) {
        const before = server.connections.length;
        await fetchOnce(describeProvider({ credentials: ['key'], description }), { key: 'key-1' });
        const made = server.connections.length - before;
        assert.ok(made === 1 || made === count, `${head}: ${made}`);
      }
      assert.equal(decoy.connectionCount(), 0, head);
    }
  });

  it('but for the hosts that are listed, letter by letter', async () => {
    let saved: unknown = '';
    let calls = 0;
    await using server = await startLoopbackServer(({ url }, response) => {
      if (url === '/t') calls += 1;
      response.end(JSON.stringify(url === '/s' ? { saved } : GOOD));
    });
    const { port } = new URL(server.url);
    const provider = describeProvider({
      credentials: ['key'],
      description: `hosts: [127.0.0.1]
allowSecretInUrl: true
steps: [{ url: "${server.url}/s", headers: { k: "\${key}" }, save: { saved: saved } }]
request: { url: "http://\${saved}:${port}/t" }`,
    });
    const send = async (text: unknown): Promise<boolean> => {
      saved = text;
      calls = 0;
      const { result } = await fetchOnce(provider, { key: 'key-1' });
      assert.equal(result.ok, calls === 1);
      return result.ok;
    };
    // A URL takes the dot away.
    for (const text of ['127.0.0.1', '127.0.0.1.']) assert.equal(await send(text), true);
    const others: readonly unknown[] = [
      'localhost',
      '127.0.0.2',
      '0.0.0.0',
      '[::1]',
      '::1',
      '.127.0.0.1',
      '127.0.0.1.example',
      'evil.example',
      '127.0.0.1@evil.example',
      'evil.example@127.0.0.1',
      'u:p@127.0.0.1',
      '127.0.0.1:1',
      '127.0.0.1/x',
      '127.0.0.1?x',
      '127.0.0.1#',
      '127.0.0.1\\x',
      '127.0.0.1%2f',
      '127.0.0.1\r\nx: y',
      '１２７.0.0.1',
      '127。0。0。1',
      '127.0.0.1\u0000',
      '',
      '*',
      '127.0.0',
      ['127.0.0.1'],
      { a: 1 },
      null,
    ];
    for (const text of others) assert.equal(await send(text), false, JSON.stringify(text));
  });

  it('nor the path, but as one segment', async () => {
    let saved = '';
    await using server = await startLoopbackServer(({ url }, response) => {
      response.end(JSON.stringify(url === '/s' ? { saved } : GOOD));
    });
    const provider = describeProvider({
      credentials: ['key'],
      description: `allowSecretInUrl: true
steps: [{ url: "${server.url}/s", headers: { k: "\${key}" }, save: { saved: saved } }]
request: { url: "${server.url}/a/\${saved}/z" }`,
    });
    for (const text of [
      'x',
      '//evil.example',
      '../../admin',
      'a/b',
      '?a=b',
      '#',
      '%2e%2e',
      '@evil.example',
    ]) {
      saved = text;
      assert.ok((await fetchOnce(provider, { key: 'key-1' })).result.ok, text);
      const [, segment = ''] = /^\/a\/([^/]+)\/z$/.exec(server.requests.at(-1)?.url ?? '') ?? [];
      assert.equal(decodeURIComponent(segment), text);
    }
    for (const text of ['..', '.']) {
      saved = text;
      assert.ok(!(await fetchOnce(provider, { key: 'key-1' })).result.ok, text);
      assert.equal(server.requests.at(-1)?.url, '/s');
    }
  });
});
