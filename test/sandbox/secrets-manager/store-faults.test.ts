import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
  UpdateSecretCommand,
} from '@aws-sdk/client-secrets-manager';
import { FaultSchedule } from '../../../src/sandbox/fault-schedule.ts';
import { listFaults, parseFault } from '../../../src/sandbox/fault-syntax.ts';
import type { OperationName } from '../../../src/sandbox/secrets-manager/operation.ts';
import { createSecretsManager } from '../../../src/sandbox/secrets-manager/secrets-manager.ts';
import { startSecretsManagerServer } from '../../../src/sandbox/secrets-manager/secrets-manager-server.ts';
import type { StoreFault } from '../../../src/sandbox/secrets-manager/store-fault.ts';
import {
  type EmulatedSecretsManager,
  requestToken,
  serviceError,
  startEmulatedSecretsManager,
} from '../../support/emulated-secrets-manager.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const get = new GetSecretValueCommand({ SecretId: 'pik' });
const RESET = { code: 'ECONNRESET' };

async function startWithSecret(): Promise<EmulatedSecretsManager> {
  const sandbox = await startEmulatedSecretsManager();
  await sandbox.client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'x' }));
  return sandbox;
}

const kinds: readonly {
  readonly fault: StoreFault;
  readonly error: object;
  readonly status: number | undefined;
}[] = [
  { fault: { kind: 'throttle' }, error: serviceError('ThrottlingException', 'Rate exceeded'), status: 400 },
  {
    fault: { kind: 'denied' },
    error: serviceError(
      'AccessDeniedException',
      /^User: \S+ is not authorized to perform: secretsmanager:GetSecretValue on resource: arn:aws:secretsmanager:us-east-1:000000000000:secret:pik because/,
    ),
    status: 400,
  },
  { fault: { kind: 'unavailable' }, error: serviceError('ServiceUnavailable'), status: 503 },
  { fault: { kind: 'kms' }, error: serviceError('DecryptionFailure'), status: 400 },
  { fault: { kind: 'outage' }, error: RESET, status: undefined },
  { fault: { kind: 'lost-answer' }, error: RESET, status: undefined },
];

for (const { fault, error, status } of kinds) {
  test(`the fault ${fault.kind} reaches the SDK as documented, and ends when the faults are cleared`, async () => {
    await using sandbox = await startWithSecret();
    sandbox.server.setFaults([fault]);
    await assert.rejects(sandbox.client.send(get), error);
    await assert.rejects(sandbox.client.send(get), (thrown: { $metadata?: { httpStatusCode?: number } }) => {
      assert.equal(thrown.$metadata?.httpStatusCode, status);
      return true;
    });
    sandbox.server.setFaults([]);
    assert.equal((await sandbox.client.send(get)).SecretString, 'x');
  });
}

test('every kind of fault has a test', () => {
  const tested = new Set(['latency=…', ...kinds.map(({ fault }) => fault.kind)]);
  assert.deepEqual([...tested].toSorted(), listFaults('store').toSorted());
});

test('latency is waited out on the clock, and several add up', async () => {
  await using sandbox = await startWithSecret();
  sandbox.server.setFaults([
    { kind: 'latency', delayMs: 1_000 },
    { kind: 'latency', delayMs: 500, operations: ['GetSecretValue'] },
  ]);
  const reading = sandbox.client.send(get);
  await sandbox.clock.untilSleeping();
  assert.deepEqual(sandbox.clock.pendingDelaysMs, [1_500]);
  await sandbox.clock.advance(1_500);
  assert.equal((await reading).SecretString, 'x');
});

test('a fault strikes only its operations', async () => {
  await using sandbox = await startWithSecret();
  sandbox.server.setFaults([{ kind: 'throttle', operations: ['PutSecretValue'] }]);
  await sandbox.client.send(get);
  const putting = sandbox.client.send(new PutSecretValueCommand({ SecretId: 'pik', SecretString: 'y' }));
  await assert.rejects(putting, serviceError('ThrottlingException'));
});

test('a fault with a number of times is over after them, and one that it hides comes next', async () => {
  await using sandbox = await startWithSecret();
  sandbox.server.setFaults([
    { kind: 'throttle', times: 2 },
    { kind: 'denied', times: 1 },
  ]);
  const names: string[] = [];
  for (let call = 0; call < 4; call += 1) {
    names.push(
      await sandbox.client.send(get).then(
        () => 'ok',
        (error: Error) => error.name,
      ),
    );
  }
  assert.deepEqual(names, ['ThrottlingException', 'ThrottlingException', 'AccessDeniedException', 'ok']);
});

