/** Who may report refused tokens, as a configuration says it: service accounts, confirmed by an API server, and a bearer token. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { TokenBoard } from '../../src/board/token-board.ts';
import type { SecretText } from '../../src/core/secret-text.ts';
import { createBearerReader, createRejections } from '../../src/wiring/rejections.ts';
import { parseText } from '../support/configuration-text.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { ACCOUNT, NAMESPACE, type RunningCluster, startCluster } from '../support/kubernetes-bench.ts';
import { MemoryStore } from '../support/memory-store.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { RecordedEvents } from '../support/recorded-events.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

const AUDIENCE = 'token-refresher';
const BEARER = 'bearer-canary';
const ALLOW = `allow:
    - { serviceAccount: payments/checkout, tokens: [pik, b2b2c/*] }
    - { serviceAccount: payments/checkout, tokens: [pivot] }
    - { serviceAccount: payments/other, tokens: ["*"] }`;

interface Callers extends RunningCluster {
  readonly events: RecordedEvents;
  readonly callers: readonly string[];
  /** Sets or removes the bearer token. */
  setBearer(text: string | undefined): void;
  issue(name: string, audience?: string): SecretText;
  /** The answer without its body. */
  sendReport(bearer: string, token: string): Promise<Response>;
  /** @returns status of the answer */
  report(bearer: string, token: string): Promise<number>;
}

/** @param allow the service accounts, as YAML */
async function startCallers(t: TestContext, allow = ALLOW): Promise<Callers> {
  const cluster = await startCluster(t);
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  const metadata = { name: 'token-reviews' };
  const rules = [{ apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] }];
  cluster.api.put({ apiVersion, kind: 'ClusterRole', metadata, rules });
  cluster.api.put({
    apiVersion,
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name },
    subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: NAMESPACE }],
  });
  const folder = await createPrivateFolder(t);
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, cluster.token.reveal());
  const parsed = parseText(
    `coordination: { kind: kubernetes, namespace: payments, apiServer: { url: "${cluster.server.url}", tokenFile: ${tokenFile} } }
rejections:
  host: 127.0.0.1
  port: 0
  ${allow}
  bearer: { env: REPORTER }
providers:
  - name: pik
    kind: pik
    baseUrl: https://api.example.com
    credentials: { appId: { env: APP_ID }, appSecret: { env: APP_SECRET } }
    secret: payments/pik
`,
    { REPORTER: BEARER, APP_ID: 'id', APP_SECRET: 'secret' },
  );
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const env = new Map([
    ['REPORTER', BEARER],
    ['POD_IP', '127.0.0.1'],
  ]);
  const events = new RecordedEvents();
  const clock = new FakeClock();
  const rejections = createRejections(parsed.configuration, {
    clock,
    random: createSeededRandom(1),
    events: events.record,
    readEnv: (name) => env.get(name),
    store: new MemoryStore(),
    board: new TokenBoard(clock),
    onFault: (error) => assert.fail(String(error)),
  });
  assert.ok(rejections !== undefined);
  const callers: string[] = [];
  const verdict = { kind: 'fetch', retryAfterMs: 2_000 } as const;
  await rejections.start({
    isLeading: true,
    report: ({ caller }) => {
      callers.push(caller);
      return { kind: 'decided', verdict };
    },
    settle: async () => ({ kind: 'decided', verdict }),
  });
  t.after(() => rejections.stop());
  const sendReport = async (bearer: string, token: string): Promise<Response> => {
    const response = await fetch(`http://${rejections.address}/v1/tokens/${token}/rejections`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
      body: JSON.stringify({ sha256: hash('sha256', 'refused'), status: 401 }),
    });
    await response.text();
    return response;
  };
  return Object.assign(cluster, {
    events,
    callers,
    sendReport,
    setBearer: (text: string | undefined) => {
      if (text === undefined) env.delete('REPORTER');
      else env.set('REPORTER', text);
    },
    issue: (name: string, audience = AUDIENCE) =>
      cluster.api.issueToken({ namespace: NAMESPACE, name, audiences: [audience] }),
    report: async (bearer: string, token: string) => (await sendReport(bearer, token)).status,
  });
}

