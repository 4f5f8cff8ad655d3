import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Lease } from '../../../src/adapters/kubernetes/lease.ts';
import { type LeaseAnswer, parseAnswer } from '../../../src/adapters/kubernetes/lease-answer.ts';
import type { KubernetesFault } from '../../../src/sandbox/kubernetes/kubernetes-fault.ts';
import { LEASE_NAME, LEASE_NAMESPACE, SERVICE_ACCOUNT_TOKEN } from '../../support/lease-api.ts';
import { buildChange, CALL_LIMIT_MS, startLeaseClientBench } from '../../support/lease-client-bench.ts';
import { answerWith, startRawServer } from '../../support/raw-server.ts';

const LEASE_PATH = `/apis/coordination.k8s.io/v1/namespaces/${LEASE_NAMESPACE}/leases`;

function leaseOf(answer: LeaseAnswer): Lease {
  assert.ok(answer.kind === 'lease', `a lease instead of ${JSON.stringify(answer)}`);
  return answer.lease;
}

function problemOf(answer: LeaseAnswer): string {
  assert.ok(answer.kind === 'failed', `a failure instead of ${answer.kind}`);
  assert.ok(!JSON.stringify(answer).includes('canary'), 'the token is not told');
  return answer.problem.message;
}

describe('createLeaseClient', () => {
  it('creates, reads and updates a lease over a connection for each call', async (t) => {
    const { client, server, call } = await startLeaseClientBench(t);
    assert.deepEqual(await client.get(call), { kind: 'absent' });
    const created = leaseOf(await client.create(buildChange(), call));
    const updated = leaseOf(await client.update(created, buildChange({ microseconds: 2 }), call));
    const read = leaseOf(await client.get(call));
    assert.notEqual(created.resourceVersion, updated.resourceVersion);
    assert.deepEqual(read, updated);
    assert.equal(read.record.holder, 'pod-a_1');
    assert.deepEqual(
      server.requests.map(({ method, path, status }) => [method, path, status]),
      [
        ['GET', `${LEASE_PATH}/${LEASE_NAME}`, 404],
        ['POST', LEASE_PATH, 201],
        ['PUT', `${LEASE_PATH}/${LEASE_NAME}`, 200],
        ['GET', `${LEASE_PATH}/${LEASE_NAME}`, 200],
      ],
    );
    assert.equal(server.connectionCount(), 4);
    assert.match(server.requests[0]?.userAgent ?? '', /^token-refresher\//);
  });

  it('finds a conflict when somebody else was faster', async (t) => {
    const { client, call } = await startLeaseClientBench(t);
    const created = leaseOf(await client.create(buildChange(), call));
    assert.deepEqual(await client.create(buildChange(), call), { kind: 'conflict' });
    await client.update(created, buildChange({ microseconds: 2 }), call);
    assert.deepEqual(await client.update(created, buildChange({ microseconds: 3 }), call), {
      kind: 'conflict',
    });
  });

  it('finds that a lease is gone', async (t) => {
    const { client, server, call } = await startLeaseClientBench(t);
    const created = leaseOf(await client.create(buildChange(), call));
    server.api.delete();
    // An update names the uid of an object that is there no more.
    assert.deepEqual(await client.update(created, buildChange(), call), { kind: 'conflict' });
    assert.deepEqual(await client.get(call), { kind: 'absent' });
  });

  it('reads the token for every call, because Kubernetes replaces it', async (t) => {
    const { client, server, call, writeFile: write } = await startLeaseClientBench(t);
    await client.get(call);
    server.api.acceptTokens('second-canary');
    assert.match(problemOf(await client.get(call)), /answered 401 to get of lease payments\/token-refresher/);
    await write('token', 'second-canary');
    assert.deepEqual(await client.get(call), { kind: 'absent' });
    assert.deepEqual(
      server.requests.map(({ authorization }) => authorization),
      [SERVICE_ACCOUNT_TOKEN, SERVICE_ACCOUNT_TOKEN, 'second-canary'].map((token) => `Bearer ${token}`),
    );
  });

  it('takes the namespace from the file of the pod', async (t) => {
    const { server, call, createClient, writeFile: write } = await startLeaseClientBench(t);
    const file = await write('namespace', `${LEASE_NAMESPACE}\n`);
    await createClient({ namespace: { file } }).get(call);
    assert.equal(server.requests[0]?.path, `${LEASE_PATH}/${LEASE_NAME}`);
  });

  for (const { name, text, message } of [
    { name: 'no token file', text: undefined, message: /token cannot be read \(ENOENT\)$/ },
    { name: 'an empty token file', text: '', message: /token holds no token$/ },
    { name: 'a token file of two lines', text: 'canary-1\ncanary-2', message: /token holds no token$/ },
  ]) {
    it(`sends nothing with ${name}`, async (t) => {
      const { client, server, call, tokenFile } = await startLeaseClientBench(t);
      await (text === undefined ? rm(tokenFile) : writeFile(tokenFile, text));
      assert.match(problemOf(await client.get(call)), message);
      assert.equal(server.requests.length, 0);
    });
  }

  it('sends nothing with a file that holds no namespace', async (t) => {
    const { createClient, server, call, writeFile: write } = await startLeaseClientBench(t);
    const file = await write('namespace', '../kube-system');
    const answer = await createClient({ namespace: { file } }).get(call);
    assert.match(problemOf(answer), /namespace holds no name of a namespace$/);
    assert.equal(server.requests.length, 0);
  });

  it('asks for the permission that is missing', async (t) => {
    const { client, server, call } = await startLeaseClientBench(t, {
      rules: [{ verbs: ['get', 'update', 'create'], resourceNames: [LEASE_NAME] }],
    });
    assert.deepEqual(await client.get(call), { kind: 'absent' });
    assert.match(
      problemOf(await client.create(buildChange(), call)),
      /403 to create .*: the role must allow create of leases \(coordination.k8s.io\)/,
    );
    server.api.grant({ verbs: ['create'] });
    assert.equal((await client.create(buildChange(), call)).kind, 'lease');
    assert.match(problemOf(await client.get(call)), /403 to get/);
  });

  it('names a namespace that does not exist', async (t) => {
    const { createClient, call } = await startLeaseClientBench(t);
    const answer = await createClient({ namespace: { name: 'paymnets' } }).create(buildChange(), call);
    assert.match(
      problemOf(answer),
      /404 to create of lease paymnets\/token-refresher \(NotFound\): the namespace does not exist$/,
    );
  });

  // A webhook chooses the status.
  for (const status of [404, 409])
    it(`names a webhook that refuses with ${status}, and takes it for nobody who was faster`, () => {
      const message = 'admission webhook "canary" denied the request: canary';
      const body = JSON.stringify({ kind: 'Status', status: 'Failure', message, code: status });
      const answer = { status, retryAfter: undefined, body, nowMs: 0, leaseName: 'payments/token-refresher' };
      assert.match(
        problemOf(parseAnswer({ operation: 'update', ...answer })),
        new RegExp(
          `answered ${status} to update of lease payments/token-refresher: an admission webhook refuses it$`,
        ),
      );
    });

  for (const { name, fault, message } of [
    { name: 'status 500', fault: { kind: 'status', status: 500 }, message: /answered 500 to get/ },
    { name: 'status 400', fault: { kind: 'status', status: 400 }, message: /answered 400 .*\(BadRequest\)$/ },
    {
      name: 'a reset connection',
      fault: { kind: 'reset' },
      message: /did not answer: the connection broke off/,
    },
    { name: 'HTML', fault: { kind: 'body', text: '<html>canary</html>' }, message: /is no Lease object/ },
    {
      name: 'more than 1 MiB',
      fault: { kind: 'body', text: 'x'.repeat(1_048_577) },
      message: /more than 1 MiB/,
    },
  ] satisfies readonly { name: string; fault: KubernetesFault; message: RegExp }[]) {
    it(`makes a failure of ${name}, and works again afterwards`, async (t) => {
      const { client, server, call } = await startLeaseClientBench(t);
      server.setFaults([{ ...fault, times: 1 }]);
      assert.match(problemOf(await client.get(call)), message);
      assert.deepEqual(await client.get(call), { kind: 'absent' });
      assert.equal(server.requests.length, 2);
    });
  }

  for (const { name, head, message } of [
    {
      name: 'a redirect, which is not followed',
      head: (url: string) => `302 Found\r\nLocation: ${url}`,
      message: /answered 302 .* address/,
    },
    {
      name: 'what is no answer of an API server',
      head: () => '400 Bad Request',
      message: /answered 400 .* address/,
    },
  ]) {
    it(`makes a failure of ${name}`, async (t) => {
      const { createClient, server, tokenFile, call } = await startLeaseClientBench(t);
      const { url } = await startRawServer(
        t,
        answerWith(`HTTP/1.1 ${head(server.url)}\r\nContent-Length: 0\r\n\r\n`),
      );
      const answer = await createClient({ apiServer: { url, caFile: undefined, tokenFile } }).get(call);
      assert.match(problemOf(answer), message);
      assert.equal(server.connectionCount(), 0);
    });
  }

  for (const { retryAfter, retryAfterMs } of [
    { retryAfter: '7', retryAfterMs: 7_000 },
    { retryAfter: 'Sat, 21 Nov 2026 12:00:30 GMT', retryAfterMs: 30_000 },
    { retryAfter: 'soon', retryAfterMs: undefined },
  ]) {
    it(`hands on a Retry-After of "${retryAfter}"`, async (t) => {
      const { createClient, tokenFile, call } = await startLeaseClientBench(t);
      const { url } = await startRawServer(
        t,
        answerWith(`HTTP/1.1 429 Slow Down\r\nRetry-After: ${retryAfter}\r\nContent-Length: 0\r\n\r\n`),
      );
      const answer = await createClient({ apiServer: { url, caFile: undefined, tokenFile } }).get(call);
      assert.ok(answer.kind === 'failed');
      assert.equal(answer.problem.retryAfterMs, retryAfterMs);
    });
  }

  it('gives up on a server that hangs at the deadline of the call, and takes a new connection', async (t) => {
    const { client, server, clock, call } = await startLeaseClientBench(t);
    server.setFaults([{ kind: 'hang', times: 1 }]);
    const asked = server.nextRequest();
    const answer = client.get(call);
    await asked;
    await clock.advance(CALL_LIMIT_MS);
    assert.match(problemOf(await answer), /gave no answer in time/);
    assert.deepEqual(await client.get(call), { kind: 'absent' });
    assert.equal(server.connectionCount(), 2);
    assert.deepEqual(clock.pendingDelaysMs, []);
  });

  it('ends a call with its signal', async (t) => {
    const { client, server, call } = await startLeaseClientBench(t);
    server.setFaults([{ kind: 'hang' }]);
    const stop = new AbortController();
    const asked = server.nextRequest();
    const answer = client.get({ ...call, signal: stop.signal });
    await asked;
    stop.abort(new Error('the program stops'));
    assert.equal((await answer).kind, 'failed');
  });

  it('does not carry a write out twice when its answer is lost', async (t) => {
    const { client, server, call } = await startLeaseClientBench(t);
    server.setFaults([{ kind: 'lost-answer', times: 1 }]);
    problemOf(await client.create(buildChange(), call));
    assert.equal(server.requests.length, 1);
    assert.equal(leaseOf(await client.get(call)).record.holder, 'pod-a_1');
  });

  it('trusts the given CA and no other, and follows when the file changes', async (t) => {
    const first = await generateCertificate(t);
    const second = await generateCertificate(t);
    const {
      createClient,
      server,
      tokenFile,
      call,
      writeFile: write,
    } = await startLeaseClientBench(t, {
      tls: first,
    });
    const caFile = await write('ca.crt', second.cert);
    const client = createClient({ apiServer: { url: server.url, caFile, tokenFile } });
    assert.match(
      problemOf(await client.get(call)),
      /cannot be reached: its certificate is self-signed \(\w+\): check the CA that is configured for it/,
    );
    assert.equal(server.requests.length, 0);
    await write('ca.crt', first.cert);
    assert.deepEqual(await client.get(call), { kind: 'absent' });
  });
});

/** A certificate for 127.0.0.1 that signs itself, good for a day. */
async function generateCertificate(t: TestContext): Promise<{ readonly key: string; readonly cert: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'certificate-'));
  t.after(() => rm(folder, { recursive: true }));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const command =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=kube-apiserver ' +
    '-addext subjectAltName=IP:127.0.0.1 -keyout';
  execFileSync('openssl', [...command.split(' '), key, '-out', cert], { stdio: 'ignore' });
  return { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8') };
}
