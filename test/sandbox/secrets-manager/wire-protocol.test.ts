import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { CreateSecretCommand, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { isJsonObject, type JsonObject, parseJson } from '../../../src/core/wire/json.ts';
import { startSecretsManagerServer } from '../../../src/sandbox/secrets-manager/secrets-manager-server.ts';
import { startEmulatedSecretsManager } from '../../support/emulated-secrets-manager.ts';

const AUTHORIZATION =
  'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/us-east-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=00';

interface RawRequest {
  readonly method?: string;
  readonly path?: string;
  readonly target?: string | undefined;
  readonly authorization?: string | undefined;
  readonly body?: string;
}

interface RawResponse {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: JsonObject;
}

/** A request as a program without SDK would send it; by default a valid GetSecretValue of `pik`. */
async function send(endpoint: string, raw: RawRequest, agent?: Agent): Promise<RawResponse> {
  const defaults = { target: 'secretsmanager.GetSecretValue', authorization: AUTHORIZATION };
  const {
    method = 'POST',
    path = '/',
    target,
    authorization,
    body = '{"SecretId":"pik"}',
  } = { ...defaults, ...raw };
  const outgoing = httpRequest(new URL(path, endpoint), {
    method,
    ...(agent === undefined ? {} : { agent }),
    headers: {
      'content-type': 'application/x-amz-json-1.1',
      ...(target === undefined ? {} : { 'x-amz-target': target }),
      ...(authorization === undefined ? {} : { authorization }),
    },
  });
  outgoing.end(body);
  const [incoming] = await once(outgoing, 'response');
  let text = '';
  for await (const chunk of incoming.setEncoding('utf8')) text += String(chunk);
  const parsed = parseJson(text);
  assert.ok(isJsonObject(parsed), text);
  return { status: incoming.statusCode, headers: incoming.headers, body: parsed };
}

test('an answer is AWS JSON 1.1: content type, request id, date of the clock, epoch seconds', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  await sandbox.client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'x' }));
  await sandbox.clock.advance(250);
  const response = await send(sandbox.server.endpoint, {});
  assert.equal(response.status, 200);
  assert.equal(response.headers['content-type'], 'application/x-amz-json-1.1');
  assert.match(String(response.headers['x-amzn-requestid']), /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/);
  assert.equal(response.headers['date'], 'Sat, 21 Nov 2026 12:00:00 GMT');
  assert.equal(response.body['CreatedDate'], Date.UTC(2026, 10, 21, 12) / 1000);
});

test('an error names its type in the body and in a header', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const response = await send(sandbox.server.endpoint, {});
  assert.equal(response.status, 400);
  assert.equal(response.headers['x-amzn-errortype'], 'ResourceNotFoundException');
  assert.deepEqual(response.body, {
    __type: 'ResourceNotFoundException',
    Message: "Secrets Manager can't find the specified secret.",
  });
});

const refusals: readonly (RawRequest & {
  readonly name: string;
  readonly type: string;
  readonly status?: number;
})[] = [
  { name: 'no Authorization header', authorization: undefined, type: 'MissingAuthenticationTokenException' },
  { name: 'another scheme', authorization: 'Bearer abc', type: 'MissingAuthenticationTokenException' },
  {
    name: 'half a signature',
    authorization: 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE',
    type: 'IncompleteSignatureException',
  },
  {
    name: 'an operation of no service',
    target: 'secretsmanager.Nonsense',
    type: 'UnknownOperationException',
  },
  {
    name: 'an operation not emulated',
    target: 'secretsmanager.RotateSecret',
    type: 'UnknownOperationException',
  },
  {
    name: 'a member of Object.prototype',
    target: 'secretsmanager.toString',
    type: 'UnknownOperationException',
  },
  { name: 'another service', target: 'DynamoDB_20120810.GetItem', type: 'UnknownOperationException' },
  { name: 'no target', target: undefined, type: 'UnknownOperationException' },
  { name: 'a GET', method: 'GET', body: '', type: 'UnknownOperationException' },
  { name: 'another path', path: '/secrets', type: 'UnknownOperationException' },
  { name: 'a body that is not JSON', body: '{"SecretId":', type: 'SerializationException' },
  { name: 'a body that is not an object', body: '["pik"]', type: 'SerializationException' },
  { name: 'an empty body', body: '', type: 'ValidationException' },
  {
    name: 'a body of more than 1 MiB',
    body: JSON.stringify({ SecretId: 'x'.repeat(1_048_576) }),
    type: 'RequestEntityTooLargeException',
    status: 413,
  },
];

