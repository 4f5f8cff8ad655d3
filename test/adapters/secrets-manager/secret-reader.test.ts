/** Many secrets in a call: each gets what a call of its own would say. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { BatchGetSecretValueResponse } from '@aws-sdk/client-secrets-manager';
import { createSecretsManagerClient } from '../../../src/adapters/secrets-manager/client.ts';
import { SecretReader } from '../../../src/adapters/secrets-manager/secret-reader.ts';
import {
  createSdkService,
  type SecretsManagerService,
} from '../../../src/adapters/secrets-manager/service.ts';
import type { StoredText } from '../../../src/core/ports.ts';
import type { Result } from '../../../src/core/result.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { type EmulatedStore, STORE_TIMEOUT_MS, startEmulatedStore } from '../../support/emulated-store.ts';
import { publishOk } from '../../support/store-expectations.ts';
import { buildWrite, never } from '../../support/store-write.ts';
import { createDirectTransport } from '../../support/transport.ts';

const namesOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `payments/${index}`);

interface ReaderBench extends EmulatedStore {
  readonly reader: SecretReader;
  readonly service: SecretsManagerService;
  /** What was said about batches. */
  readonly problems: string[];
}

/**
 * A reader over the emulator that holds `count` secrets, each with its name as text.
 * @param answer in place of the emulator's to BatchGetSecretValue
 */
async function startReader(
  t: TestContext,
  count: number,
  answer?: BatchGetSecretValueResponse,
): Promise<ReaderBench> {
  const bench = await startEmulatedStore(t);
  for (const secretName of namesOf(count)) {
    const changes = { secretName, text: new SecretText(secretName) };
    await publishOk(bench.store, buildWrite('one', undefined, changes));
  }
  bench.requests.length = 0;
  const client = createSecretsManagerClient({
    transport: createDirectTransport(),
    region: bench.sandbox.engine.region,
    endpoint: bench.sandbox.server.endpoint,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
  });
  t.after(() => client.destroy());
  const service = createSdkService(client);
  const problems: string[] = [];
  const reader = new SecretReader({
    service: answer === undefined ? service : { ...service, batchGetSecretValue: async () => answer },
    clock: bench.clock,
    timeoutMs: STORE_TIMEOUT_MS,
    section: 'store',
    onBatchDenied: (problem) => problems.push(problem),
  });
  return { ...bench, reader, service, problems };
}

function tell(result: Result<StoredText | undefined> | undefined): string {
  if (result === undefined) return 'no result';
  return result.ok ? (result.value?.text.reveal() ?? 'absent') : result.failure.code;
}

async function readAll({ reader }: ReaderBench, names: readonly string[]): Promise<readonly string[]> {
  const texts = await reader.readMany(names, never);
  assert.deepEqual([...texts.keys()].toSorted(), [...new Set(names)].toSorted());
  return names.map((secretName) => tell(texts.get(secretName)));
}

