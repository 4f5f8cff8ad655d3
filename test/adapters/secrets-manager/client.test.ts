import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeEach, describe, it, type TestContext } from 'node:test';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { asSdkProvider } from '../../../src/adapters/aws-credentials/aws-credentials.ts';
import { createAwsCredentials } from '../../../src/adapters/aws-credentials/own-credentials.ts';
import { FileLanes } from '../../../src/adapters/files/file-lanes.ts';
import {
  type ClientOptions,
  createSecretsManagerClient,
} from '../../../src/adapters/secrets-manager/client.ts';
import { SecretsManagerStore } from '../../../src/adapters/secrets-manager/secrets-manager-store.ts';
import { createSdkService } from '../../../src/adapters/secrets-manager/service.ts';
import type { Result } from '../../../src/core/result.ts';
import { STORE_TIMEOUT_MS } from '../../support/emulated-store.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startLoopbackServer } from '../../support/loopback-server.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';
import { never, SECRET } from '../../support/store-write.ts';
import { createDirectTransport } from '../../support/transport.ts';

const get = new GetSecretValueCommand({ SecretId: SECRET });
const STORED = JSON.stringify({ SecretString: 'x', VersionId: 'f'.repeat(36) });
const answerStored: RequestListener = (request, response) => {
  request.resume().on('end', () => response.end(STORED));
};

/** An AWS environment of one's own: nothing of the machine's, and no metadata service on the network. */
const CLEAN: Readonly<Record<string, string>> = {
  AWS_EC2_METADATA_DISABLED: 'true',
  AWS_CONFIG_FILE: '/nonexistent/config',
  AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
};

beforeEach(() => useEnvironment({}));

function useEnvironment(variables: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, CLEAN, variables);
}

function createClient(t: TestContext, changes: Partial<ClientOptions>) {
  const client = createSecretsManagerClient({
    transport: createDirectTransport(),
    region: 'us-east-1',
    endpoint: undefined,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'canary-key' },
    ...changes,
  });
  t.after(() => client.destroy());
  return client;
}

function createReader(t: TestContext, changes: Partial<ClientOptions>) {
  const clock = new FakeClock();
  const own =
    'credentials' in changes && changes.credentials === undefined
      ? createAwsCredentials({
          transport: createDirectTransport(clock),
          region: 'us-east-1',
          clock,
          files: new FileLanes(clock),
          callLimitMs: STORE_TIMEOUT_MS,
        })
      : undefined;
  const credentials = own === undefined ? {} : { credentials: asSdkProvider(own) };
  const store = new SecretsManagerStore({
    service: createSdkService(createClient(t, { ...changes, ...credentials }), own),
    clock,
    timeoutMs: STORE_TIMEOUT_MS,
    section: 'store',
    createSecrets: false,
    kmsKeyId: undefined,
    tags: {},
    adopt: new Set(),
    onBatchDenied: () => undefined,
  });
  return { clock, read: () => store.read(SECRET, never) };
}

/** Accepts connections, and says only what `greet` says. */
async function startSilentServer(t: TestContext, greet: (socket: Socket) => void = () => undefined) {
  const sockets: Socket[] = [];
  const requested = Promise.withResolvers<Socket>();
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.once('data', () => {
      greet(socket);
      requested.resolve(socket);
    });
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return { url: `http://127.0.0.1:${address.port}`, requested: requested.promise };
}

function expectDenied(result: Result<unknown>, retry: string, message: string): void {
  assert.deepEqual(result, { ok: false, failure: { code: 'store-denied', retry, message } });
}

const SOURCES =
  "check the service account's role (IRSA or Pod Identity), the profile (AWS_PROFILE), or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

