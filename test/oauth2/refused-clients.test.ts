/** What the daemon makes of an authorization server's no: oidc-provider refuses the client. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startAuthorizationServer } from '../support/authorization-server.ts';
import { createOAuth2World } from '../support/oauth2-world.ts';
import { runInProcess } from '../support/program-terminal.ts';

/** In raw Basic the server reads `%41` as `A` and `+` as a blank. */
const SECRET = 'right+secret%41-0123456789-0123456789';
const WRONG = 'wrong-secret-0123456789-0123456789-01';

const METHODS = ['client_secret_basic', 'client_secret_post', 'client_secret_jwt'] as const;

describe('a client that oidc-provider refuses', { timeout: 60_000 }, () => {
  const refusals = [
    ...METHODS.map((auth) => ({ auth, title: `${auth} with a wrong secret`, secret: WRONG, more: '' })),
    {
      auth: METHODS[0],
      title: 'client_secret_basic in raw encoding, at a server that decodes',
      secret: SECRET,
      more: '    basicEncoding: raw\n',
    },
  ];
  for (const { auth, title, secret, more } of refusals) {
    it(`${title} is credentials-rejected, asked once, and no secret shows`, async (t) => {
      const server = await startAuthorizationServer(t, [
        { client_id: 'shop', client_secret: SECRET, token_endpoint_auth_method: auth },
      ]);
      const world = await createOAuth2World(t);
      await world.put('id', 'shop');
      await world.put('secret', secret);
      const config = await world.configure(`  - name: shop
    kind: oauth2
    tokenUrl: ${server.url}/token
    auth: ${auth}
${more}    credentials: { clientId: { file: id }, clientSecret: { file: secret } }
    secret: tokens/shop
`);
      const { code, stdout, stderr } = await runInProcess(['run', '--once', '--config', config]);
      assert.equal(code, 1);
      assert.match(stderr, /^shop: credentials-rejected: POST http:\S+\/token answered 401/);
      assert.equal(`${stdout}${stderr}`.includes(secret), false);
      assert.equal(server.tokenRequests(), 1);
      assert.equal(world.published('tokens/shop'), undefined);
    });
  }
});