describe('readMany', () => {
  for (const { count, calls } of [
    { count: 0, calls: 0 },
    { count: 2, calls: 1 },
    { count: 20, calls: 1 },
    { count: 42, calls: 3 },
    { count: 100, calls: 5 },
  ]) {
    it(`reads ${count} secrets with ${calls} calls`, async (t) => {
      const bench = await startReader(t, count);
      assert.deepEqual(await readAll(bench, namesOf(count)), namesOf(count));
      assert.deepEqual(
        bench.requests,
        Array.from({ length: calls }, () => 'BatchGetSecretValue'),
      );
    });
  }

  it('reads a single secret as every role may', async (t) => {
    const bench = await startReader(t, 1);
    assert.deepEqual(await readAll(bench, namesOf(1)), namesOf(1));
    assert.deepEqual(bench.requests, ['GetSecretValue']);
  });

  it('asks once for a name that is given twice, and finds secrets by ARN too', async (t) => {
    const bench = await startReader(t, 2);
    const [first = '', second = ''] = namesOf(2);
    const described = bench.sandbox.engine.execute('DescribeSecret', { SecretId: second });
    assert.ok(described.ok);
    const arn = String(described.body['ARN']);
    assert.deepEqual(await readAll(bench, [first, first, arn]), [first, first, second]);
    assert.deepEqual(bench.requests, ['BatchGetSecretValue']);
  });

  it('tells a secret that is absent, has no value or is being deleted from the others', async (t) => {
    const bench = await startReader(t, 2);
    const { engine } = bench.sandbox;
    engine.execute('CreateSecret', { Name: 'payments/empty' });
    engine.execute('DeleteSecret', { SecretId: 'payments/1' });
    const names = ['payments/0', 'payments/1', 'payments/empty', 'payments/none'];
    assert.deepEqual(await readAll(bench, names), ['payments/0', 'store-deleting', 'absent', 'absent']);
    assert.deepEqual(bench.requests, ['BatchGetSecretValue']);
  });

  for (const { error, expected, message } of [
    { error: 'DecryptionFailure', expected: 'store-denied', message: /^the KMS key of payments\/1 cannot/ },
    {
      error: 'AccessDeniedException',
      expected: 'store-denied',
      message: /^AWS denied secretsmanager:GetSecretValue on payments\/1: /,
    },
    { error: 'ResourceNotFoundException', expected: 'absent', message: undefined },
  ]) {
    it(`takes ${error} of one secret for that secret's alone`, async (t) => {
      const bench = await startReader(t, 0, {
        SecretValues: [{ Name: 'payments/0', VersionId: 'v', SecretString: 'text' }],
        Errors: [{ SecretId: 'payments/1', ErrorCode: error, Message: 'canary' }],
      });
      const texts = await bench.reader.readMany(namesOf(2), never);
      assert.deepEqual(
        namesOf(2).map((name) => tell(texts.get(name))),
        ['text', expected],
      );
      const failed = texts.get('payments/1');
      if (message !== undefined) assert.match(failed?.ok === false ? failed.failure.message : '', message);
      assert.deepEqual(bench.requests, []);
    });
  }

  for (const { what, answer } of [
    {
      what: 'an error that may pass',
      answer: { Errors: [{ SecretId: 'payments/1', ErrorCode: 'InternalServiceError' }] },
    },
    {
      what: 'an error that is not known',
      answer: { Errors: [{ SecretId: 'payments/1', ErrorCode: 'ResponseTooLarge' }] },
    },
    { what: 'nothing about it', answer: {} },
  ]) {
    it(`reads a secret by a call of its own when the answer holds ${what}`, async (t) => {
      const known = { Name: 'payments/0', VersionId: 'v', SecretString: 'from the batch' };
      const bench = await startReader(t, 2, { SecretValues: [known], ...answer });
      assert.deepEqual(await readAll(bench, namesOf(2)), ['from the batch', 'payments/1']);
      assert.deepEqual(bench.requests, ['GetSecretValue']);
    });
  }

  it('reads one by one for the rest of the process when the role may not read in batches, and says it once', async (t) => {
    const bench = await startReader(t, 60);
    bench.sandbox.server.setFaults([{ kind: 'denied', operations: ['BatchGetSecretValue'] }]);
    assert.deepEqual(await readAll(bench, namesOf(60)), namesOf(60));
    bench.requests.length = 0;
    assert.deepEqual(await readAll(bench, namesOf(60)), namesOf(60));
    assert.deepEqual(new Set(bench.requests), new Set(['GetSecretValue']));
    assert.deepEqual(bench.problems.length, 1);
    assert.match(bench.problems[0] ?? '', /secretsmanager:BatchGetSecretValue, .* on resource \*/);
  });

  it('reads one by one, and tries batches again, when batches are throttled', async (t) => {
    const bench = await startReader(t, 2);
    bench.sandbox.server.setFaults([{ kind: 'throttle', operations: ['BatchGetSecretValue'], times: 1 }]);
    assert.deepEqual(await readAll(bench, namesOf(2)), namesOf(2));
    assert.deepEqual(bench.requests, ['BatchGetSecretValue', 'GetSecretValue', 'GetSecretValue']);
    await readAll(bench, namesOf(2));
    assert.equal(bench.requests.at(-1), 'BatchGetSecretValue');
    assert.deepEqual(bench.problems, []);
  });

  it('fails for all secrets of a call that is not answered, and asks for none of them again', async (t) => {
    const bench = await startReader(t, 2);
    bench.sandbox.server.setFaults([{ kind: 'outage' }]);
    assert.deepEqual(await readAll(bench, namesOf(2)), ['store-unavailable', 'store-unavailable']);
    assert.deepEqual(bench.requests, ['BatchGetSecretValue']);
  });

  it('fails for all secrets when it is abandoned', async (t) => {
    const bench = await startReader(t, 2);
    const texts = await bench.reader.readMany(namesOf(40), AbortSignal.abort());
    assert.deepEqual(new Set([...texts.values()].map(tell)), new Set(['aborted']));
    assert.deepEqual(bench.requests, []);
  });
});

describe('a service whose default version is not the current one, as that of some emulators', () => {
  it('Fresh: is asked for the current version by name, in batches too', async (t) => {
    const bench = await startReader(t, 2);
    const [name = '', other = ''] = namesOf(2);
    const { service } = bench;
    const first = await service.getSecretValue({ SecretId: name }, never);
    const put = { SecretId: name, SecretString: 'not current', VersionStages: ['NEXT'] };
    const { VersionId } = await service.putSecretValue({ ...put, ClientRequestToken: 'n'.repeat(36) }, never);
    assert.notEqual(VersionId, first.VersionId);
    const withoutStage: SecretsManagerService = {
      ...service,
      getSecretValue: (input, signal) =>
        service.getSecretValue(
          input.VersionStage === undefined && input.SecretId === name
            ? { ...input, VersionStage: 'NEXT' }
            : input,
          signal,
        ),
    };
    const strange: SecretsManagerService = {
      ...withoutStage,
      batchGetSecretValue: async ({ SecretIdList = [] }, signal) => ({
        SecretValues: await Promise.all(
          SecretIdList.map((SecretId) => withoutStage.getSecretValue({ SecretId }, signal)),
        ),
      }),
    };
    const reader = new SecretReader({
      service: strange,
      clock: bench.clock,
      timeoutMs: STORE_TIMEOUT_MS,
      section: 'store',
      onBatchDenied: () => undefined,
    });
    assert.equal(tell(await reader.read(name, never)), name);
    const readings = await reader.readMany([name, other], never);
    assert.deepEqual([tell(readings.get(name)), tell(readings.get(other))], [name, other]);
  });
});
