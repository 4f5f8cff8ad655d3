/** What goes wrong on the wire becomes a failure that says what to do, and shows no secret. */
import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { createSecretsManagerClient } from '../../../src/adapters/secrets-manager/client.ts';
import { SecretsManagerStore } from '../../../src/adapters/secrets-manager/secrets-manager-store.ts';
import { createSdkService } from '../../../src/adapters/secrets-manager/service.ts';
import type { Failure } from '../../../src/core/failure.ts';
import type { TokenStore } from '../../../src/core/ports.ts';
import type { OperationName } from '../../../src/sandbox/secrets-manager/operation.ts';
import type { StoreFault } from '../../../src/sandbox/secrets-manager/store-fault.ts';
import { STORE_TIMEOUT_MS, startEmulatedStore } from '../../support/emulated-store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startLoopbackServer } from '../../support/loopback-server.ts';
import { expectCurrent, publishOk } from '../../support/store-expectations.ts';
import { buildWrite, never, SECRET } from '../../support/store-write.ts';
import { createDirectTransport } from '../../support/transport.ts';

const NETWORK = 'if this repeats, check the network path to Secrets Manager';
const RESET =
  'the connection broke off before the answer was complete (ECONNRESET); if this repeats, check the other side, ' +
  'proxies and the network';
const BROKEN_OFF =
  'its answer broke off, or is not valid HTTP/1.1 (UND_ERR_RES_CONTENT_LENGTH_MISMATCH); ' +
  'check the port and what stands in front of it';

interface Expected {
  readonly code: Failure['code'];
  readonly retry: Failure['retry'];
  readonly isThrottled?: boolean;
  say(operation: OperationName): string;
}

const FAULTS: readonly {
  readonly fault: StoreFault;
  readonly operations: readonly OperationName[];
  readonly expected: Expected;
}[] = [
  {
    fault: { kind: 'throttle' },
    operations: [
      'GetSecretValue',
      'DescribeSecret',
      'CreateSecret',
      'PutSecretValue',
      'UpdateSecretVersionStage',
    ],
    expected: {
      code: 'store-unavailable',
      retry: 'backoff',
      isThrottled: true,
      say: (operation) =>
        `Secrets Manager throttled ${operation} on ${SECRET}: if this repeats, find out what else calls it in this account and region`,
    },
  },
  {
    fault: { kind: 'denied' },
    operations: [
      'GetSecretValue',
      'DescribeSecret',
      'CreateSecret',
      'PutSecretValue',
      'UpdateSecretVersionStage',
    ],
    expected: {
      code: 'store-denied',
      retry: 'needs-human',
      say: (operation) =>
        `AWS denied secretsmanager:${operation} on ${SECRET}: grant it to the daemon's role (resource pattern ${SECRET}-??????)`,
    },
  },
  {
    fault: { kind: 'kms' },
    operations: ['GetSecretValue', 'CreateSecret', 'PutSecretValue'],
    expected: {
      code: 'store-denied',
      retry: 'needs-human',
      say: (operation) =>
        `the KMS key of ${SECRET} cannot be used for ${operation}: check that the key is enabled and that the daemon's role ` +
        'has kms:GenerateDataKey and kms:Decrypt on it',
    },
  },
  {
    fault: { kind: 'outage' },
    operations: [
      'GetSecretValue',
      'DescribeSecret',
      'CreateSecret',
      'PutSecretValue',
      'UpdateSecretVersionStage',
    ],
    expected: {
      code: 'store-unavailable',
      retry: 'backoff',
      say: (operation) => `${operation} on ${SECRET} failed: ${RESET}`,
    },
  },
  {
    fault: { kind: 'unavailable' },
    operations: [
      'GetSecretValue',
      'DescribeSecret',
      'CreateSecret',
      'PutSecretValue',
      'UpdateSecretVersionStage',
    ],
    expected: {
      code: 'store-unavailable',
      retry: 'backoff',
      say: (operation) =>
        `${operation} on ${SECRET} failed: answered with status 503 (ServiceUnavailable); if this repeats, look at the AWS Health Dashboard`,
    },
  },
];

