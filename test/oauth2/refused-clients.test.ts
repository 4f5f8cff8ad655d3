/** What the daemon makes of an authorization server's no: oidc-provider refuses the client. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { type ClientRegistration, startAuthorizationServer } from '../support/authorization-server.ts';
import { type CertificateAuthority, createAuthority } from '../support/certificates.ts';
import { createOAuth2World } from '../support/oauth2-world.ts';
import { runInProcess } from '../support/program-terminal.ts';

/** In raw Basic the server reads `%41` as `A` and `+` as a blank. */
const SECRET = 'right+secret%41-0123456789-0123456789';
const WRONG = 'wrong-secret-0123456789-0123456789-01';

const CLIENT_NAME = 'subjectAltName=DNS:client.example';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pemOf = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' });
const jwks = { keys: [{ ...rsa.publicKey.export({ format: 'jwk' }), kid: 'of-the-shop' }] };

interface Refusal {
  readonly title: string;
  readonly client: Omit<ClientRegistration, 'client_id'>;
  /** Settings of the entry, beside tokenUrl. */
  readonly settings: string;
  /** Beside the client id. */
  readonly credentials?: Readonly<Record<string, string>>;
  readonly answer: string;
  readonly check: string;
}

const OF_ASSERTION = ', and the audience, algorithm and keyId of assertion';
/** What else may be why it is refused, where the secret itself may be right. */
const SETTINGS: Readonly<Record<string, string>> = {
  'client_secret_jwt with a wrong secret': OF_ASSERTION,
  'client_secret_basic in raw encoding, at a server that decodes': ', and basicEncoding',
};

const METHODS = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt'] as const;

const SECRETS: readonly Refusal[] = [
  ...METHODS.map((method) => ({ method, more: '', secret: WRONG, title: `${method} with a wrong secret` })),
  {
    method: METHODS[0],
    more: '\n    basicEncoding: raw',
    secret: SECRET,
    title: 'client_secret_basic in raw encoding, at a server that decodes',
  },
].map(({ method, more, secret, title }) => ({
  title,
  client: { client_secret: SECRET, token_endpoint_auth_method: method },
  settings: `auth: ${method}${more}`,
  credentials: { clientSecret: secret },
  answer: '401 invalid_client (client authentication failed)',
  check: `clientId and clientSecret${SETTINGS[title] ?? ''}`,
}));

const WRONG_ASSERTIONS = [
  ['a wrong key', '', pemOf(stranger.privateKey)],
  ['another audience', 'audience: "https://elsewhere.example/token"'],
  ['an assertion that has expired', 'backdate: 10m, lifetime: 60s'],
  ['a key id that the server does not know', 'keyId: of-nobody'],
  ['another algorithm than is registered', 'algorithm: RS384'],
  ['another issuer', 'issuer: somebody'],
] as const;

const KEYS: readonly Refusal[] = WRONG_ASSERTIONS.map(([what, assertion, key = pemOf(rsa.privateKey)]) => ({
  title: `private_key_jwt with ${what}`,
  client: {
    jwks,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'RS256',
  },
  settings: `auth: private_key_jwt\n    assertion: { ${assertion} }`,
  credentials: { privateKey: key },
  answer: '401 invalid_client (client authentication failed)',
  check: `clientId and privateKey${OF_ASSERTION}`,
}));

const GRANTS: readonly Refusal[] = WRONG_ASSERTIONS.filter(([what]) => !what.includes('algorithm')).map(
  ([what, assertion, key = pemOf(rsa.privateKey)]) => ({
    title: `jwt-bearer with ${what}`,
    client: { jwks, token_endpoint_auth_method: 'none' },
    settings: `grant: jwt-bearer\n    auth: none\n    params: { client_id: "\${clientId}" }\n    assertion: { ${assertion} }`,
    credentials: { privateKey: key },
    answer: '400 invalid_grant (grant request is invalid)',
    check: `clientId and privateKey${OF_ASSERTION}`,
  }),
);