for (const { name, type, status = 400, ...raw } of refusals) {
  test(`${name} is answered with ${type}`, async () => {
    await using sandbox = await startEmulatedSecretsManager();
    const response = await send(sandbox.server.endpoint, raw);
    assert.equal(response.body['__type'], type);
    assert.equal(response.status, status);
  });
}

test('an operation that is not emulated is named, with those that are', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const { body } = await send(sandbox.server.endpoint, { target: 'secretsmanager.GetRandomPassword' });
  assert.match(
    String(body['Message']),
    /^GetRandomPassword is unknown to this Secrets Manager emulator, which knows BatchGetSecretValue, .*UpdateSecretVersionStage\.$/,
  );
});

test('stopping ends idle keep-alive connections and requests in progress at once, and twice is once', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const agent = new Agent({ keepAlive: true });
  await send(sandbox.server.endpoint, {}, agent);
  sandbox.server.setFaults([{ kind: 'latency', delayMs: 3_600_000 }]);
  const waiting = sandbox.client.send(new GetSecretValueCommand({ SecretId: 'pik' }));
  const refused = assert.rejects(waiting, { code: 'ECONNRESET' });
  await sandbox.clock.untilSleeping();
  await sandbox.server.stop();
  await refused;
  assert.deepEqual(sandbox.clock.pendingDelaysMs, []);
  await assert.rejects(send(sandbox.server.endpoint, {}), { code: 'ECONNREFUSED' });
  await sandbox.server.stop();
  agent.destroy();
});

test('stopping does not wait for a request whose body never comes', async () => {
  const arrival = Promise.withResolvers<void>();
  await using sandbox = await startEmulatedSecretsManager({ onRequest: () => arrival.resolve() });
  const { hostname, port } = new URL(sandbox.server.endpoint);
  const socket = connect(Number(port), hostname);
  socket.write(
    'POST / HTTP/1.1\r\nHost: x\r\nX-Amz-Target: secretsmanager.GetSecretValue\r\nContent-Length: 9\r\n\r\n',
  );
  await arrival.promise;
  const closed = once(socket, 'close').catch((error: unknown) => error);
  await sandbox.server.stop();
  await closed;
});

test('where the port is taken it takes another one', async () => {
  await using first = await startEmulatedSecretsManager();
  const second = await startSecretsManagerServer({
    engine: first.engine,
    clock: first.clock,
    port: Number(new URL(first.server.endpoint).port),
  });
  await second.stop();
  assert.notEqual(second.endpoint, first.server.endpoint);
});

test('a bug in the engine is an InternalServiceError that says nothing, and the server lives on', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  const server = await startSecretsManagerServer({
    clock: sandbox.clock,
    engine: {
      ...sandbox.engine,
      execute() {
        throw new Error('canary-3f9c');
      },
    },
  });
  for (let call = 0; call < 2; call += 1) {
    const response = await send(server.endpoint, {});
    assert.equal(response.status, 500);
    assert.deepEqual(response.body, {
      __type: 'InternalServiceError',
      Message: 'An error occurred on the server side.',
    });
  }
  await server.stop();
});

test('neither the engine nor what an observer sees shows a value by accident', async () => {
  await using sandbox = await startEmulatedSecretsManager();
  await sandbox.client.send(new CreateSecretCommand({ Name: 'pik', SecretString: 'canary-3f9c' }));
  const seen = [sandbox.engine.versions('pik'), sandbox.engine, sandbox.server];
  assert.ok(!inspect(seen, { depth: 20 }).includes('canary'));
  assert.ok(!JSON.stringify(seen).includes('canary'));
  assert.equal(sandbox.engine.versions('pik')[0]?.value.reveal(), 'canary-3f9c');
});