for (const { fault, operations, expected } of FAULTS) {
  describe(`the fault ${fault.kind}`, () => {
    for (const operation of operations) {
      it(`at ${operation} is ${expected.code}, and all is well when it has gone`, async (t) => {
        const { store, createStore, sandbox } = await startEmulatedStore(t);
        const isFirst = operation === 'CreateSecret';
        const former = isFirst ? undefined : await publishOk(store, buildWrite('former', undefined));
        const write = buildWrite('one', former);
        // After a restart the owner is looked at anew.
        const tried = operation === 'DescribeSecret' ? createStore() : store;
        sandbox.server.setFaults([{ ...fault, operations: [operation] }]);
        const call = operation === 'GetSecretValue' ? tried.read(SECRET, never) : tried.publish(write, never);
        const { say, ...known } = expected;
        assert.deepEqual(comparable(await call), { ...known, message: say(operation) });
        sandbox.server.setFaults([]);
        const version = await publishOk(tried, write);
        await expectCurrent(tried, 'one', version);
      });
    }
  });
}

describe('verifyWritable', () => {
  it('fails as a publish would', async (t) => {
    const { store, sandbox } = await startEmulatedStore(t);
    for (const { fault, expected } of FAULTS) {
      if (fault.kind === 'kms') continue;
      sandbox.server.setFaults([fault]);
      const { say, ...known } = expected;
      const message = say('DescribeSecret');
      assert.deepEqual(comparable(await store.verifyWritable(SECRET, never)), { ...known, message });
    }
  });
});

