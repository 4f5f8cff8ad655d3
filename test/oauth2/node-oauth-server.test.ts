/** The `oauth2` form at @node-oauth/oauth2-server, which is stricter than others in what it takes. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { startNodeOAuthServer } from '../support/node-oauth-server.ts';
import { createOAuth2World } from '../support/oauth2-world.ts';
import { runInProcess } from '../support/program-terminal.ts';

const SECRET = 'a+b c&d=e"f\\g%41h:i#j/k?l~';
const PASSWORD = 'p+q r&s=t"u\\v%41w:x é漢';
const SEED = 'seed-of-the-consent-0123456789';

async function startShop(t: TestContext, credentials: Readonly<Record<string, string>>, settings: string) {
  const server = await startNodeOAuthServer({
    clients: [{ id: 'shop', secret: SECRET }],
    user: { username: 'ayu', password: PASSWORD },
    seed: SEED,
  });
  t.after(() => server[Symbol.asyncDispose]());
  const world = await createOAuth2World(t);
  const given = Object.entries({ clientId: 'shop', ...credentials });
  await Promise.all(given.map(([name, value]) => world.put(name, value)));
  const config = await world.configure(`  - name: shop
    kind: oauth2
    tokenUrl: ${server.url}/token
    scope: [read, write]
    ${settings}
    credentials: { ${given.map(([name]) => `${name}: { file: ${name} }`).join(', ')} }
    secret: tokens/shop
`);
  return { server, world, run: (...args: readonly string[]) => runInProcess([...args, '--config', config]) };
}

const USER = { clientSecret: SECRET, username: 'ayu', password: PASSWORD };

const ACCEPTED = [
  ['client_secret_basic in raw encoding', { clientSecret: SECRET }, 'basicEncoding: raw'],
  ['client_secret_post', { clientSecret: SECRET }, 'auth: client_secret_post'],
  ['the password grant with Basic', USER, 'grant: password\n    basicEncoding: raw'],
  ['the password grant with the secret in the body', USER, 'grant: password\n    auth: client_secret_post'],
] as const;

const REFUSED = [
  [
    'client_secret_basic in form encoding',
    { clientSecret: SECRET },
    '',
    '401 invalid_client',
    'clientId and clientSecret, and basicEncoding',
  ],
  [
    'client_secret_post with a wrong secret',
    { clientSecret: 'wrong-secret-0123' },
    'auth: client_secret_post',
    '400 invalid_client',
    'clientId and clientSecret',
  ],
  [
    'a wrong password',
    { ...USER, password: 'wrong-password-0123' },
    'grant: password\n    auth: client_secret_post',
    '400 invalid_grant',
    'clientId, clientSecret, username and password',
  ],
] as const;

describe('@node-oauth/oauth2-server', { timeout: 600_000 }, () => {
  for (const [title, credentials, settings] of ACCEPTED)
    it(`takes ${title}, and its token is published`, async (t) => {
      const { server, world, run } = await startShop(t, credentials, settings);
      const { code, stderr } = await run('run', '--once');
      assert.deepEqual([code, stderr], [0, '']);
      const document = world.published('tokens/shop');
      assert.deepEqual([document?.accessToken.reveal()], server.accessTokens);
      assert.equal(document?.tokenType, 'Bearer');
    });

  for (const [title, credentials, settings, answer, check] of REFUSED)
    it(`refuses ${title}: credentials-rejected, asked once`, async (t) => {
      const { server, run } = await startShop(t, credentials, settings);
      const { code, stderr } = await run('run', '--once');
      assert.equal(code, 1);
      assert.match(
        stderr,
        new RegExp(`^shop: credentials-rejected: .* answered ${answer} .*: check ${check}; `),
      );
      assert.equal(server.requests.length, 1);
    });

  it('rotates the refresh token with each answer, and one that was spent is chain-broken', async (t) => {
    const { server, run } = await startShop(
      t,
      { clientSecret: SECRET, refreshToken: SEED },
      'grant: refresh_token\n    rotates: always\n    auth: client_secret_post',
    );
    const first = await run('run', '--once');
    assert.deepEqual([first.code, first.stderr], [0, '']);
    assert.equal((await run('refresh', 'shop')).code, 0);
    assert.equal(server.accessTokens.length, 2);
    assert.equal(server.refreshTokens.size, 1);
    assert.equal(server.refreshTokens.has(SEED), false);
    server.revokeAll();
    const { code, stdout, stderr } = await run('refresh', 'shop');
    assert.equal(code, 1);
    assert.match(`${stdout}${stderr}`, /chain-broken.*400 invalid_grant/);
  });
});
