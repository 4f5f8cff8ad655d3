import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { stringify } from 'yaml';
import { HttpFault } from '../../../src/core/wire/http-call.ts';
import { listFaults, parseFault } from '../../../src/sandbox/fault-syntax.ts';
import { toKubernetesFault } from '../../../src/sandbox/kubernetes/kubernetes-fault.ts';
import { createAuthority } from '../../support/certificates.ts';
import { KUBECTL_SKIP } from '../../support/kubectl.ts';
import { NAMESPACE, type RunningCluster, startCluster } from '../../support/kubernetes-bench.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';
import { never } from '../../support/store-write.ts';
import { createDirectTransport } from '../../support/transport.ts';

const SECRETS_PATH = `/api/v1/namespaces/${NAMESPACE}/secrets`;

function send({ server, admin }: RunningCluster, method = 'GET', body?: string, signal = never) {
  const url = new URL(`${server.url}${method === 'POST' ? SECRETS_PATH : `${SECRETS_PATH}/pik`}`);
  const headers = { authorization: `Bearer ${admin.reveal()}` };
  return createDirectTransport().send({ method, url, headers, body }, signal);
}

const NEW = JSON.stringify({ kind: 'Secret', metadata: { name: 'pik' } });

describe('the API server', () => {
  for (const [kind, status, isCarriedOut] of [
    ['throttle', 429, false],
    ['denied', 403, false],
    ['unavailable', 503, false],
    ['kms', 500, false],
    ['outage', undefined, false],
    ['lost-answer', undefined, true],
  ] as const) {
    it(`answers a write with ${status ?? 'a reset'} under the fault ${kind}, once`, async (t) => {
      const cluster = await startCluster(t);
      cluster.server.setFaults([toKubernetesFault({ kind, times: 1 })]);
      const sending = send(cluster, 'POST', NEW);
      if (status === undefined) await assert.rejects(sending, { name: 'HttpFault', code: 'ECONNRESET' });
      else assert.equal((await sending).status, status);
      assert.equal(cluster.secret('pik') !== undefined, isCarriedOut);
      assert.equal((await send(cluster)).status, isCarriedOut ? 200 : 404);
    });
  }

  it('has a meaning for every fault of a store', () => {
    const meanings = listFaults('store').map((word) => {
      const parsed = parseFault(`store:${word.replace('…', '1s')}`, []);
      assert.ok(parsed.ok && parsed.fault.target === 'store');
      return JSON.stringify(toKubernetesFault(parsed.fault.effect));
    });
    assert.equal(new Set(meanings).size, meanings.length);
  });

  it('says how long to wait', async (t) => {
    const cluster = await startCluster(t);
    cluster.server.setFaults([{ kind: 'status', status: 429, retryAfterSeconds: 7, resources: ['secrets'] }]);
    const { headers } = await send(cluster);
    assert.deepEqual(headers.get('retry-after'), ['7']);
  });

  it('carries out after a latency, by its clock', async (t) => {
    const cluster = await startCluster(t);
    cluster.server.setFaults([{ kind: 'latency', delayMs: 1000, methods: ['POST'] }]);
    const sending = send(cluster, 'POST', NEW);
    await cluster.clock.untilSleeping();
    assert.equal(cluster.secret('pik'), undefined);
    await cluster.clock.advance(1000);
    assert.equal((await sending).status, 201);
  });

  it('lets a request hang until its client goes', async (t) => {
    const cluster = await startCluster(t);
    cluster.server.setFaults([{ kind: 'hang' }]);
    const leaving = new AbortController();
    const sending = send(cluster, 'GET', undefined, leaving.signal);
    await cluster.nextRequest();
    leaving.abort(new Error('gone'));
    await assert.rejects(sending, HttpFault);
  });

  it('refuses a body of more than 3 MiB', async (t) => {
    const cluster = await startCluster(t);
    assert.equal((await send(cluster, 'POST', 'x'.repeat(3_145_729))).status, 413);
  });
});

describe('kubectl', { skip: KUBECTL_SKIP }, () => {
  it('creates, gets, applies and deletes a Secret', async (t) => {
    // It sends no token without TLS.
    const authority = await createAuthority(t);
    const cluster = await startCluster(t, { tls: authority.issue('subjectAltName=IP:127.0.0.1') });
    const kubectl = await createKubectl(t, cluster, authority.cert);
    const created = await kubectl('create', 'secret', 'generic', 'pik', '--from-literal=a=1');
    assert.match(created, /secret\/pik created/);
    assert.deepEqual(cluster.secretData('pik'), { a: '1' });
    const manifest = stringify({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'applied', namespace: NAMESPACE, labels: { app: 'x' } },
      stringData: { b: '2' },
    });
    const path = join(await createPrivateFolder(t), 'secret.yaml');
    await writeFile(path, manifest);
    assert.match(await kubectl('apply', '-f', path), /secret\/applied created/);
    await writeFile(path, manifest.replace('"2"', '"3"'));
    assert.match(await kubectl('apply', '-f', path), /secret\/applied configured/);
    assert.deepEqual(cluster.secretData('applied'), { b: '3' });
    assert.equal(await kubectl('get', 'secret', 'applied', '-o', 'jsonpath={.data.b}'), 'Mw==');
    assert.match(await kubectl('get', 'secrets', '-l', 'app=x', '-o', 'name'), /^secret\/applied\n$/);
    assert.match(await kubectl('delete', 'secret', 'pik', '--wait=false'), /"pik" deleted/);
    await assert.rejects(kubectl('get', 'secret', 'pik'), /secrets "pik" not found/);
  });
});

/** @returns runs kubectl and resolves with what it prints; rejects with what it complains about */
async function createKubectl(t: TestContext, { server, admin }: RunningCluster, authority: string) {
  const folder = await createPrivateFolder(t);
  const config = join(folder, 'config');
  await writeFile(
    config,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [
        {
          name: 'c',
          cluster: {
            server: server.url,
            'certificate-authority-data': Buffer.from(authority).toString('base64'),
          },
        },
      ],
      users: [{ name: 'u', user: { token: admin.reveal() } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u', namespace: NAMESPACE } }],
      'current-context': 'x',
    }),
    { mode: 0o600 },
  );
  return async (...args: readonly string[]): Promise<string> => {
    const child = spawn(process.env['KUBECTL'] ?? 'kubectl', [...args], {
      env: { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: config },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [out, complaint] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    if (child.exitCode !== 0) throw new Error(complaint);
    return out;
  };
}