describe('callers who report refused tokens', () => {
  it('make one read of the bearer token, however many send one at a time', async () => {
    const store = new MemoryStore();
    let reads = 0;
    const counting: Pick<MemoryStore, 'read'> = {
      read: (name, signal) => {
        reads += 1;
        return store.read(name, signal);
      },
    };
    const bearer = { kind: 'awsSecret', id: 'payments/reporter', key: undefined } as const;
    const read = createBearerReader(
      { bearer },
      { clock: new FakeClock(), readEnv: () => undefined, store: counting },
    );
    assert.ok(read !== undefined);
    const { signal } = new AbortController();
    const results = await Promise.all(Array.from({ length: 400 }, () => read(signal)));
    assert.deepEqual([results.length, results[0]?.ok, reads], [400, false, 1]);
  });

  it('report what their service account may, and nothing else', async (t) => {
    const { issue, report, callers } = await startCallers(t);
    const checkout = issue('checkout').reveal();
    for (const [token, status] of [
      ['pik', 202],
      ['b2b2c/ayu', 202],
      ['pivot', 202],
      ['b2b2c', 403],
      ['pivot2', 403],
    ] as const)
      assert.equal(await report(checkout, token), status, token);
    assert.equal(await report(issue('other').reveal(), 'whatever/it-is'), 202);
    assert.equal(await report(issue('stranger').reveal(), 'pik'), 403);
    assert.deepEqual(new Set(callers), new Set(['payments/checkout', 'payments/other']));
  });

  it('are not known by a token for the API server, by none of this cluster, and by half a bearer token', async (t) => {
    const { issue, report, callers, admin } = await startCallers(t);
    const forTheServer = issue('checkout', 'https://kubernetes.default.svc.cluster.local');
    for (const bearer of [forTheServer.reveal(), admin.reveal(), 'unknown', BEARER.slice(0, -1)])
      assert.equal(await report(bearer, 'pik'), 401);
    assert.deepEqual(callers, []);
  });

  it('report everything by the bearer token, also while the API server is down', async (t) => {
    const { server, report, callers, events } = await startCallers(t);
    server.setFaults([{ kind: 'status', status: 503 }]);
    assert.equal(await report(BEARER, 'whatever/it-is'), 202);
    assert.deepEqual(callers, ['bearer']);
    assert.deepEqual(events.of('callers-unknown'), []);
  });

  for (const [beside, allow] of [
    ['alone', ''],
    ['beside service accounts', ALLOW],
  ] as const)
    it(`are answered with 503 while their bearer token, ${beside}, is missing, which is told each time that it is`, async (t) => {
      const { report, events, setBearer } = await startCallers(t, allow);
      for (const round of [1, 2]) {
        setBearer(undefined);
        for (let times = 0; times < 3; times += 1) assert.equal(await report(BEARER, 'pik'), 503);
        assert.equal(events.of('callers-unknown').length, round);
        setBearer(BEARER);
        assert.equal(await report(BEARER, 'pik'), 202);
      }
    });

  for (const text of ['two words', 'two\nlines', 'f\u00fcnf'])
    it(`are answered with 503 while their bearer token is one that nobody can send: ${JSON.stringify(text)}`, async (t) => {
      const { report, events, setBearer } = await startCallers(t, '');
      setBearer(text);
      assert.equal(await report('two', 'pik'), 503);
      const [told] = events.of('callers-unknown');
      assert.match(
        told?.problem ?? '',
        /^credential bearer: environment variable REPORTER holds a .*, which no caller can send$/,
      );
    });

  it('are answered with 503 while nobody can say who they are, which is told once', async (t) => {
    const { server, issue, report, callers, events } = await startCallers(t);
    server.setFaults([{ kind: 'denied' }]);
    for (let times = 0; times < 3; times += 1)
      assert.equal(await report(issue('checkout').reveal(), 'pik'), 503);
    assert.deepEqual(callers, []);
    const told = events.of('callers-unknown');
    assert.equal(told.length, 1);
    assert.match(told[0]?.problem ?? '', /system:auth-delegator/);
    server.setFaults([]);
    assert.equal(await report(issue('checkout').reveal(), 'pik'), 202);
    server.setFaults([{ kind: 'denied' }]);
    assert.equal(await report(issue('checkout').reveal(), 'pik'), 503);
    assert.equal(events.of('callers-unknown').length, 2);
    assert.doesNotMatch(JSON.stringify(events.all), /canary|token-/, 'no token in an event');
  });

  it('are known for a minute while the API server says nothing about others, which is told once', async (t) => {
    const { server, issue, report, events } = await startCallers(t);
    const [checkout, other] = [issue('checkout').reveal(), issue('other').reveal()];
    assert.equal(await report(checkout, 'pik'), 202);
    server.setFaults([{ kind: 'status', status: 503 }]);
    for (let times = 0; times < 3; times += 1) {
      assert.equal(await report(other, 'pik'), 503);
      assert.equal(await report(checkout, 'pik'), 202);
    }
    assert.equal(events.of('callers-unknown').length, 1);
  });

  it('are told to wait for as long as the API server asks for patience', async (t) => {
    const { server, issue, sendReport } = await startCallers(t);
    server.setFaults([{ kind: 'status', status: 429, retryAfterSeconds: 30 }]);
    for (const name of ['checkout', 'other']) {
      const { status, headers } = await sendReport(issue(name).reveal(), 'pik');
      assert.deepEqual([status, headers.get('retry-after')], [503, '30']);
    }
  });

  it('are told to try again while many come at once that nobody knows, which is told once', async (t) => {
    const { issue, report, events, server } = await startCallers(t);
    const checkout = issue('checkout').reveal();
    assert.equal(await report(checkout, 'pik'), 202);
    server.setFaults([{ kind: 'body', text: '{"status":{}}' }]);
    const statuses: number[] = [];
    for (let index = 0; index < 201; index += 1) statuses.push(await report(`made-up-${index}`, 'pik'));
    assert.deepEqual(statuses.slice(-3), [401, 503, 503]);
    assert.equal(await report(checkout, 'pik'), 202);
    assert.equal(await report('one-more', 'pik'), 503);
    const told = events.of('callers-unknown');
    assert.equal(told.length, 1);
    assert.match(told[0]?.problem ?? '', /not seen before .* callers of the last hour are not affected$/);
  });
});
