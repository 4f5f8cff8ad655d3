/** Customers that applications bind while the program runs, over real HTTP. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { serializeDocument } from '../../src/core/token/document.ts';
import { type DiscoveryWorld, STAND_BY, startDiscoveryWorld } from '../support/discovery-world.ts';
import { buildDocument, HOUR_MS, MINUTE_MS } from '../support/token-builder.ts';
import { createUpstreamsBench } from '../support/upstreams-bench.ts';

const startUpstreams = await createUpstreamsBench();

async function startWorld(t: TestContext): Promise<DiscoveryWorld> {
  return startDiscoveryWorld(t, await startUpstreams(t));
}

describe('a discovered customer', () => {
  it('gets a token within about a minute, at the first start as well as later', async (t) => {
    const world = await startWorld(t);
    const [first = '', second = ''] = world.bindingIds;
    world.bind('bindings/ayu', { bindingId: first });
    const { events } = await world.start();
    await world.passUntil(() => events.of('token-refreshed').length === 1);
    assert.equal(events.last('token-refreshed').identity.token, 'b2b2c/ayu');
    world.bind('bindings/7', { customer: 'budi', bindingId: second });
    await world.pass(70_000);
    await world.passUntil(() => events.of('token-refreshed').length === 2);
    assert.deepEqual(events.last('token-refreshed').identity, {
      token: 'b2b2c/budi',
      provider: 'b2b2c',
      kind: 'pivot-b2b2c',
      customer: 'budi',
      secret: 'payments/budi',
    });
    assert.equal(world.store.engine.versions('payments/budi').length, 1);
    assert.equal(world.store.engine.versions('token-refresher/state/payments/budi').length, 1);
    assert.equal(world.fetches(), 2);
    const told = inspect(events.all, { depth: null });
    for (const bindingId of world.bindingIds) assert.doesNotMatch(told, new RegExp(bindingId));
  });

  it('is not disturbed by a binding that cannot be used, which is told once', async (t) => {
    const world = await startWorld(t);
    world.bind('bindings/bad', { binding: 'canary' });
    world.bind('bindings/ayu', { bindingId: world.bindingIds[0] });
    const { events } = await world.start();
    await world.pass(3 * MINUTE_MS);
    assert.deepEqual(events.of('binding-rejected'), [
      {
        event: 'binding-rejected',
        provider: 'b2b2c',
        bindingSecret: 'bindings/bad',
        reason: 'bindingId is missing, empty or not a text',
      },
    ]);
    assert.equal(events.of('token-refreshed').length, 1);
  });

  it('is given up when its binding loses the tag, and comes back without a fetch when its token is still fresh', async (t) => {
    const world = await startWorld(t);
    const { engine } = world.store;
    world.bind('bindings/ayu', { bindingId: world.bindingIds[0] });
    const { events } = await world.start();
    await world.passUntil(() => events.of('token-refreshed').length === 1);
    engine.execute('UntagResource', { SecretId: 'bindings/ayu', TagKeys: ['app'] });
    await world.pass(70_000);
    assert.equal(
      events.last('token-removed').why,
      'its binding, secret bindings/ayu, no longer carries the tag app=pivot',
    );
    assert.equal(events.last('bindings-counted').customers, 0);
    assert.equal(engine.versions('payments/ayu').length, 1);
    engine.execute('TagResource', { SecretId: 'bindings/ayu', Tags: [{ Key: 'app', Value: 'pivot' }] });
    await world.pass(70_000);
    assert.equal(events.of('token-added').length, 2);
    assert.equal(events.last('token-restored').generation, 1);
    assert.equal(world.fetches(), 1);
  });

  it('is not refreshed any more once it is given up', async (t) => {
    const world = await startWorld(t);
    world.bind('bindings/ayu', { bindingId: world.bindingIds[0] });
    const { events } = await world.start();
    await world.passUntil(() => events.of('token-refreshed').length === 1);
    world.store.engine.execute('DeleteSecret', { SecretId: 'bindings/ayu' });
    await world.pass(70_000);
    assert.match(events.last('token-removed').why, /is scheduled for deletion$/);
    const before = events.all.length;
    await world.pass(20 * MINUTE_MS);
    assert.equal(world.fetches(), 1);
    assert.deepEqual(
      new Set(events.all.slice(before).map(({ event }) => event)),
      new Set(['bindings-counted']),
    );
  });

  it('No chain is lost by us: is given up only when its new refresh token is saved', async (t) => {
    const world = await startWorld(t);
    const { engine, server } = world.store;
    world.bind('bindings/ayu', { bindingId: world.bindingIds[0] });
    server.setFaults([{ kind: 'unavailable', operations: ['CreateSecret'] }]);
    const { events } = await world.start();
    await world.passUntil(() => events.of('refresh-failed').length > 0);
    engine.execute('UntagResource', { SecretId: 'bindings/ayu', TagKeys: ['app'] });
    await world.pass(3 * MINUTE_MS);
    assert.equal(events.last('bindings-counted').customers, 0);
    assert.equal(events.of('token-removed').length, 0);
    server.setFaults([]);
    await world.passUntil(() => events.of('token-removed').length === 1);
    assert.equal(engine.versions('token-refresher/state/payments/ayu').length, 1);
    assert.equal(world.fetches(), 1);
    assert.equal(
      events.names.findLast((name) => name !== 'bindings-counted'),
      'token-removed',
    );
  });

  it('is kept while nobody can list bindings', async (t) => {
    const world = await startWorld(t);
    world.bind('bindings/ayu', { bindingId: world.bindingIds[0] });
    const { events } = await world.start();
    await world.passUntil(() => events.of('token-refreshed').length === 1);
    world.store.server.setFaults([{ kind: 'denied', operations: ['ListSecrets'] }]);
    await world.pass(5 * MINUTE_MS);
    assert.equal(events.of('token-removed').length, 0);
    assert.equal(events.of('discovery-failed').length, 1);
    assert.equal(events.last('discovery-failed').failure.code, 'store-denied');
    world.store.server.setFaults([]);
    await world.pass(70_000);
    assert.equal(events.of('discovery-recovered').length, 1);
  });

  it('is known to a stand-by, which only reads', async (t) => {
    const world = await startWorld(t);
    world.bind('bindings/ayu', { bindingId: world.bindingIds[0] });
    const { events } = await world.start('', STAND_BY);
    await world.pass(2 * MINUTE_MS);
    assert.deepEqual(new Set(events.names), new Set(['token-added', 'token-absent', 'bindings-counted']));
    assert.equal(world.fetches(), 0);
  });
});

const BINDINGS = 2_000;

describe('thousands of bindings', () => {
  it('cost 11 calls for 100 at the start and one a minute then, and nothing fresh is fetched', async (t) => {
    const world = await startWorld(t);
    const { engine, clock } = world.store;
    for (let index = 0; index < BINDINGS; index += 1) {
      const customer = `c${index}`;
      world.bind(`bindings/${customer}`, { bindingId: 'canary' });
      const expiresAtMs = clock.now() + HOUR_MS;
      const document = buildDocument({ issuedAtMs: clock.now(), expiresAtMs, provider: 'b2b2c', customer });
      engine.execute('CreateSecret', {
        Name: `payments/${customer}`,
        SecretString: serializeDocument(document).reveal(),
        ClientRequestToken: 'first'.padEnd(36, '-'),
      });
    }
    const { events } = await world.start('grant: authorization_code');
    assert.equal(events.of('token-restored').length, BINDINGS);
    const count = (operation: string): number => world.requests.filter((each) => each === operation).length;
    assert.deepEqual(
      [count('ListSecrets'), count('BatchGetSecretValue'), world.requests.length],
      [BINDINGS / 100, BINDINGS / 10, (11 * BINDINGS) / 100],
    );
    world.requests.length = 0;
    await world.passUntil(() => events.of('bindings-counted').length === 2);
    assert.deepEqual([count('ListSecrets'), world.requests.length], [BINDINGS / 100, BINDINGS / 100]);
    assert.equal(world.fetches(), 0);
  });
});
