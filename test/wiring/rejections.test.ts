/** Readers' reports of refused tokens, over real HTTP, to daemons with a leader among them. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { createSoleLeader } from '../../src/adapters/system/sole-leader.ts';
import { type AppBench, REPORTER, type Replica, startAppBench } from '../support/app-bench.ts';
import { createSeededRandom } from '../support/seeded-random.ts';
import { createUpstreamsBench } from '../support/upstreams-bench.ts';

const MINUTE_MS = 60_000;
const READERS = 50;
const REPORTS = 1_000;
const startUpstreams = await createUpstreamsBench();

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function report(replica: Replica, token: string, query = '', bearer = REPORTER): Promise<Answer> {
  const response = await fetch(`${replica.rejectionsUrl}/v1/tokens/pik/rejections${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' },
    body: JSON.stringify({ sha256: hash('sha256', token), status: 401 }),
  });
  const body: Answer['body'] = JSON.parse(await response.text());
  return { status: response.status, body };
}

/** What a reader finds. */
async function readToken({ store }: AppBench): Promise<string> {
  const { SecretString = '' } = await store.client.send(
    new GetSecretValueCommand({ SecretId: 'payments/pik' }),
  );
  const document: { readonly access_token: string } = JSON.parse(SecretString);
  return document.access_token;
}

/** `a` leads and has published a token for a minute; `b` stands by and knows who leads. */
async function startPair(t: TestContext): Promise<AppBench & { readonly a: Replica; readonly b: Replica }> {
  const bench = await startAppBench(t, await startUpstreams(t));
  const a = await bench.start('a');
  await bench.until(() => a.events.of('token-refreshed').length === 1);
  const b = await bench.start('b');
  await bench.pass(MINUTE_MS);
  return { ...bench, a, b };
}

describe('reports of refused tokens', () => {
  it('a revoked token is replaced within seconds of the first report, which waits for that', async (t) => {
    const bench = await startAppBench(t, await startUpstreams(t));
    const sole = await bench.start('sole', createSoleLeader());
    await bench.until(() => sole.events.of('token-refreshed').length === 1);
    await bench.pass(MINUTE_MS);
    const revoked = await readToken(bench);
    const startedMs = bench.clock.monotonicMs();
    const answer = await report(sole, revoked, '?wait=5s');
    assert.equal(answer.status, 200);
    assert.equal(answer.body['outcome'], 'replaced');
    assert.equal(answer.body['generation'], 2);
    assert.notEqual(await readToken(bench), revoked);
    assert.ok(bench.clock.monotonicMs() - startedMs < 5_000);
    assert.equal(sole.events.last('token-refreshed').reason, 'rejected');
    assert.equal(bench.fetches(), 2);
  });

  it('One at a time: 1,000 of them by 50 readers, spread over seconds and two replicas, make one fetch', async (t) => {
    const bench = await startPair(t);
    const { a, b } = bench;
    const refused = await readToken(bench);
    const random = createSeededRandom(7);
    const statuses: number[] = [];
    // Each reader reports again and again, as the 401s of requests come in that it sent with the old token.
    for (let round = 0; round < REPORTS / READERS; round += 1) {
      const answers = Array.from({ length: READERS }, () =>
        report(random.next() < 0.5 ? a : b, refused).then(({ status }) => statuses.push(status)),
      );
      await Promise.all(answers);
      await bench.pass(Math.ceil(random.next() * 4) * 250);
    }
    assert.equal(statuses.length, REPORTS);
    assert.deepEqual(new Set(statuses), new Set([200, 202]));
    assert.equal(bench.fetches(), 2);
    const outcomes = a.events.of('token-rejected').map(({ outcome }) => outcome);
    assert.equal(outcomes.filter((outcome) => outcome === 'fetch').length, 1);
    assert.deepEqual(b.events.of('token-rejected'), [], 'the leader has taken all of them');
  });

  it('one about a token that is not published any more makes no fetch, at a stand-by either', async (t) => {
    const bench = await startPair(t);
    for (const replica of [bench.a, bench.b]) {
      const { status, body } = await report(replica, 'a former token');
      assert.deepEqual([status, body['outcome'], body['generation']], [200, 'replaced', 1]);
    }
    await bench.pass(MINUTE_MS);
    assert.equal(bench.fetches(), 1);
  });

  it('one to a stand-by is answered with what the leader says, refusals included', async (t) => {
    const bench = await startPair(t);
    const { b } = bench;
    const refused = await readToken(bench);
    assert.equal((await report(b, refused, '', 'somebody else')).status, 401);
    assert.equal((await report(b, refused, '?wait=5s')).body['outcome'], 'replaced');
    const next = await report(b, await readToken(bench));
    assert.deepEqual([next.status, next.body['reason']], [429, 'cooling-down']);
    assert.equal(bench.fetches(), 2);
  });

  it('one to a stand-by whose leader is gone says so, until it leads itself', async (t) => {
    const bench = await startPair(t);
    const { a, b } = bench;
    const refused = await readToken(bench);
    a.cutOff();
    await a.app.stop();
    const { status, body } = await report(b, refused);
    assert.equal(status, 503);
    assert.match(String(body['error']), /a leads|no replica is known to lead/);
    await bench.pass(MINUTE_MS);
    assert.ok(b.isLeading());
    assert.equal((await report(b, refused, '?wait=5s')).body['outcome'], 'replaced');
    assert.equal(bench.fetches(), 2);
  });
});