/** Runs the daemon once with a client that the server refuses. */
async function refuse(
  t: TestContext,
  { client, settings, credentials = {}, answer, check }: Refusal,
  prepare?: (
    authority: CertificateAuthority,
    put: (name: string, text: string) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const server = await startAuthorizationServer(t, [{ client_id: 'shop', ...client }]);
  const world = await createOAuth2World(t);
  const given = Object.entries({ clientId: 'shop', ...credentials });
  await Promise.all(given.map(([name, text]) => world.put(name, text)));
  await prepare?.(server.authority, world.put);
  const config = await world.configure(`  - name: shop
    kind: oauth2
    tokenUrl: ${prepare === undefined ? server.url : server.tlsUrl}/token
    ${settings}
    credentials: { ${given.map(([name]) => `${name}: { file: ${name} }`).join(', ')} }
    secret: tokens/shop
`);
  const { code, stdout, stderr } = await runInProcess(['run', '--once', '--config', config]);
  assert.equal(code, 1);
  assert.equal(
    stderr.replace(/https?:\S+(?=\/token)/, 'URL'),
    `shop: credentials-rejected: POST URL/token answered ${answer}: check ${check}; next try in at most 15 min or when they change\n`,
  );
  for (const secret of Object.values(credentials)) assert.equal(`${stdout}${stderr}`.includes(secret), false);
  assert.equal(server.tokenRequests(), 1);
  assert.equal(world.published('tokens/shop'), undefined);
}

describe('a client that oidc-provider refuses', { timeout: 600_000 }, () => {
  for (const refusal of [...SECRETS, ...KEYS, ...GRANTS])
    it(`${refusal.title} is credentials-rejected, asked once, and no secret shows`, (t) =>
      refuse(t, refusal));

  it("a customer's own credentials are among what to check, beside those of all", async (t) => {
    const method = 'client_secret_post';
    const server = await startAuthorizationServer(t, [
      { client_id: 'shop', client_secret: SECRET, token_endpoint_auth_method: method },
    ]);
    const world = await createOAuth2World(t);
    await world.put('id', 'shop');
    await world.put('ayu', WRONG);
    const config = await world.configure(`  - name: shop
    kind: oauth2
    tokenUrl: ${server.url}/token
    auth: ${method}
    credentials: { clientId: { file: id } }
    customers: [{ name: ayu, clientSecret: { file: ayu } }]
    secret: tokens/{customer}
`);
    const { stderr } = await runInProcess(['run', '--once', '--config', config]);
    assert.match(stderr, /^shop\/ayu: credentials-rejected: .*: check clientId and clientSecret; next try/);
  });

  const certificates = [
    [
      'of another name',
      (authority: CertificateAuthority) => authority.issue('subjectAltName=DNS:other.example'),
    ],
    [
      'of an authority that the server does not trust',
      async (_: CertificateAuthority, t: TestContext) => (await createAuthority(t)).issue(CLIENT_NAME),
    ],
  ] as const;
  for (const [what, issue] of certificates)
    it(`tls_client_auth with a certificate ${what} is credentials-rejected, and the certificate among what to check`, (t) => {
      const mutual: Refusal = {
        title: what,
        client: { token_endpoint_auth_method: 'tls_client_auth', tls_client_auth_san_dns: 'client.example' },
        settings:
          'auth: tls_client_auth\n    tls: { ca: { file: ca.pem }, certificate: { file: client.pem }, key: { file: client.key } }',
        answer: '401 invalid_client (client authentication failed)',
        check: 'clientId and tls.certificate',
      };
      return refuse(t, mutual, async (authority, put) => {
        const { key, cert } = await issue(authority, t);
        await Promise.all([put('ca.pem', authority.cert), put('client.pem', cert), put('client.key', key)]);
      });
    });
});
