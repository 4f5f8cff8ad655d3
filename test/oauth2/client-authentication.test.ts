/** Every way of RFC 6749, 7523 and 8705 to authenticate, to a server that is not ours: oidc-provider. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  type ClientRegistration,
  RESOURCE,
  startAuthorizationServer,
} from '../support/authorization-server.ts';
import { createOAuth2World } from '../support/oauth2-world.ts';
import { runInProcess } from '../support/program-terminal.ts';

/** All that Basic has to keep apart; the server takes printable ASCII alone in a secret. */
const HARD_SECRET = 'a+b c&d=e"f\\g%41h:i#j/k?l~0123456789';
/** What is the same in both encodings of Basic. */
const PLAIN_SECRET = 'plain-secret.0123456789_abcdefghij';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' });
const jwksOf = (key: KeyObject) => ({ keys: [key.export({ format: 'jwk' })] });

interface Way {
  readonly name: string;
  readonly client: Omit<ClientRegistration, 'client_id'>;
  /** Settings of the entry, beside name, kind, tokenUrl, clientId and secret. */
  readonly settings: string;
  readonly credentials?: string;
}

const secretOf = (secret: string) => ({ client_secret: secret });
const PRIVATE_KEYS = { RS256: rsa, PS256: rsa, ES256: ec } as const;

const WAYS: readonly Way[] = [
  {
    name: 'basic-form',
    client: { token_endpoint_auth_method: 'client_secret_basic', ...secretOf(HARD_SECRET) },
    settings: 'auth: client_secret_basic',
    credentials: 'clientSecret: { file: hard }',
  },
  {
    name: 'basic-raw',
    client: { token_endpoint_auth_method: 'client_secret_basic', ...secretOf(PLAIN_SECRET) },
    settings: 'auth: client_secret_basic\n    basicEncoding: raw',
    credentials: 'clientSecret: { file: plain }',
  },
  {
    name: 'post',
    client: { token_endpoint_auth_method: 'client_secret_post', ...secretOf(HARD_SECRET) },
    settings: 'auth: client_secret_post',
    credentials: 'clientSecret: { file: hard }',
  },
  {
    name: 'secret-jwt',
    client: { token_endpoint_auth_method: 'client_secret_jwt', ...secretOf(HARD_SECRET) },
    settings: 'auth: client_secret_jwt',
    credentials: 'clientSecret: { file: hard }',
  },
  ...(['RS256', 'PS256', 'ES256'] as const).map((algorithm) => ({
    name: `key-${algorithm.toLowerCase()}`,
    client: {
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: algorithm,
      jwks: jwksOf(PRIVATE_KEYS[algorithm].publicKey),
    },
    settings: `auth: private_key_jwt\n    assertion: { algorithm: ${algorithm} }`,
    credentials: `privateKey: { file: ${algorithm}.pem }`,
  })),
  {
    name: 'bearer-none',
    client: { token_endpoint_auth_method: 'none', jwks: jwksOf(rsa.publicKey) },
    settings: 'grant: jwt-bearer\n    auth: none\n    params: { client_id: "${clientId}" }',
    credentials: 'privateKey: { file: RS256.pem }',
  },
  {
    name: 'bearer-basic',
    client: {
      token_endpoint_auth_method: 'client_secret_basic',
      ...secretOf(HARD_SECRET),
      jwks: jwksOf(ec.publicKey),
    },
    settings: 'grant: jwt-bearer\n    assertion: { algorithm: ES256, subject: somebody }',
    credentials: 'clientSecret: { file: hard }\n      privateKey: { file: ES256.pem }',
  },
  {
    name: 'bearer-key',
    client: {
      token_endpoint_auth_method: 'private_key_jwt',
      token_endpoint_auth_signing_alg: 'PS256',
      jwks: jwksOf(rsa.publicKey),
    },
    settings:
      'grant: jwt-bearer\n    auth: private_key_jwt\n    assertion: { algorithm: PS256, subject: somebody }',
    credentials: 'privateKey: { file: PS256.pem }',
  },
  {
    name: 'mtls',
    client: { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'client.example' },
    settings:
      'auth: tls_client_auth\n    tls: { ca: { file: ca.pem }, certificate: { file: client.pem }, key: { file: client.key } }',
  },
];

describe('client authentication at oidc-provider', { timeout: 600_000 }, () => {
  it('publishes a token for each method, and the server says that it is active', async (t) => {
    const server = await startAuthorizationServer(
      t,
      WAYS.map(({ name, client }) => ({ client_id: name, ...client })),
    );
    const world = await createOAuth2World(t);
    const certificate = server.authority.issue('subjectAltName=DNS:client.example');
    await Promise.all([
      world.put('hard', HARD_SECRET),
      world.put('plain', PLAIN_SECRET),
      world.put('ca.pem', server.authority.cert),
      world.put('client.pem', certificate.cert),
      world.put('client.key', certificate.key),
      ...Object.entries(PRIVATE_KEYS).map(([name, { privateKey }]) =>
        world.put(`${name}.pem`, pemOf(privateKey)),
      ),
      ...WAYS.map(({ name }) => world.put(`${name}.id`, name)),
    ]);
    const config = await world.configure(
      WAYS.map(
        ({ name, settings, credentials }) => `  - name: ${name}
    kind: oauth2
    tokenUrl: ${name === 'mtls' ? server.tlsUrl : server.url}/token
    ${settings}
    ${settings.includes('jwt-bearer') ? '' : `resource: ${RESOURCE}`}
    scope: read
    credentials:
      clientId: { file: ${name}.id }
${credentials === undefined ? '' : `      ${credentials}\n`}    secret: tokens/${name}
`,
      ).join(''),
    );
    const { code, stderr } = await runInProcess(['run', '--once', '--config', config]);
    assert.deepEqual([code, stderr], [0, '']);
    for (const { name } of WAYS) {
      const document = world.published(`tokens/${name}`);
      assert.ok(document !== undefined, name);
      const { active, client_id, aud, scope } = await server.introspect(document.accessToken.reveal());
      // The grant for an assertion is the test's own, and knows no resources.
      const audience = name.startsWith('bearer-') ? undefined : RESOURCE;
      assert.deepEqual([active, client_id, aud, scope], [true, name, audience, 'read'], name);
      assert.equal(document.tokenType, 'Bearer', name);
    }
    assert.equal(server.tokenRequests(), WAYS.length);
  });
});