describe('a deadline', () => {
  it('holds for each call, in the words of the clock', async (t) => {
    const { store, sandbox, clock } = await startEmulatedStore(t);
    sandbox.server.setFaults([{ kind: 'latency', delayMs: 3_600_000 }]);
    const reading = store.read(SECRET, never);
    await sandbox.clock.untilSleeping();
    assert.deepEqual(clock.pendingDelaysMs, [STORE_TIMEOUT_MS]);
    await clock.advance(STORE_TIMEOUT_MS);
    const message = `GetSecretValue on ${SECRET} failed: no answer within 10s; ${NETWORK}`;
    assert.deepEqual(comparable(await reading), { code: 'store-unavailable', retry: 'backoff', message });
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('leaves no timer behind when the answer comes in time', async (t) => {
    const { store, clock } = await startEmulatedStore(t);
    await publishOk(store, buildWrite('one', undefined));
    assert.deepEqual(clock.pendingDelaysMs, []);
  });
});

const CANARY = 'canary-body';

const ANSWERS: readonly {
  readonly what: string;
  readonly answer: RequestListener;
  readonly expected: Pick<Failure, 'code' | 'retry' | 'message'>;
}[] = [
  {
    what: 'an expired session',
    answer: answerWith(400, JSON.stringify({ __type: 'ExpiredTokenException', Message: CANARY })),
    expected: {
      code: 'store-denied',
      retry: 'backoff',
      message:
        `the daemon's AWS session had expired at DescribeSecret on ${SECRET}: IRSA and Pod Identity renew it by themselves, ` +
        'an AWS_SESSION_TOKEN from the environment has to be replaced',
    },
  },
  {
    what: 'unknown credentials',
    answer: answerWith(400, JSON.stringify({ __type: 'UnrecognizedClientException', message: CANARY })),
    expected: {
      code: 'store-denied',
      retry: 'backoff',
      message:
        `AWS did not accept the daemon's own credentials for DescribeSecret on ${SECRET}: check the service account's role ` +
        '(IRSA or Pod Identity), the profile (AWS_PROFILE), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY',
    },
  },
  {
    what: 'a gateway in HTML',
    answer: answerWith(502, `<html>${CANARY}</html>`),
    expected: unavailable(
      'answered with status 502 (no JSON); if this repeats, look at the AWS Health Dashboard',
    ),
  },
  {
    what: 'a page in HTML',
    answer: answerWith(200, `<html>${CANARY}</html>`),
    expected: unavailable(
      'answered with status 200 (no JSON); check that store.endpoint is a Secrets Manager',
    ),
  },
  {
    what: 'another service',
    answer: answerWith(404, JSON.stringify({ message: CANARY, code: CANARY })),
    expected: unavailable(
      'answered with status 404 (unknown error); check that store.endpoint is a Secrets Manager',
    ),
  },
  {
    what: 'a redirect',
    answer: (_, response) => response.writeHead(302, { location: `http://127.0.0.1:9/${CANARY}` }).end(),
    expected: unavailable(
      'answered with status 302 (Unknown); check that store.endpoint is a Secrets Manager',
    ),
  },
  {
    what: 'an answer that breaks off',
    answer: (request, response) => {
      response.writeHead(200, { 'content-length': '1000' });
      response.write(`{"ARN":"${CANARY}`, () => request.socket.destroy());
    },
    expected: unavailable(BROKEN_OFF),
  },
  {
    what: 'an empty answer',
    answer: answerWith(200, ''),
    expected: {
      code: 'store-unavailable',
      retry: 'backoff',
      message: `DescribeSecret on ${SECRET} was not answered as Secrets Manager does: check store.endpoint`,
    },
  },
];

describe('an endpoint that is no Secrets Manager, or one that does not want us', () => {
  for (const { what, answer, expected } of ANSWERS) {
    it(`answers with ${what}`, async (t) => {
      const { store, requestCount } = await startStoreAt(t, answer);
      const result = await store.publish(buildWrite('one', undefined), never);
      assert.deepEqual(comparable(result), expected);
      // The managed token waits and tries again; the SDK does not.
      assert.equal(requestCount(), 1);
    });
  }

  for (const [operation, body] of [
    ['PutSecretValue', {}],
    ['PutSecretValue', { VersionId: 'f'.repeat(36) }],
    ['CreateSecret', {}],
    ['CreateSecret', { ARN: 'arn:x', VersionId: 'f'.repeat(36) }],
    ['GetSecretValue', { SecretString: CANARY }],
  ] as const) {
    it(`is not believed when it answers ${operation} with ${Object.keys(body).join(' and ') || 'nothing'}`, async (t) => {
      const described = { ARN: 'arn:x', Tags: [{ Key: 'managed-by', Value: 'token-refresher' }] };
      const { store } = await startStoreAt(t, (request, response) => {
        const asked = request.headers['x-amz-target'];
        if (asked === `secretsmanager.${operation}`)
          return answerWith(200, JSON.stringify(body))(request, response);
        if (operation === 'CreateSecret' && asked === 'secretsmanager.DescribeSecret') {
          return answerWith(400, '{"__type":"ResourceNotFoundException"}')(request, response);
        }
        return answerWith(200, JSON.stringify(described))(request, response);
      });
      const result =
        operation === 'GetSecretValue'
          ? await store.read(SECRET, never)
          : await store.publish(buildWrite('one', undefined), never);
      assert.deepEqual(comparable(result), {
        code: 'store-unavailable',
        retry: 'backoff',
        message: `${operation} on ${SECRET} was not answered as Secrets Manager does: check store.endpoint`,
      });
    });
  }
});

function answerWith(status: number, body: string): RequestListener {
  return (request, response) => {
    request.resume().on('end', () => response.writeHead(status).end(body));
  };
}

function unavailable(why: string): Pick<Failure, 'code' | 'retry' | 'message'> {
  return {
    code: 'store-unavailable',
    retry: 'backoff',
    message: `DescribeSecret on ${SECRET} failed: ${why}`,
  };
}

async function startStoreAt(
  t: TestContext,
  answer: RequestListener,
): Promise<{ readonly store: TokenStore; requestCount(): number }> {
  const server = await startLoopbackServer(answer);
  const client = createSecretsManagerClient({
    transport: createDirectTransport(),
    region: 'us-east-1',
    endpoint: server.url,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'canary-key' },
  });
  t.after(async () => {
    client.destroy();
    await server[Symbol.asyncDispose]();
  });
  const store = new SecretsManagerStore({
    service: createSdkService(client),
    clock: new FakeClock(),
    timeoutMs: STORE_TIMEOUT_MS,
    section: 'store',
    createSecrets: true,
    kmsKeyId: undefined,
    tags: {},
    adopt: new Set(),
    onBatchDenied: () => undefined,
  });
  return { store, requestCount: () => server.requests.length };
}

/** A failure that shows no secret, with one name for the two codes by which a broken connection may be seen. */
function comparable(result: { readonly ok: boolean; readonly failure?: Failure }): unknown {
  assert.doesNotMatch(
    `${JSON.stringify(result)} ${inspect(result, { depth: null, showHidden: true })}`,
    /canary/i,
  );
  if (result.failure === undefined) return result;
  return result.failure;
}
