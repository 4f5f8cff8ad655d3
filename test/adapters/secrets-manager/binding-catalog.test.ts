import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createBindingCatalog } from '../../../src/adapters/secrets-manager/binding-catalog.ts';
import { createSecretsManagerClient } from '../../../src/adapters/secrets-manager/client.ts';
import { createSdkService } from '../../../src/adapters/secrets-manager/service.ts';
import type { BindingCatalog, BindingSecret } from '../../../src/core/ports.ts';
import { advanceUntilDone } from '../../support/advance-until-done.ts';
import { STORE_TIMEOUT_MS, startEmulatedStore } from '../../support/emulated-store.ts';
import type { FakeClock } from '../../support/fake-clock.ts';
import { expectFailure, expectOk } from '../../support/store-expectations.ts';
import { never } from '../../support/store-write.ts';
import { createDirectTransport } from '../../support/transport.ts';

const TAG = { key: 'app', value: 'pivot' };

async function startCatalog(t: TestContext) {
  const { sandbox, clock, requests } = await startEmulatedStore(t);
  const client = createSecretsManagerClient({
    transport: createDirectTransport(),
    region: sandbox.engine.region,
    endpoint: sandbox.server.endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
  });
  t.after(() => client.destroy());
  const catalog = createBindingCatalog({
    service: createSdkService(client),
    clock,
    timeoutMs: STORE_TIMEOUT_MS,
    section: 'store',
  });
  const create = (Name: string, tags: Readonly<Record<string, string>>): void => {
    const Tags = Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
    const created = sandbox.engine.execute('CreateSecret', {
      Name,
      Tags,
      SecretString: 'canary',
      ClientRequestToken: Name.padEnd(36, '-'),
    });
    assert.ok(created.ok);
  };
  const { engine, server, clock: wireClock } = sandbox;
  return { catalog, clock, requests, create, engine, server, wireClock };
}

/** Lists while the pauses between pages pass. */
async function list(catalog: BindingCatalog, clock: FakeClock): Promise<readonly BindingSecret[]> {
  return expectOk(await advanceUntilDone(clock, 10, catalog.list(TAG, never)));
}

describe('a list of bindings', () => {
  it('holds what carries exactly the tag, and neither what looks like it nor what is being deleted', async (t) => {
    const { catalog, clock, create, engine, wireClock } = await startCatalog(t);
    const createdAtMs = wireClock.now();
    create('bindings/ayu', { app: 'pivot', team: 'payments' });
    create('bindings/longer-value', { app: 'pivot-staging' });
    create('bindings/longer-key', { application: 'pivot' });
    create('bindings/crossed', { app: 'other', team: 'pivot' });
    create('bindings/gone', { app: 'pivot' });
    create('bindings/none', {});
    engine.execute('DeleteSecret', { SecretId: 'bindings/gone' });
    const version = 'bindings/ayu'.padEnd(36, '-');
    assert.deepEqual(await list(catalog, clock), [
      { secretName: 'bindings/ayu', createdAtMs, version, revision: `${createdAtMs}/${version}` },
    ]);
  });

  it('has another revision after every change', async (t) => {
    const { catalog, clock, create, engine, wireClock } = await startCatalog(t);
    create('bindings/ayu', { app: 'pivot' });
    const revisions = new Set<string>();
    const note = async (): Promise<void> => {
      revisions.add((await list(catalog, clock))[0]?.revision ?? 'none');
    };
    await note();
    await note();
    assert.equal(revisions.size, 1);
    for (const change of [
      () =>
        engine.execute('PutSecretValue', {
          SecretId: 'bindings/ayu',
          SecretString: 'other',
          ClientRequestToken: 'x'.repeat(36),
        }),
      () => engine.execute('TagResource', { SecretId: 'bindings/ayu', Tags: [{ Key: 'team', Value: 'x' }] }),
    ]) {
      await wireClock.advance(1_000);
      assert.ok(change().ok);
      await note();
    }
    assert.equal(revisions.size, 3);
  });

  it('takes pages of 100, five a second', async (t) => {
    const { catalog, clock, create, requests } = await startCatalog(t);
    for (let index = 0; index < 250; index += 1) create(`bindings/${index}`, { app: 'pivot' });
    const startedMs = clock.monotonicMs();
    assert.equal((await list(catalog, clock)).length, 250);
    assert.deepEqual(requests, ['ListSecrets', 'ListSecrets', 'ListSecrets']);
    assert.ok(clock.monotonicMs() - startedMs >= 400);
  });

  it('fails as a whole when a later page fails', async (t) => {
    const { catalog, clock, create, server, requests } = await startCatalog(t);
    for (let index = 0; index < 150; index += 1) create(`bindings/${index}`, { app: 'pivot' });
    const listing = catalog.list(TAG, never);
    while (requests.length === 0) await clock.advance(1);
    await clock.untilSleeping((delayMs) => delayMs <= 200);
    server.setFaults([{ kind: 'throttle' }]);
    await clock.advance(200);
    assert.match(
      expectFailure(await listing, 'store-unavailable', 'backoff').message,
      /^Secrets Manager throttled ListSecrets on secrets with the tag app=pivot: /,
    );
  });

  it('says which permission is missing', async (t) => {
    const { catalog, server } = await startCatalog(t);
    server.setFaults([{ kind: 'denied' }]);
    assert.equal(
      expectFailure(await catalog.list(TAG, never), 'store-denied', 'needs-human').message,
      "AWS denied secretsmanager:ListSecrets on secrets with the tag app=pivot: grant it to the daemon's role (resource *)",
    );
  });

  it('ends when it is abandoned', async (t) => {
    const { catalog } = await startCatalog(t);
    expectFailure(await catalog.list(TAG, AbortSignal.abort()), 'aborted', 'soon');
  });
});

describe('the loss of a binding', () => {
  for (const { what, act, loss } of [
    { what: 'that is still there', act: undefined, loss: undefined },
    {
      what: 'that was deleted',
      act: { operation: 'DeleteSecret', input: { ForceDeleteWithoutRecovery: true } },
      loss: 'was deleted',
    },
    {
      what: 'that is scheduled for deletion',
      act: { operation: 'DeleteSecret', input: {} },
      loss: 'is scheduled for deletion',
    },
    {
      what: 'without its tag',
      act: { operation: 'UntagResource', input: { TagKeys: ['app'] } },
      loss: 'no longer carries the tag app=pivot',
    },
    {
      what: 'with another value of its tag',
      act: { operation: 'TagResource', input: { Tags: [{ Key: 'app', Value: 'pivot2' }] } },
      loss: 'no longer carries the tag app=pivot',
    },
  ] as const) {
    it(`is told of one ${what}: ${loss ?? 'none'}`, async (t) => {
      const { catalog, create, engine } = await startCatalog(t);
      create('bindings/ayu', { app: 'pivot' });
      if (act !== undefined)
        assert.ok(engine.execute(act.operation, { SecretId: 'bindings/ayu', ...act.input }).ok);
      assert.equal(expectOk(await catalog.findLoss('bindings/ayu', TAG, never)), loss);
    });
  }

  it('is not known while the store refuses to say', async (t) => {
    const { catalog, create, server } = await startCatalog(t);
    create('bindings/ayu', { app: 'pivot' });
    server.setFaults([{ kind: 'denied' }]);
    expectFailure(await catalog.findLoss('bindings/ayu', TAG, never), 'store-denied', 'needs-human');
  });
});