test('KMS trouble hits values only and changes nothing', async () => {
  await using sandbox = await startWithSecret();
  const { client } = sandbox;
  sandbox.server.setFaults([{ kind: 'kms' }]);
  const encryption = serviceError('EncryptionFailure');
  await assert.rejects(
    client.send(new PutSecretValueCommand({ SecretId: 'pik', SecretString: 'y' })),
    encryption,
  );
  await assert.rejects(
    client.send(new UpdateSecretCommand({ SecretId: 'pik', SecretString: 'y', Description: 'new' })),
    encryption,
  );
  await assert.rejects(client.send(new CreateSecretCommand({ Name: 'new', SecretString: 'y' })), encryption);
  await assert.rejects(
    client.send(new GetSecretValueCommand({ SecretId: 'absent' })),
    serviceError('ResourceNotFoundException'),
  );
  const batch = await client.send(new BatchGetSecretValueCommand({ SecretIdList: ['pik'] }));
  assert.deepEqual(
    batch.Errors?.map((error) => error.ErrorCode),
    ['DecryptionFailure'],
  );
  const described = await client.send(new DescribeSecretCommand({ SecretId: 'pik' }));
  assert.equal(described.Description, undefined);
  const listed = await client.send(new ListSecretsCommand({}));
  assert.deepEqual(
    listed.SecretList?.map((entry) => entry.Name),
    ['pik'],
  );
  assert.equal(sandbox.engine.versions('pik').length, 1);
});

test('an outage carries nothing out, a lost answer everything, and the replay is recognised', async () => {
  await using sandbox = await startWithSecret();
  const put = new PutSecretValueCommand({
    SecretId: 'pik',
    SecretString: 'y',
    ClientRequestToken: requestToken('b'),
  });
  sandbox.server.setFaults([
    { kind: 'outage', times: 1 },
    { kind: 'lost-answer', times: 1 },
  ]);
  await assert.rejects(sandbox.client.send(put), RESET);
  assert.equal(sandbox.engine.versions('pik').length, 1);
  await assert.rejects(sandbox.client.send(put), RESET);
  assert.equal(sandbox.engine.versions('pik').length, 2);
  assert.equal((await sandbox.client.send(put)).VersionId, requestToken('b'));
  assert.equal(sandbox.engine.versions('pik').length, 2);
});

test('requests are counted by operation, those that a fault hits included', async () => {
  const seen: OperationName[] = [];
  await using sandbox = await startEmulatedSecretsManager({ onRequest: (operation) => seen.push(operation) });
  await sandbox.client.send(new CreateSecretCommand({ Name: 'pik' }));
  sandbox.server.setFaults([{ kind: 'outage' }]);
  await assert.rejects(sandbox.client.send(get));
  await assert.rejects(sandbox.client.send(get));
  assert.deepEqual(seen, ['CreateSecret', 'GetSecretValue', 'GetSecretValue']);
  assert.deepEqual(
    [...sandbox.server.requests],
    [
      ['CreateSecret', 1],
      ['GetSecretValue', 2],
    ],
  );
});

test('the SDK with its usual retries gets over a short throttle with one version written', async () => {
  await using sandbox = await startWithSecret();
  const patient = new SecretsManagerClient({
    endpoint: sandbox.server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
    retryStrategy: {
      acquireInitialRetryToken: async () => ({ getRetryCount: () => 0, getRetryDelay: () => 0 }),
      refreshRetryTokenForRetry: async () => ({ getRetryCount: () => 1, getRetryDelay: () => 0 }),
      recordSuccess: () => {},
    },
  });
  sandbox.server.setFaults([
    { kind: 'throttle', times: 1 },
    { kind: 'lost-answer', times: 1 },
  ]);
  await patient.send(new PutSecretValueCommand({ SecretId: 'pik', SecretString: 'y' }));
  patient.destroy();
  assert.equal(sandbox.server.requests.get('PutSecretValue'), 3);
  assert.equal(sandbox.engine.versions('pik').length, 2);
});

test('scheduled faults strike as long as their windows are open, beside those that are set', async () => {
  const clock = new FakeClock();
  const schedule = new FaultSchedule(clock);
  const engine = createSecretsManager({ clock, random: createSeededRandom(1) });
  const server = await startSecretsManagerServer({
    engine,
    clock,
    findFaults: () => schedule.findStoreFaults(),
  });
  const client = new SecretsManagerClient({
    endpoint: server.endpoint,
    region: engine.region,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
    maxAttempts: 1,
  });
  const list = (): Promise<string> =>
    client.send(new ListSecretsCommand({})).then(
      () => 'ok',
      (error: Error) => error.name,
    );
  const parsed = parseFault('store:throttle@10s+20s', []);
  assert.ok(parsed.ok);
  schedule.add(parsed.fault);
  server.setFaults([{ kind: 'unavailable', times: 1 }]);
  const names = [await list()];
  for (const seconds of [10, 19, 1]) {
    await clock.advance(seconds * 1_000);
    names.push(await list());
  }
  assert.deepEqual(names, ['ServiceUnavailable', 'ThrottlingException', 'ThrottlingException', 'ok']);
  client.destroy();
  await server.stop();
});
