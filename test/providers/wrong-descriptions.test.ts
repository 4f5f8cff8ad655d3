/** What is wrong with a description is said with its place, what was found and what is allowed; several things at once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseText, problemsOf } from '../support/configuration-text.ts';

/** Seven lines; what is appended begins at line 8. */
const GOOD = `providers:
  - name: acme
    kind: http
    credentials: { clientId: { env: ID }, clientSecret: { env: SECRET } }
    secret: tokens/acme
    request:
      { url: "https://api.acme.example/token", body: { form: { id: "\${clientId}", secret: "\${clientSecret}" } } }
`;

const TEXT = 'a text, in which ${name} stands for a credential, a value, an option or the customer';

const WRONG: readonly (readonly [what: string, from: string, to: string, problems: readonly string[]])[] = [
  [
    'a misspelt name',
    '${clientSecret}',
    '${clientSecert}',
    [
      'app.yaml:7:91 providers[0].request.body.form.secret: there is no credential, value or option of the name clientSecert; allowed: clientId, clientSecret; did you mean "clientSecret"?',
    ],
  ],
  [
    'a credential that nothing uses',
    ', secret: "${clientSecret}"',
    '',
    [
      'app.yaml:4:43 providers[0].credentials.clientSecret: is used nowhere; allowed: ${clientSecret} in a text, or no such credential',
    ],
  ],
  [
    'a name without its end',
    '${clientId}',
    '${clientId',
    [
      `app.yaml:7:68 providers[0].request.body.form.id: has a \${ without its }; a literal one is written $\${; allowed: ${TEXT}`,
    ],
  ],
  [
    'Rule 3: a host that a credential decides',
    'api.acme.example',
    '${clientId}.example',
    [
      'app.yaml:7:14 providers[0].request.url: the host depends on clientId; allowed: a host that is written here, or an option; what an earlier request has saved only with hosts',
    ],
  ],
  [
    'Rule 4: a secret in the address',
    '/token"',
    '/token/${clientSecret}"',
    [
      'app.yaml:7:14 providers[0].request.url: the address holds the credential clientSecret, and proxies and servers log addresses; allowed: credentials in headers or body, or allowSecretInUrl: true where the API wants nothing else',
    ],
  ],
  [
    'Rule 8: http to another host',
    'https://',
    'http://',
    [
      'app.yaml:7:14 providers[0].request.url: is no address that credentials may be sent to; allowed: https, or http for loopback hosts, without credentials in it',
    ],
  ],
  [
    'a zone of what has none',
    '    request:',
    '    expiry: [{ path: expires_at, as: epoch-seconds, zone: "+07:00" }]\n    request:',
    [
      'app.yaml:6:59 providers[0].expiry[0].zone: says nothing of epoch-seconds; allowed: zone beside as: iso, whose time may be written without one',
    ],
  ],
  [
    'a query in the address',
    '/token"',
    '/token?a=b"',
    [
      'app.yaml:7:14 providers[0].request.url: has a query; allowed: an address without one: parameters belong below query, which kind http has',
    ],
  ],
  [
    'Rule 10: a header twice',
    'body:',
    'headers: { X-Key: a, x-key: b }, body:',
    [
      'app.yaml:7:69 providers[0].request.headers.x-key: stands here twice; allowed: each header once, and no authorization beside basic',
    ],
  ],
  [
    'two bodies',
    'form:',
    'json: {}, form:',
    [
      'app.yaml:7:54 providers[0].request.body: found json and form, which exclude each other; allowed: one of json, form and text, or none',
    ],
  ],
  [
    'a method that is none',
    'url:',
    'method: PATCH, url:',
    ['app.yaml:7:17 providers[0].request.method: found "PATCH"; allowed: GET, POST, PUT'],
  ],
  [
    'a hash that is none',
    '    request:',
    '    values: { sign: { hmac: sha-256, key: clientSecret, text: "${clientId}" } }\n    request:',
    [
      'app.yaml:6:29 providers[0].values.sign.hmac: found "sha-256"; allowed: sha1, sha256, sha512; did you mean "sha256"?',
    ],
  ],
  [
    'a misspelt value',
    '    request:',
    '    values: { sign: { hmacc: sha256 } }\n    request:',
    [
      'app.yaml:6:23 providers[0].values.sign.hmacc: unknown key; allowed: now, random, text, base64, base64url, hex, digest, hmac, rsa, ecdsa, ed25519, rsa-encrypt, jwt, sorted; did you mean "hmac"?',
    ],
  ],
  [
    'a number as the text of a value',
    '    request:',
    '    values: { sign: { base64: 12 } }\n    request:',
    [
      `app.yaml:6:31 providers[0].values.sign.base64: found 12, which is a text only in quotes; allowed: ${TEXT}`,
    ],
  ],
  [
    'a value that is computed later',
    '    request:\n      { url: "https://api.acme.example/token", body: { form: { id: "${clientId}"',
    '    values: { a: { text: "${b}" }, b: { text: "x${clientId}" } }\n    request:\n      { url: "https://api.acme.example/token", body: { form: { id: "${a}"',
    [
      'app.yaml:6:26 providers[0].values.a.text: b is not there yet; allowed: what stands above it: values are computed in their order, and steps before the request for the token',
    ],
  ],
  [
    'a number for a text',
    'body:',
    'headers: { x-version: 2 }, body:',
    [
      'app.yaml:7:70 providers[0].request.headers.x-version: found 2, which is a text only in quotes; allowed: a text, in which ${name} stands for a credential, a value, an option or the customer, or { optional: NAME }',
    ],
  ],
  [
    'a value that nothing uses',
    '    request:',
    '    values: { ts: { now: epoch-seconds } }\n    request:',
    ['app.yaml:6:15 providers[0].values.ts: is used nowhere; allowed: ${ts} in a text, or no such value'],
  ],
  [
    'two mistakes in different parts',
    '    request:\n      { url: "https://api.acme.example/token"',
    '    token: { path: a..b }\n    request:\n      { url: "https://api.acme.example/token#x"',
    [
      'app.yaml:6:20 providers[0].token.path: found "a..b"; allowed: a path like access_token, data.token, items[0].id or ["a.b"].c',
      'app.yaml:8:14 providers[0].request.url: has a fragment; allowed: an address without #',
    ],
  ],
];

