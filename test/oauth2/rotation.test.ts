/**
 * Refresh tokens that rotate at oidc-provider, a server that is not ours: it takes each once, and revokes all that came
 * of the consent when one is presented again.
 */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import { startAlertStage } from '../support/alert-stage.ts';
import { startAuthorizationServer } from '../support/authorization-server.ts';
import { createOAuth2World } from '../support/oauth2-world.ts';
import { runInProcess, startInProcess } from '../support/program-terminal.ts';

const CLIENT = { client_id: 'shop', client_secret: 'a-secret-of-the-shop-0123456789-0123' };

async function startChain(t: TestContext, more = '') {
  const server = await startAuthorizationServer(t, [
    { ...CLIENT, token_endpoint_auth_method: 'client_secret_post' },
  ]);
  const world = await createOAuth2World(t);
  const seed = await server.consent('shop');
  await Promise.all([
    world.put('id', CLIENT.client_id),
    world.put('secret', CLIENT.client_secret),
    world.put('seed', seed),
  ]);
  const config = await world.configure(
    `  - name: shop
    kind: oauth2
    tokenUrl: ${server.url}/token
    grant: refresh_token
    rotates: always
    auth: client_secret_post
    credentials:
      clientId: { file: id }
      clientSecret: { file: secret }
      refreshToken: { file: seed }
    secret: tokens/shop
`,
    more,
  );
  return {
    server,
    world,
    seed,
    config,
    run: (...args: readonly string[]) => runInProcess([...args, '--config', config]),
    isActive: async () => {
      const token = world.published('tokens/shop')?.accessToken.reveal();
      return token !== undefined && (await server.introspect(token))['active'];
    },
    /** Somebody who has copied a refresh token. */
    presentElsewhere: (refreshToken: string) =>
      server.presentElsewhere(CLIENT.client_id, CLIENT.client_secret, refreshToken),
  };
}

describe('a chain of rotating refresh tokens at oidc-provider', { timeout: 600_000 }, () => {
  it('goes on from the seed, over restarts, and every token is active', async (t) => {
    const chain = await startChain(t);
    assert.deepEqual(await chain.run('run', '--once').then(({ code, stderr }) => [code, stderr]), [0, '']);
    assert.equal(await chain.isActive(), true);
    for (const generation of [2, 3, 4]) {
      const { code, stderr } = await chain.run('refresh', 'shop');
      assert.deepEqual([code, stderr], [0, '']);
      assert.equal(chain.world.published('tokens/shop')?.generation, generation);
      assert.equal(await chain.isActive(), true);
    }
    assert.equal(chain.server.tokenRequests(), 4);
  });

  it('a lost answer is presented once more; a server that revokes for that is chain-broken', async (t) => {
    const chain = await startChain(t);
    assert.equal((await chain.run('run', '--once')).code, 0);
    const before = chain.server.tokenRequests();
    chain.server.loseNextAnswer();
    const { code, stdout, stderr } = await chain.run('refresh', 'shop');
    assert.equal(code, 1);
    assert.match(`${stdout}${stderr}`, /chain-broken/);
    assert.equal(chain.server.tokenRequests() - before, 2);
    assert.equal(await chain.isActive(), false);
  });

  it('a refresh token that somebody else uses breaks the chain, which is not tried over and over', async (t) => {
    const chain = await startChain(t);
    assert.equal((await chain.run('run', '--once')).code, 0);
    const before = chain.server.tokenRequests();
    assert.equal(await chain.presentElsewhere(chain.seed), 400);
    assert.equal(await chain.isActive(), false);
    const { code, stdout, stderr } = await chain.run('refresh', 'shop');
    assert.equal(code, 1);
    assert.match(`${stdout}${stderr}`, /chain-broken/);
    assert.equal(chain.server.tokenRequests() - before, 2);
  });

  it('a running daemon reports a broken chain once, and goes on as soon as the seed is a new one', async (t) => {
    const { alerts, env, told } = await startAlertStage(t);
    const chain = await startChain(t, `log: { level: debug }\nalerts: ${JSON.stringify(alerts)}\n`);
    assert.deepEqual(
      [await chain.presentElsewhere(chain.seed), await chain.presentElsewhere(chain.seed)],
      [200, 400],
    );
    const before = chain.server.tokenRequests();
    await using daemon = startInProcess(['run', '--config', chain.config], { env });
    const failed = await daemon.output.untilLine(({ event }) => event === 'refresh-failed');
    assert.deepEqual([failed['code'], failed['retry']], ['chain-broken', 'needs-human']);
    await daemon.output.untilLine(({ event, sink }) => event === 'alert-sent' && sink === 'webhook');
    await chain.world.put('seed', await chain.server.consent('shop'));
    await daemon.output.untilLine(({ event }) => event === 'token-refreshed');
    daemon.terminal.stop();
    assert.equal(await daemon.exit, 0);
    assert.equal(await chain.isActive(), true);
    assert.equal(chain.server.tokenRequests() - before, 2);
    const occasions = told('webhook').flatMap((body) => {
      const parsed = parseJson(body);
      return isJsonObject(parsed) && parsed['alert'] === 'ChainBroken' ? [parsed['occasion']] : [];
    });
    assert.deepEqual(
      occasions.filter((each) => each !== 'recovered'),
      ['fired'],
    );
  });

  it('a new seed mends a chain that was broken after it had begun', async (t) => {
    const chain = await startChain(t);
    assert.equal((await chain.run('run', '--once')).code, 0);
    assert.equal(await chain.presentElsewhere(chain.seed), 400);
    assert.equal((await chain.run('refresh', 'shop')).code, 1);
    await chain.world.put('seed', await chain.server.consent('shop'));
    const { code, stdout } = await chain.run('refresh', 'shop');
    assert.equal(code, 0, stdout);
    assert.equal(await chain.isActive(), true);
  });
});
