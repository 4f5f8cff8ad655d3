import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { FileLanes } from '../../../src/adapters/files/file-lanes.ts';
import { ApiClient } from '../../../src/adapters/kubernetes/api-client.ts';
import { TokenReviewer } from '../../../src/adapters/kubernetes/token-reviewer.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { textAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { ACCOUNT, NAMESPACE, type RunningCluster, startCluster } from '../../support/kubernetes-bench.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';

const AUDIENCE = 'token-refresher';
const REVIEW = 'POST /apis/authentication.k8s.io/v1/tokenreviews';

interface ReviewerBench extends RunningCluster {
  readonly reviewer: TokenReviewer;
  readonly reviewerClock: FakeClock;
  /** Of the service account `checkout`. */
  issue(changes?: { readonly audiences?: readonly string[]; readonly name?: string }): SecretText;
  reviews(): number;
}

async function startReviewer(t: TestContext, { mayReview = true } = {}): Promise<ReviewerBench> {
  const cluster = await startCluster(t);
  const { api, server, token, requests } = cluster;
  const metadata = { name: 'token-reviews' };
  const apiVersion = 'rbac.authorization.k8s.io/v1';
  if (mayReview) {
    api.put({
      apiVersion,
      kind: 'ClusterRole',
      metadata,
      rules: [{ apiGroups: ['authentication.k8s.io'], resources: ['tokenreviews'], verbs: ['create'] }],
    });
    api.put({
      apiVersion,
      kind: 'ClusterRoleBinding',
      metadata,
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: metadata.name },
      subjects: [{ kind: 'ServiceAccount', name: ACCOUNT, namespace: NAMESPACE }],
    });
  }
  const tokenFile = join(await createPrivateFolder(t), 'token');
  await writeFile(tokenFile, token.reveal());
  const reviewerClock = new FakeClock();
  const client = new ApiClient({
    apiServer: { url: server.url, caFile: undefined, tokenFile },
    namespace: { name: NAMESPACE },
    clock: reviewerClock,
    files: new FileLanes(reviewerClock),
  });
  const reviewer = new TokenReviewer({ client, audience: AUDIENCE, clock: reviewerClock });
  t.after(() => {
    reviewer.close();
    client.close();
  });
  return Object.assign(cluster, {
    reviewer,
    reviewerClock,
    issue: (changes: { readonly audiences?: readonly string[]; readonly name?: string } = {}) =>
      api.issueToken({ namespace: NAMESPACE, name: 'checkout', audiences: [AUDIENCE], ...changes }),
    reviews: () => requests.filter((request) => request === REVIEW).length,
  });
}

/** With an API server that answers at once. */
function createBench(judge: (token: string) => 'accepted' | 'refused') {
  const clock = new FakeClock();
  const asked: string[] = [];
  const send: ApiClient['send'] = async (request) => {
    const { body } = typeof request === 'function' ? request(NAMESPACE) : request;
    const token = textAt(body, 'spec', 'token');
    asked.push(token);
    const user = { username: 'system:serviceaccount:payments:checkout' };
    const status = judge(token) === 'accepted' ? { authenticated: true, user, audiences: [AUDIENCE] } : {};
    return { kind: 'answer', status: 201, retryAfter: undefined, body: JSON.stringify({ status }) };
  };
  return { reviewer: new TokenReviewer({ client: { send }, audience: AUDIENCE, clock }), clock, asked };
}

function madeUp(count: number): SecretText[] {
  return Array.from({ length: count }, (_, index) => new SecretText(`made-up-${index}`));
}

/** As fast as the rate allows. */
async function reviewAll(
  reviewer: TokenReviewer,
  clock: FakeClock,
  tokens: readonly SecretText[],
): Promise<void> {
  for (const [index, token] of tokens.entries()) {
    if (index % 50 === 0) await clock.advance(5_000);
    await reviewer.review(token);
  }
}

const START_MS = new FakeClock().now();

