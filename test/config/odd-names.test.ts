/** Names that every JavaScript object has already: taken for what was written, or refused, and never dropped. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseText, problemsOf } from '../support/configuration-text.ts';

const PRESET = `presets:
  mine:
    title: an API
    source: https://api.acme.example/docs
    checked: 2026-11-28
    form: http
    lifetime: 1h
    baseUrl: https://api.acme.example
    request: { url: /token, headers: { x-id: "\${id}\${NAME}" } }
    credentials: { id: { description: client id } }
`;

const PLACES: Readonly<Record<string, string>> = {
  'a place': `stores: { NAME: { kind: aws-secrets-manager, region: eu-west-1 } }\npublish: { to: NAME }\n${provider('')}`,
  'a tag': `store: { region: eu-west-1, tags: { NAME: x } }\n${provider('')}`,
  'a credential': provider('', 'headers: { x-id: "${id}${NAME}" }', 'id: { env: ID }, NAME: { env: N }'),
  'a credential of a customer': provider(
    'customers: [{ name: c, secret: tokens/c, NAME: { env: N } }]',
    'headers: { x-id: "${id}${NAME}" }',
  ),
  'a header': provider('', 'headers: { NAME: "${id}" }'),
  'a parameter of the query': provider('allowSecretInUrl: true', 'query: { NAME: "${id}" }'),
  'a field of a form': provider('', 'body: { form: { NAME: "${id}" } }'),
  'a field of a JSON body': provider('', 'body: { json: { NAME: "${id}", inner: { NAME: 1 } } }'),
  'a value': provider('values: { NAME: { base64: "${id}" } }', 'headers: { x-id: "${NAME}" }'),
  'a sorted item': provider('values: { v: { sorted: { NAME: "${id}" } } }', 'headers: { x-id: "${v}" }'),
  'a claim': provider(
    'values: { v: { jwt: HS256, key: id, claims: { NAME: x } } }',
    'headers: { x-id: "${v}" }',
  ),
  'a saved value': provider(
    'steps: [{ url: "https://api.acme.example/login", save: { NAME: a.b } }]',
    'headers: { x-id: "${id}${NAME}" }',
  ),
  'a published field': provider('publish: { NAME: a.b }'),
  'a parameter of OAuth':
    'providers: [{ name: acme, kind: oauth2, secret: t, tokenUrl: "https://api.acme.example/t", credentials: { clientId: { env: A }, clientSecret: { env: B } }, params: { NAME: x } }]\n',
  'an option of a preset': preset('    options: { NAME: { description: an option, default: x } }\n', ''),
  'a credential of a preset': preset(
    '    customerCredentials: { NAME: { description: binding } }\n',
    ', customers: [{ name: c, secret: tokens/c, NAME: { env: N } }]',
  ),
};

function provider(
  rest: string,
  request = 'headers: { x-id: "${id}" }',
  credentials = 'id: { env: ID }',
): string {
  const secret = rest.startsWith('customers') ? '' : 'secret: tokens/acme, ';
  return `providers: [{ name: acme, kind: http, ${secret}credentials: { ${credentials} }, request: { url: "https://api.acme.example/token", ${request} }${rest === '' ? '' : `, ${rest}`} }]\n`;
}

function preset(more: string, rest: string): string {
  const secret = rest === '' ? ', secret: tokens/acme' : rest;
  return `${PRESET}${more}providers: [{ name: acme, kind: mine, credentials: { id: { env: ID } }${secret} }]\n`;
}

describe('a name that every object has', () => {
  for (const [what, text] of Object.entries(PLACES)) {
    it(`is ${what} like any other`, () => {
      const written = text.replaceAll('NAME', 'constructor');
      const plain = text.replaceAll('NAME', 'ordinary');
      const [odd, usual] = [written, plain].map((each) => {
        const parsed = parseText(each);
        assert.ok(parsed.ok, problemsOf(parsed).join('; '));
        const { providers, places } = parsed.configuration;
        const told = providers.map(({ credentials, tokens, configured, baseUrl }) => ({
          credentials,
          tokens,
          requests: configured.picture(baseUrl).map(({ url, headers, body }) => ({ url, headers, body })),
        }));
        return JSON.stringify([told, [...places.keys()]]);
      });
      assert.equal(odd?.replaceAll('constructor', 'ordinary'), usual);
    });

    it(`is refused as ${what}, where the language has a use of its own for it`, () => {
      const problems = problemsOf(parseText(text.replaceAll('NAME', '__proto__')));
      assert.deepEqual(
        [...new Set(problems.map((problem) => problem.replace(/^app\.yaml:\d+:\d+ /, '')))],
        ['nothing can have the name __proto__; give it another one'],
      );
    });
  }

  it('is missing like any other, where a preset needs it', () => {
    const text = preset('    customerCredentials: { toString: { description: binding } }\n', '');
    const written = `${text.replaceAll('${NAME}', '${toString}').replace(', secret: tokens/acme', '')}`;
    const customers = written.replace('{ env: ID } }', '{ env: ID } }, customers: [{ name: c, secret: t }]');
    assert.deepEqual(problemsOf(parseText(customers)), [
      'app.yaml:12:85 providers[0].customers[0].toString: missing; allowed: { env: NAME }, { file: PATH } or { awsSecret: ID, key: NAME }',
    ]);
  });

  it('is an environment variable that is not set', () => {
    const text = provider('').replace('env: ID', 'env: constructor');
    assert.deepEqual(problemsOf(parseText(text, {})), [
      'app.yaml:1:86 providers[0].credentials.id.env: the environment variable is not set (its name is not shown, since it may be the credential itself, which must not stand in this file)',
    ]);
  });
});