describe('connections', () => {
  it('belong to one call each, and are closed after it', async (t) => {
    await using server = await startLoopbackServer(answerStored);
    const client = createClient(t, { endpoint: server.url });
    for (let call = 0; call < 3; call += 1) await client.send(get);
    assert.equal(server.connectionCount(), 3);
    await Promise.all(server.requests.map(({ socket }) => untilClosed(socket)));
  });

  it('are closed by destroy while they wait for an answer', async (t) => {
    const silent = await startSilentServer(t);
    const waiting = createClient(t, { endpoint: silent.url });
    const rejected = assert.rejects(waiting.send(get));
    const socket = await silent.requested;
    const waitingClosed = untilClosed(socket);
    waiting.destroy();
    await Promise.all([waitingClosed, rejected]);
  });

  for (const [what, greet] of [
    ['never answers', undefined],
    [
      'stops in the middle of its answer',
      (socket: Socket) => void socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{'),
    ],
  ] as const) {
    it(`to an endpoint that ${what} end at the deadline`, async (t) => {
      const server = await startSilentServer(t, greet);
      const { clock, read } = createReader(t, { endpoint: server.url });
      const reading = read();
      const socket = await server.requested;
      const closed = untilClosed(socket);
      await clock.advance(STORE_TIMEOUT_MS);
      const message =
        `GetSecretValue on ${SECRET} failed: no answer within 10s; ` +
        'if this repeats, check the network path to Secrets Manager';
      const failure = { code: 'store-unavailable', retry: 'backoff', message };
      assert.deepEqual(await reading, { ok: false, failure });
      await closed;
    });
  }

  it('that are refused fail at once', async (t) => {
    const server = await startLoopbackServer(answerStored);
    await server[Symbol.asyncDispose]();
    const { read } = createReader(t, { endpoint: server.url });
    const message =
      `GetSecretValue on ${SECRET} failed: nobody listens there (ECONNREFUSED); ` +
      'check the host, the port and the network policy';
    const failure = { code: 'store-unavailable', retry: 'backoff', message };
    assert.deepEqual(await read(), { ok: false, failure });
  });
});

describe('the region', () => {
  for (const [what, region, variables] of [
    ['from the configuration', 'eu-west-1', { AWS_REGION: 'us-west-2' }],
    ['from AWS_REGION', undefined, { AWS_REGION: 'eu-west-1' }],
  ] as const) {
    it(`comes ${what}`, async (t) => {
      useEnvironment(variables);
      await using server = await startLoopbackServer(answerStored);
      await createClient(t, { endpoint: server.url, region }).send(get);
      assert.match(
        server.requests[0]?.headers.authorization ?? '',
        /\/eu-west-1\/secretsmanager\/aws4_request/,
      );
    });
  }

  for (const [what, region] of [
    ['comes from nowhere', undefined],
    ['is none', 'us east 1'],
  ] as const) {
    it(`that ${what} is reported with what to set`, async (t) => {
      const { read } = createReader(t, { region });
      expectDenied(
        await read(),
        'needs-human',
        `the AWS SDK has no usable region for GetSecretValue on ${SECRET}: set store.region, or AWS_REGION`,
      );
    });
  }
});

describe('credentials', () => {
  it('come from the environment when they are not given', async (t) => {
    useEnvironment({ AWS_ACCESS_KEY_ID: 'AKIDENVIRONMENT', AWS_SECRET_ACCESS_KEY: 'canary-key' });
    await using server = await startLoopbackServer(answerStored);
    await createClient(t, { endpoint: server.url, credentials: undefined }).send(get);
    assert.match(server.requests[0]?.headers.authorization ?? '', /Credential=AKIDENVIRONMENT\//);
  });

  for (const [what, variables] of [
    ['are nowhere', {}],
    ['are in a profile that does not exist', { AWS_PROFILE: 'nobody' }],
  ] as const) {
    it(`that ${what} are reported with where to look, and nothing is sent`, async (t) => {
      useEnvironment(variables);
      await using server = await startLoopbackServer(answerStored);
      const { read } = createReader(t, { endpoint: server.url, credentials: undefined });
      const message = `the AWS SDK found no credentials for GetSecretValue on ${SECRET}: ${SOURCES}`;
      expectDenied(await read(), 'backoff', message);
      assert.equal(server.requests.length, 0);
    });
  }

  it('of a profile are read again when they are refused, so that a key that was replaced in the file counts', async (t) => {
    const file = join(await createPrivateFolder(t), 'credentials');
    const put = (key: string): Promise<void> =>
      writeFile(file, `[default]\naws_access_key_id = ${key}\naws_secret_access_key = canary-key\n`);
    await put('AKIDOLD');
    useEnvironment({ AWS_SHARED_CREDENTIALS_FILE: file });
    await using server = await startLoopbackServer((request, response) => {
      const isOld = /Credential=AKIDOLD\//.test(request.headers.authorization ?? '');
      response.statusCode = isOld ? 400 : 200;
      request
        .resume()
        .on('end', () => response.end(isOld ? '{"__type":"UnrecognizedClientException"}' : STORED));
    });
    const { read } = createReader(t, { endpoint: server.url, credentials: undefined });
    expectDenied(
      await read(),
      'backoff',
      `AWS did not accept the daemon's own credentials for GetSecretValue on ${SECRET}: ${SOURCES}`,
    );
    await put('AKIDNEW');
    assert.ok((await read()).ok);
    assert.match(server.requests.at(-1)?.headers.authorization ?? '', /Credential=AKIDNEW\//);
  });

  it('that need a web identity token that is not there are reported with its path', async (t) => {
    useEnvironment({
      AWS_ROLE_ARN: 'arn:aws:iam::000000000000:role/x',
      AWS_WEB_IDENTITY_TOKEN_FILE: '/nonexistent/token',
    });
    const { read } = createReader(t, { credentials: undefined });
    const result = await read();
    assert.deepEqual(result, {
      ok: false,
      failure: {
        code: 'store-unavailable',
        retry: 'backoff',
        message:
          `no AWS credentials for GetSecretValue on ${SECRET}, so nothing was sent: ` +
          'file /nonexistent/token (AWS_WEB_IDENTITY_TOKEN_FILE) cannot be read (ENOENT): check the service account',
      },
    });
  });

  it('that STS does not hand out are reported, and its message is not quoted', async (t) => {
    await using sts = await startLoopbackServer((request, response) => {
      const error = '<Error><Type>Sender</Type><Code>AccessDenied</Code><Message>canary</Message></Error>';
      request
        .resume()
        .on('end', () => response.writeHead(403).end(`<ErrorResponse>${error}</ErrorResponse>`));
    });
    useEnvironment({
      AWS_ROLE_ARN: 'arn:aws:iam::000000000000:role/x',
      AWS_WEB_IDENTITY_TOKEN_FILE: import.meta.filename,
      AWS_ENDPOINT_URL_STS: sts.url,
    });
    const { read } = createReader(t, { endpoint: sts.url, credentials: undefined });
    const message = `AWS did not accept the daemon's own credentials for GetSecretValue on ${SECRET}: ${SOURCES}`;
    expectDenied(await read(), 'backoff', message);
  });
});

describe('a wrong clock', () => {
  it('is told by the answer, and allowed for in the next attempt', async (t) => {
    await using server = await startLoopbackServer((request, response) => {
      response.sendDate = false;
      response.setHeader('date', 'Sun, 09 Sep 2001 12:00:00 GMT');
      const body = JSON.stringify({
        __type: 'InvalidSignatureException',
        message: 'Signature expired: canary',
      });
      request.resume().on('end', () => response.writeHead(400).end(body));
    });
    const { read } = createReader(t, { endpoint: server.url });
    const message =
      `AWS refused the signature of GetSecretValue on ${SECRET} because our clock is wrong: the next attempt allows for it, ` +
      'check time synchronisation on this machine';
    const failure = { code: 'clock-skewed', retry: 'backoff', message };
    assert.deepEqual(await read(), { ok: false, failure });
    await read();
    assert.match(String(server.requests[1]?.headers['x-amz-date']), /^20010909T1[12]/);
  });
});

/** Resolves when the socket is closed, in order or by a reset. */
function untilClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.closed) resolve();
    else socket.once('close', () => resolve());
  });
}