const APPENDED: readonly (readonly [what: string, line: string, problem: string])[] = [
  [
    'a path that is none',
    'token: { path: data..token }',
    'app.yaml:8:20 providers[0].token.path: found "data..token"; allowed: a path like access_token, data.token, items[0].id or ["a.b"].c',
  ],
  [
    'two places of the token',
    'token: { path: a, header: b }',
    'app.yaml:8:12 providers[0].token: found path and header, which exclude each other; allowed: one of path, header, cookie and body',
  ],
  [
    'a unit that is none',
    'expiry: [{ path: exp, as: second }]',
    'app.yaml:8:31 providers[0].expiry[0].as: found "second"; allowed: auto, seconds, minutes, milliseconds, epoch-seconds, epoch-milliseconds, iso, duration; did you mean "seconds"?',
  ],
  [
    'a rule without a test',
    'errors: [{ when: { path: code }, code: credentials-rejected }]',
    'app.yaml:8:22 providers[0].errors[0].when: holds no test; allowed: is, in, not, like, unlike, mentions, exists, absent or saysSuccess',
  ],
  [
    'a code that is none',
    'errors: [{ when: { path: code, is: 1 }, code: credentials-refused }]',
    'app.yaml:8:51 providers[0].errors[0].code: found "credentials-refused"; allowed: credentials-rejected, request-rejected, rate-limited, provider-unavailable, chain-broken, clock-skewed',
  ],
  [
    'a chain whose refresh token nobody presents',
    'refresh: { token: { path: refresh_token } }',
    'app.yaml:8:14 providers[0].refresh: no request presents the refresh token; allowed: a request below refresh, or ${refreshToken} in the base request',
  ],
  [
    'a field of a name that readers cannot have',
    'publish: { bad-name: data.id }',
    'app.yaml:8:16 providers[0].publish.bad-name: not a usable key; allowed: lower-case letters, digits and underscores',
  ],
  [
    'Rule 6: a token for readers to log',
    'publish: { refresh: data.refresh_token }',
    'app.yaml:8:25 providers[0].publish.refresh: is a token or secret by its name; allowed: fields that readers may log; the access token is in the document already',
  ],
];

