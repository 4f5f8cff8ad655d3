/** The Lease and the reviews of tokens against a real API server, where there is one. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, it, type TestContext } from 'node:test';
import { FileLanes } from '../../../src/adapters/files/file-lanes.ts';
import { ApiClient } from '../../../src/adapters/kubernetes/api-client.ts';
import type { Lease } from '../../../src/adapters/kubernetes/lease.ts';
import type { LeaseAnswer } from '../../../src/adapters/kubernetes/lease-answer.ts';
import { findLeaseProblem } from '../../../src/adapters/kubernetes/lease-check.ts';
import { createLeaseClient, type LeaseClient } from '../../../src/adapters/kubernetes/lease-client.ts';
import { LeaseElector } from '../../../src/adapters/kubernetes/lease-elector.ts';
import { TokenReviewer } from '../../../src/adapters/kubernetes/token-reviewer.ts';
import { createSystemClock } from '../../../src/adapters/system/clock.ts';
import type { SecretText } from '../../../src/core/secret-text.ts';
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { ACCOUNT, NAMESPACE } from '../../support/kubernetes-bench.ts';
import { LEASE_NAME } from '../../support/lease-api.ts';
import { buildChange } from '../../support/lease-client-bench.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';
import { REAL_CLUSTER_SKIP, type RealCluster, useRealCluster } from '../../support/real-cluster.ts';
import { RecordedEvents } from '../../support/recorded-events.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const LEASE = `/apis/coordination.k8s.io/v1/namespaces/${NAMESPACE}/leases/${LEASE_NAME}`;
const call = { timeoutMs: 10_000, signal: new AbortController().signal };

let cluster: RealCluster;

/** As the manifests have it: a name cannot restrict `create`. */
const LEASE_RULES: readonly JsonObject[] = [
  { verbs: ['get', 'update'], resourceNames: [LEASE_NAME] },
  { verbs: ['create'] },
].map((rule) => ({ apiGroups: ['coordination.k8s.io'], resources: ['leases'], ...rule }));

async function grant(kind: 'Role' | 'ClusterRole', rules: readonly JsonObject[]): Promise<void> {
  const root = kind === 'Role' ? `${RBAC}/namespaces/${NAMESPACE}` : RBAC;
  const plural = kind.toLowerCase();
  const about = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: ACCOUNT } };
  await cluster.apply('POST', `${root}/${plural}s`, { ...about, kind, rules });
  await cluster.apply('POST', `${root}/${plural}bindings`, {
    ...about,
    kind: `${kind}Binding`,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: ACCOUNT },
    subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: NAMESPACE }],
  });
}

async function writeToken(t: TestContext, token: SecretText): Promise<string> {
  const file = join(await createPrivateFolder(t), 'token');
  await writeFile(file, token.reveal());
  return file;
}

async function createClient(t: TestContext): Promise<LeaseClient> {
  const { url, caFile } = cluster;
  const clock = createSystemClock();
  const client = createLeaseClient({
    apiServer: { url, caFile, tokenFile: await writeToken(t, await cluster.issueToken(NAMESPACE, ACCOUNT)) },
    leaseName: LEASE_NAME,
    namespace: { name: NAMESPACE },
    clock,
    files: new FileLanes(clock),
  });
  t.after(() => client.close());
  return client;
}

function leaseOf(answer: LeaseAnswer): Lease {
  assert.ok(answer.kind === 'lease', JSON.stringify(answer));
  return answer.lease;
}

describe('against a real API server', { skip: REAL_CLUSTER_SKIP }, () => {
  before(async () => {
    cluster = await useRealCluster();
    await cluster.apply('POST', '/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: NAMESPACE },
    });
    await cluster.issueToken(NAMESPACE, ACCOUNT);
    await grant('Role', LEASE_RULES);
  });

  it('a Lease is rehearsed, created, renewed, annotated, and conflicts with who comes late', async (t) => {
    const client = await createClient(t);
    assert.deepEqual(await client.get(call), { kind: 'absent' });
    assert.equal(await findLeaseProblem(client, call), undefined);
    assert.deepEqual(await client.get(call), { kind: 'absent' });
    const created = leaseOf(await client.create(buildChange(), call));
    assert.equal(await findLeaseProblem(client, call), undefined);
    assert.deepEqual(await client.create(buildChange(), call), { kind: 'conflict' });
    const renewed = leaseOf(await client.update(created, buildChange({ microseconds: 2 }), call));
    assert.deepEqual(await client.update(created, buildChange({ microseconds: 3 }), call), {
      kind: 'conflict',
    });
    const annotated = leaseOf(await client.annotate(renewed, { 'token-refresher/test': 'x' }, call));
    assert.deepEqual(annotated.record, renewed.record);
    await cluster.apply('DELETE', LEASE);
    assert.deepEqual(await client.update(annotated, buildChange(), call), { kind: 'conflict' });
    assert.deepEqual(await client.get(call), { kind: 'absent' });
  });

  it('a leader takes the Lease, makes it again when somebody deletes it, and gives it up', async (t) => {
    const clock = createSystemClock();
    const client = await createClient(t);
    const elector = new LeaseElector({
      client,
      identity: 'pod-a_1',
      leaseName: LEASE_NAME,
      installation: 'blue',
      timing: { leaseDurationMs: 3000, renewDeadlineMs: 2000, retryPeriodMs: 100 },
      clock,
      random: { next: () => 0, uuid: () => '' },
      events: new RecordedEvents().record,
    });
    const reader = await createClient(t);
    const term = await elector.lead(t.signal);
    const first = leaseOf(await reader.get(call));
    assert.equal(first.record.holder, 'pod-a_1');
    await cluster.apply('DELETE', LEASE);
    let again = await reader.get(call);
    while (again.kind === 'absent' && !t.signal.aborted) again = await reader.get(call);
    assert.equal(leaseOf(again).record.holder, 'pod-a_1');
    assert.equal(term.hasEnded(), false);
    await elector.release();
    assert.equal(leaseOf(await reader.get(call)).record.holder, '');
    assert.ok(term.hasEnded());
  });

  it('tokens are reviewed for their audience, once a ClusterRole allows it', async (t) => {
    const clock = createSystemClock();
    const tokenFile = await writeToken(t, await cluster.issueToken(NAMESPACE, ACCOUNT));
    const client = new ApiClient({
      apiServer: { url: cluster.url, caFile: cluster.caFile, tokenFile },
      namespace: { name: NAMESPACE },
      clock,
      files: new FileLanes(clock),
    });
    const reviewer = new TokenReviewer({ client, audience: 'token-refresher', clock });
    t.after(() => {
      reviewer.close();
      client.close();
    });
    const ours = await cluster.issueToken(NAMESPACE, 'checkout', { audiences: ['token-refresher'] });
    const denied = await reviewer.review(ours);
    assert.ok(denied.kind === 'unknown');
    assert.match(denied.problem, /403 \(Forbidden\).*must be allowed to create tokenreviews/);
    await grant('ClusterRole', [
      { apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] },
    ]);
    let accepted = await reviewer.review(ours);
    // The server learns of a role a moment later.
    while (accepted.kind === 'unknown' && !t.signal.aborted) accepted = await reviewer.review(ours);
    assert.deepEqual(accepted, { kind: 'account', account: `${NAMESPACE}/checkout` });
    const foreign = await cluster.issueToken(NAMESPACE, 'checkout');
    assert.deepEqual(await reviewer.review(foreign), { kind: 'refused' });
  });
});