describe('TokenReviewer', () => {
  it('says whose a token is, and asks once a minute for it', async (t) => {
    const { reviewer, reviewerClock, issue, reviews } = await startReviewer(t);
    const token = issue();
    const known = { kind: 'account', account: 'payments/checkout' };
    assert.deepEqual(await Promise.all([reviewer.review(token), reviewer.review(token)]), [known, known]);
    await reviewerClock.advance(59_999);
    assert.deepEqual(await reviewer.review(token), known);
    assert.equal(reviews(), 1);
    await reviewerClock.advance(1);
    assert.deepEqual(await reviewer.review(token), known);
    assert.equal(reviews(), 2);
  });

  it('refuses what is made for others, what nobody knows, and what belongs to no service account', async (t) => {
    const { reviewer, issue, admin, api } = await startReviewer(t);
    const revoked = issue();
    api.identities.revoke(revoked);
    for (const token of [
      issue({ audiences: ['https://kubernetes.default.svc.cluster.local'] }),
      issue({ audiences: ['vault'] }),
      new SecretText('no token of this cluster'),
      admin,
      revoked,
    ])
      assert.deepEqual(await reviewer.review(token), { kind: 'refused' });
  });

  it('refuses a token whose audience the server has not looked at', async (t) => {
    const { reviewer, server, issue } = await startReviewer(t);
    const user = { username: 'system:serviceaccount:payments:checkout' };
    for (const status of [
      { authenticated: true, user },
      { authenticated: true, user, audiences: ['vault'] },
      { user, audiences: [AUDIENCE] },
      { authenticated: true, user: { username: 'checkout' }, audiences: [AUDIENCE] },
    ]) {
      server.setFaults([{ kind: 'body', text: JSON.stringify({ status }) }]);
      assert.deepEqual(await reviewer.review(issue()), { kind: 'refused' });
    }
  });

  it('asks about a refused token again after ten seconds', async (t) => {
    const { reviewer, reviewerClock, reviews } = await startReviewer(t);
    const token = new SecretText('unknown');
    for (const waitMs of [0, 9_999, 1]) {
      await reviewerClock.advance(waitMs);
      await reviewer.review(token);
    }
    assert.equal(reviews(), 2);
  });

  it('knows nothing while the API server refuses, fails or says something else, and asks again at once', async (t) => {
    const { reviewer, server, issue } = await startReviewer(t);
    const token = issue();
    for (const [fault, problem] of [
      [{ kind: 'status', status: 500 }, /^the API server answered 500 \(InternalError\) to a TokenReview$/],
      [{ kind: 'status', status: 401 }, /service account's token is not accepted/],
      [{ kind: 'denied' }, /must be allowed to create tokenreviews .* system:auth-delegator/],
      [{ kind: 'reset' }, /^the API server http:\S+ /],
      [{ kind: 'body', text: '<html>' }, /is no TokenReview$/],
    ] as const) {
      server.setFaults([fault]);
      const review = await reviewer.review(token);
      assert.ok(review.kind === 'unknown');
      assert.match(review.problem, problem);
    }
    server.setFaults([]);
    assert.equal((await reviewer.review(token)).kind, 'account');
  });

  it('leaves the API server alone for as long as that asks for patience, and says so', async (t) => {
    const { reviewer, reviewerClock, server, issue, reviews } = await startReviewer(t);
    const [known, reader, stranger] = [issue(), issue(), issue()];
    await reviewer.review(reader);
    await reviewerClock.advance(60_000);
    await reviewer.review(known);
    server.setFaults([{ kind: 'status', status: 429, retryAfterSeconds: 30 }]);
    const problem = 'the API server answered 429 (TooManyRequests) to a TokenReview';
    const calls = reviews() + 1;
    assert.deepEqual(await reviewer.review(reader), { kind: 'unknown', problem, retryAfterMs: 30_000 });
    await reviewerClock.advance(29_999);
    assert.deepEqual(await reviewer.review(stranger), { kind: 'unknown', problem, retryAfterMs: 1 });
    assert.equal((await reviewer.review(known)).kind, 'account', 'what is kept counts meanwhile');
    assert.equal(reviews(), calls);
    server.setFaults([{ kind: 'status', status: 503, retryAfterSeconds: 86_400 }]);
    await reviewerClock.advance(1);
    assert.deepEqual(await reviewer.review(stranger), {
      kind: 'unknown',
      problem: 'the API server answered 503 (ServiceUnavailable) to a TokenReview',
      retryAfterMs: 60_000,
    });
    server.setFaults([]);
    await reviewerClock.advance(60_000);
    assert.equal((await reviewer.review(reader)).kind, 'account');
    assert.equal(reviews(), calls + 2);
  });

  it('knows nothing without the right to ask', async (t) => {
    const { reviewer, issue } = await startReviewer(t, { mayReview: false });
    assert.equal((await reviewer.review(issue())).kind, 'unknown');
  });

  it('ends within its deadline when the API server hangs, and asks for a few tokens at a time', async (t) => {
    const { reviewer, reviewerClock, server, issue, reviews } = await startReviewer(t);
    server.setFaults([{ kind: 'hang' }]);
    const asked = Array.from({ length: 40 }, () => reviewer.review(issue()));
    while (reviews() < 32) await new Promise((resolve) => setImmediate(resolve));
    await reviewerClock.advance(5_000);
    const answers = await Promise.all(asked);
    const kinds = answers.map(({ kind }) => kind);
    assert.deepEqual(new Set(kinds), new Set(['unknown', 'busy']));
    assert.equal(kinds.filter((kind) => kind === 'unknown').length, 32);
    assert.equal(reviews(), 32);
  });

  it('asks about 100 new readers at once, some at a time, and about each of them once', async (t) => {
    const { reviewer, issue, reviews } = await startReviewer(t);
    const readers = Array.from({ length: 100 }, () => issue());
    const answers = await Promise.all([...readers, ...readers].map(async (token) => reviewer.review(token)));
    assert.deepEqual(new Set(answers.map(({ kind }) => kind)), new Set(['account']));
    assert.equal(reviews(), 100);
  });

  it('remembers a thousand readers at most, the latest', async () => {
    const { reviewer, clock, asked } = createBench((token) =>
      token.startsWith('reader') ? 'accepted' : 'refused',
    );
    const readers = Array.from({ length: 1_001 }, (_, index) => new SecretText(`reader-${index}`));
    await reviewAll(reviewer, clock, readers);
    await reviewAll(reviewer, clock, madeUp(1_200));
    assert.equal(asked.length, 2_201);
    for (const token of madeUp(2_000).slice(1_200)) await reviewer.review(token);
    const kinds = await Promise.all(readers.slice(0, 2).map(async (token) => reviewer.review(token)));
    assert.deepEqual(
      kinds.map(({ kind }) => kind),
      ['busy', 'account'],
    );
  });

  it('asks about 200 tokens at once that nobody knows and ten a second, and about those of readers whenever it has to', async () => {
    const { reviewer, clock, asked } = createBench((token) =>
      token.startsWith('reader') ? 'accepted' : 'refused',
    );
    const reader = new SecretText('reader');
    const strangers = madeUp(6_000);
    const flood = async (): Promise<readonly string[]> => {
      const kinds: string[] = [];
      for (const token of strangers.splice(0, 1_500)) kinds.push((await reviewer.review(token)).kind);
      return kinds;
    };
    assert.equal((await reviewer.review(reader)).kind, 'account');
    const kinds = await flood();
    assert.equal(kinds.filter((kind) => kind === 'refused').length, 199);
    assert.equal(kinds.at(-1), 'busy');
    assert.equal((await reviewer.review(reader)).kind, 'account');
    assert.equal(asked.length, 200, 'the answer about the reader is kept');
    await clock.advance(60_000);
    await flood();
    assert.equal(asked.length, 400);
    assert.equal(
      (await reviewer.review(reader)).kind,
      'account',
      'asked about again, though others used up the rate',
    );
    assert.equal(asked.length, 401);
    await clock.advance(1_000);
    await flood();
    assert.equal(asked.length, 411);
    await clock.advance(3_600_000);
    await flood();
    assert.equal((await reviewer.review(reader)).kind, 'busy', 'forgotten after an hour');
  });

  for (const { what, claims, keptMs } of [
    { what: 'as long as it lives', claims: { exp: (START_MS + 20_000) / 1_000 }, keptMs: 20_000 },
    { what: 'for a minute when it lives longer', claims: { exp: START_MS / 1_000 + 3_600 }, keptMs: 60_000 },
    { what: 'not at all when our clock says it is over', claims: { exp: START_MS / 1_000 - 1 }, keptMs: 0 },
    { what: 'for a minute when it does not say', claims: {}, keptMs: 60_000 },
    { what: 'for a minute when it says nonsense', claims: { exp: 'soon' }, keptMs: 60_000 },
    { what: 'for a minute when its claims are none', claims: [], keptMs: 60_000 },
  ])
    it(`keeps that a token is accepted ${what}`, async () => {
      const { reviewer, clock, asked } = createBench(() => 'accepted');
      const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
      const token = new SecretText(`e30.${payload}.signature`);
      await reviewer.review(token);
      if (keptMs > 0) {
        await clock.advance(keptMs - 1);
        await reviewer.review(token);
        assert.equal(asked.length, 1);
        await clock.advance(1);
      }
      await reviewer.review(token);
      assert.equal(asked.length, 2);
    });
});