describe('a wrong description', () => {
  it('is none as it stands here', () => {
    assert.deepEqual(problemsOf(parseText(GOOD)), []);
  });

  for (const [what, from, to, problems] of WRONG) {
    it(`is told for ${what}`, () => {
      assert.ok(GOOD.includes(from));
      assert.deepEqual(problemsOf(parseText(GOOD.replace(from, () => to))), problems);
    });
  }

  for (const [what, line, problem] of APPENDED) {
    it(`is told for ${what}`, () => {
      assert.deepEqual(problemsOf(parseText(`${GOOD}    ${line}\n`)), [problem]);
    });
  }

  it('is told for a preset of one’s own at the preset, whether or not a provider names it', () => {
    const presets = `presets:
  acme:
    title: Acme
    source: https://docs.acme.example
    checked: 2026-11-28
    form: http
    lifetime: 1h
    baseUrl: https://api.acme.example
    credentials: { apiKey: { description: sent } }
    request: { url: /login, headers: { x-api-key: "\${apiKy}" } }
`;
    const problem =
      'app.yaml:10:51 presets.acme.request.headers.x-api-key: there is no credential, value or option of the name apiKy; allowed: apiKey; did you mean "apiKey"?';
    assert.deepEqual(problemsOf(parseText(`${presets}${GOOD}`)), [problem]);
    const used = 'providers:\n  - { name: a, kind: acme, credentials: { apiKey: { env: A } }, secret: s }\n';
    assert.deepEqual(problemsOf(parseText(`${presets}${used}`)), [problem]);
  });
});

describe('a preset of one\u2019s own', () => {
  const preset = (more: string): string => `presets:
  own:
    title: Own
    source: https://own.example
    checked: 2026-11-28
    form: http
    baseUrl: https://own.example
    lifetime: 1h
    ${more}
providers:
  - { name: own, kind: own, credentials: { apiKey: { env: A } }, secret: tokens/own }
`;
  const cases: readonly (readonly [what: string, more: string, problem: RegExp])[] = [
    [
      'an option with the name of a setting',
      'options: { timeout: { description: t, default: x } }\n    credentials: { apiKey: { description: k } }\n    request: { url: "/${timeout}", headers: { x-key: "${apiKey}" } }',
      /^app\.yaml:9:16 presets\.own\.options\.timeout: has the name of a field of every provider; allowed: another name than /,
    ],
    [
      'a credential with the name of a customer\u2019s setting',
      'credentials: { secret: { description: k } }\n    request: { url: /, headers: { x-key: "${secret}" } }',
      /^app\.yaml:9:20 presets\.own\.credentials\.secret: has the name of a field of every customer; allowed: another name than name, secret, stateSecret$/,
    ],
    [
      'a misspelt field of a variant, which would replace nothing',
      'options: { o: { description: o, values: [a, b], default: a } }\n    request: { url: "/${o}", headers: { x-key: "${apiKey}" } }\n    credentials: { apiKey: { description: k } }\n    variants: [{ when: { o: b }, expires: [{ ttl: 5m }] }]',
      /^app\.yaml:12:34 presets\.own\.variants\[0\]\.expires: unknown key; allowed: when, values, steps, .*; did you mean "expiry"\?$/,
    ],
    [
      'a misspelt word of an option',
      'options: { o: { description: o, vales: [a, b] } }\n    request: { url: "/${o}", headers: { x-key: "${apiKey}" } }\n    credentials: { apiKey: { description: k } }',
      /^app\.yaml:9:37 presets\.own\.options\.o\.vales: unknown key; allowed: description, values, pattern, form, default; did you mean "values"\?$/,
    ],
  ];
  for (const [what, more, expected] of cases)
    it(`is told of ${what}, at the preset alone`, () => {
      const [problem, ...others] = problemsOf(parseText(preset(more)));
      assert.match(problem ?? '', expected);
      assert.deepEqual(others, []);
    });
});
