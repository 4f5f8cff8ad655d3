/** What each customer of a described provider has to give, listed or discovered. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseText, problemsOf } from '../support/configuration-text.ts';

const CHAIN = (refreshToken: string): string => `providers:
  - name: acme
    kind: http
    request: { url: "https://acme.example/", headers: { x-shop: "\${shop}" }, body: { json: { r: ${refreshToken}, as: { optional: loginAs } } } }
    refresh: { token: { path: refresh_token } }
    secret: tokens/acme/{customer}
    customers: `;
const NEEDED = '"${refreshToken}"';
const SPARED = '{ optional: refreshToken }';
const DISCOVERED = '{ discover: { tag: app=acme } }\n';

function configuredFrom(text: string) {
  const parsed = parseText(text);
  assert.deepEqual(problemsOf(parsed), []);
  assert.ok(parsed.ok);
  const [provider] = parsed.configuration.providers;
  assert.ok(provider !== undefined);
  return provider;
}

function optionalityOf(text: string): Readonly<Record<string, boolean>> {
  return Object.fromEntries(
    Object.entries(configuredFrom(text).configured.customerCredentials).map(
      ([name, { optional = false }]) => [name, optional],
    ),
  );
}

describe('a discovered customer', () => {
  it('gives what the texts need, the seed of its chain included', () => {
    assert.deepEqual(optionalityOf(CHAIN(NEEDED) + DISCOVERED), {
      shop: false,
      loginAs: true,
      refreshToken: false,
    });
  });

  it('may give a seed where the chain can begin without one', () => {
    assert.deepEqual(optionalityOf(CHAIN(SPARED) + DISCOVERED), {
      shop: false,
      loginAs: true,
      refreshToken: true,
    });
  });

  it('has the seed of the provider where all share one', () => {
    const shared = CHAIN(NEEDED).replace(
      'request:',
      'credentials: { refreshToken: { env: A } }\n    request:',
    );
    assert.deepEqual(optionalityOf(shared + DISCOVERED), { shop: false, loginAs: true });
  });

  it('gives the refresh token of its consent to kind oauth2 as well', () => {
    const text = `providers:
  - name: acme
    kind: oauth2
    tokenUrl: https://acme.example/token
    grant: refresh_token
    auth: client_secret_post
    credentials: { clientId: { env: A }, clientSecret: { env: B } }
    secret: tokens/acme/{customer}
    customers: ${DISCOVERED}`;
    assert.deepEqual(optionalityOf(text), { refreshToken: false });
  });
});

describe('a listed customer', () => {
  it('may do without what a text leaves out, while another has it', () => {
    const { tokens } = configuredFrom(`${CHAIN(SPARED)}
      - { name: ayu, shop: { env: A }, loginAs: { env: B }, refreshToken: { file: seed } }
      - { name: budi, shop: { env: C } }
`);
    assert.deepEqual(
      tokens.map(({ customerCredentials }) => Object.keys(customerCredentials)),
      [['shop', 'loginAs', 'refreshToken'], ['shop']],
    );
  });

  it('cannot do without what a text needs', () => {
    const text = `${CHAIN(NEEDED)}
      - { name: ayu, shop: { env: A }, refreshToken: { file: seed } }
      - { name: budi, loginAs: { env: C } }
`;
    assert.deepEqual(
      problemsOf(parseText(text)).map((problem) => problem.replace(/; allowed.*/, '')),
      [
        'app.yaml:9:9 providers[0].customers[1].shop: missing',
        'app.yaml:9:9 providers[0].customers[1].refreshToken: missing',
      ],
    );
  });
});

describe('a chain that nothing begins', () => {
  it('is told', () => {
    const text = CHAIN(NEEDED)
      .replace('    customers: ', '')
      .replace('/{customer}', '')
      .replace('"${shop}"', 'a');
    assert.deepEqual(problemsOf(parseText(text.replace(', as: { optional: loginAs }', ''))), [
      'app.yaml:5:14 providers[0].refresh: the base request presents a refresh token, and there is none to begin with; allowed: refreshToken among the credentials, or { optional: refreshToken } in the base request',
    ]);
  });
});
