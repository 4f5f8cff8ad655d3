import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import type { RejectionVerdict } from '../../src/core/rejection/decide-rejection.ts';
import type {
  PassedReport,
  RejectionAnswer,
  RejectionReport,
  RejectionReports,
} from '../../src/core/rejection/rejection-reports.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import {
  type Authentication,
  type RejectionServerOptions,
  startRejectionServer,
} from '../../src/http/rejection-routes.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { NOON_MS } from '../support/sample-events.ts';

const TOKEN = 'access-canary';
const SHA256 = Buffer.from(new SecretText(TOKEN).fingerprint(), 'base64url').toString('hex');
const REPORT = { sha256: SHA256, status: 401 };
const FETCH: RejectionVerdict = { kind: 'fetch', retryAfterMs: 2_000 };
const REPLACED: RejectionVerdict = { kind: 'replaced', generation: 8, expiresAtMs: NOON_MS + 900_000 };
const CALLER: Authentication = {
  kind: 'caller',
  name: 'payments/checkout',
  mayReport: (token) => token !== 'secret-provider',
};

/** A leader whose refresh ends when a test says so. */
class FakeReports implements RejectionReports {
  isLeading = true;
  answer: RejectionAnswer = { kind: 'decided', verdict: FETCH };
  readonly reports: RejectionReport[] = [];
  waiting = 0;
  #end = Promise.withResolvers<void>();

  report(report: RejectionReport): RejectionAnswer {
    this.reports.push(report);
    return this.answer;
  }

  async settle(_: RejectionReport, signal: AbortSignal): Promise<RejectionAnswer> {
    this.waiting += 1;
    const left = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    await Promise.race([this.#end.promise, left]);
    this.waiting -= 1;
    return this.answer;
  }

  endRefresh(): void {
    this.answer = { kind: 'decided', verdict: REPLACED };
    this.#end.resolve();
  }
}

interface Sent {
  readonly path?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

interface Received {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly body: Readonly<Record<string, unknown>>;
}

async function start(t: TestContext, options: Partial<RejectionServerOptions> = {}) {
  const clock = new FakeClock();
  const reports = new FakeReports();
  const faults: unknown[] = [];
  const server = await startRejectionServer({
    host: '127.0.0.1',
    port: 0,
    clock,
    reports,
    authenticate: async () => CALLER,
    findLeader: () => undefined,
    onFault: (error) => faults.push(error),
    ...options,
  });
  t.after(() => server.stop());
  const send = async ({ path = '/v1/tokens/pik/rejections', ...sent }: Sent = {}): Promise<Received> => {
    const { method = 'POST', body = REPORT } = sent;
    const response = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: 'Bearer caller-canary', 'content-type': 'application/json', ...sent.headers },
      ...(method === 'GET' ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    assert.doesNotMatch(text, /canary/, 'a token in an answer');
    assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
    const parsed: Received['body'] = JSON.parse(text);
    return { status: response.status, retryAfter: response.headers.get('retry-after'), body: parsed };
  };
  return { clock, reports, faults, server, send };
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setImmediate(resolve));
}

describe('POST /v1/tokens/NAME/rejections', () => {
  for (const { what, answer, status, retryAfter, fields } of [
    {
      what: 'another token is published',
      answer: { kind: 'decided', verdict: REPLACED },
      status: 200,
      retryAfter: null,
      fields: { outcome: 'replaced', generation: 8, expires_at: '2026-11-21T12:15:00.000Z' },
    },
    {
      what: 'a refresh begins',
      answer: { kind: 'decided', verdict: FETCH },
      status: 202,
      retryAfter: '2',
      fields: { outcome: 'refreshing', retry_after: 2 },
    },
    {
      what: 'a refresh is under way',
      answer: { kind: 'decided', verdict: { kind: 'refreshing', retryAfterMs: 8_001 } },
      status: 202,
      retryAfter: '9',
      fields: { outcome: 'refreshing', retry_after: 9 },
    },
    {
      what: 'the provider was asked too recently',
      answer: {
        kind: 'decided',
        verdict: { kind: 'blocked', reason: 'cooling-down', retryAfterMs: 12_000 },
      },
      status: 429,
      retryAfter: '12',
      fields: { reason: 'cooling-down', retry_after: 12 },
    },
    {
      what: 'no more tokens are fetched for reports',
      answer: {
        kind: 'decided',
        verdict: { kind: 'blocked', reason: 'capped', cap: 'a-day', retryAfterMs: 3_600_000 },
      },
      status: 429,
      retryAfter: '3600',
      fields: { reason: 'capped', retry_after: 3600 },
    },
    {
      what: 'nothing is published',
      answer: { kind: 'decided', verdict: { kind: 'absent', retryAfterMs: 30_000 } },
      status: 503,
      retryAfter: '30',
      fields: { retry_after: 30 },
    },
    {
      what: 'there is no such token',
      answer: { kind: 'unknown' },
      status: 404,
      retryAfter: null,
      fields: {},
    },
  ] satisfies readonly { answer: RejectionAnswer; [field: string]: unknown }[])
    it(`answers ${status} when ${what}`, async (t) => {
      const { reports, send } = await start(t);
      reports.answer = answer;
      const received = await send();
      assert.equal(received.status, status);
      assert.equal(received.retryAfter, retryAfter);
      assert.deepEqual({ ...received.body, ...fields }, received.body);
    });

  it('takes the token by its path, and its hash as the daemon keeps it', async (t) => {
    const { reports, send } = await start(t);
    await send();
    await send({
      path: '/v1/tokens/b2b2c/ayu_1/rejections',
      body: { sha256: SHA256.toUpperCase(), status: 403 },
    });
    const fingerprint = new SecretText(TOKEN).fingerprint();
    assert.deepEqual(reports.reports, [
      { token: 'pik', fingerprint, status: 401, caller: 'payments/checkout' },
      { token: 'b2b2c/ayu_1', fingerprint, status: 403, caller: 'payments/checkout' },
    ]);
  });

  for (const { what, sent, status } of [
    { what: 'no JSON', sent: { body: '{"sha256": access-canary' }, status: 400 },
    { what: 'an empty body', sent: { body: '' }, status: 400 },
    { what: 'a list', sent: { body: [REPORT] }, status: 400 },
    { what: 'the token itself', sent: { body: { sha256: TOKEN, status: 401 } }, status: 400 },
    { what: 'an unknown field', sent: { body: { ...REPORT, access_token: TOKEN } }, status: 400 },
    {
      what: 'a status that says nothing of the token',
      sent: { body: { ...REPORT, status: 429 } },
      status: 400,
    },
    { what: 'a prototype', sent: { body: '{"__proto__": {"sha256": "access-canary"}}' }, status: 400 },
    { what: 'more than a kilobyte', sent: { body: { ...REPORT, more: TOKEN.repeat(99) } }, status: 413 },
    { what: 'a text', sent: { headers: { 'content-type': 'text/plain' } }, status: 415 },
    {
      what: 'a form',
      sent: { headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      status: 415,
    },
    { what: 'GET', sent: { method: 'GET' }, status: 405 },
    { what: 'DELETE', sent: { method: 'DELETE' }, status: 405 },
    { what: 'another path', sent: { path: '/v1/tokens/access-canary' }, status: 404 },
    { what: 'a path with too many parts', sent: { path: '/v1/tokens/a/b/c/rejections' }, status: 404 },
    { what: 'a broken path', sent: { path: '/v1/tokens/canary%E0%A4%A/rejections' }, status: 400 },
    { what: 'a wait that is none', sent: { path: '/v1/tokens/pik/rejections?wait=canary' }, status: 400 },
    { what: 'a wait that is too long', sent: { path: '/v1/tokens/pik/rejections?wait=31s' }, status: 400 },
    { what: 'two waits', sent: { path: '/v1/tokens/pik/rejections?wait=1s&wait=2s' }, status: 400 },
    { what: 'no bearer token', sent: { headers: { authorization: 'Basic canary' } }, status: 401 },
    {
      what: 'a token that it may not report',
      sent: { path: '/v1/tokens/secret-provider/rejections' },
      status: 403,
    },
  ] satisfies readonly { what: string; sent: Sent; status: number }[])
    it(`answers ${status} to ${what}, and reports nothing`, async (t) => {
      const { reports, faults, send } = await start(t);
      const received = await send(sent);
      assert.equal(received.status, status);
      assert.equal(typeof received.body['error'], 'string');
      assert.deepEqual(reports.reports, []);
      assert.deepEqual(faults, []);
    });

  it('says what is allowed with a method that is not', async (t) => {
    const { server } = await start(t);
    const response = await fetch(`${server.url}/v1/tokens/pik/rejections`);
    assert.equal(response.headers.get('allow'), 'POST');
  });

  it('answers 401 to a caller whom nobody knows, and 503 while that cannot be found out', async (t) => {
    const answers: Authentication[] = [{ kind: 'refused' }, { kind: 'unavailable', retryAfterMs: 5_000 }];
    const asked: string[] = [];
    const { reports, send } = await start(t, {
      authenticate: async (bearer) => {
        asked.push(bearer.reveal());
        return answers.shift() ?? CALLER;
      },
    });
    assert.equal((await send()).status, 401);
    const unavailable = await send();
    assert.equal(unavailable.status, 503);
    assert.equal(unavailable.retryAfter, '5');
    assert.deepEqual(reports.reports, []);
    assert.equal((await send()).status, 202);
    assert.deepEqual(asked, ['caller-canary', 'caller-canary', 'caller-canary']);
  });

  it('lets one caller report so many times at once and 50 times a second, and others as well', async (t) => {
    let name = 'payments/checkout';
    const { clock, reports, send } = await start(t, {
      burst: 10,
      authenticate: async () => ({ kind: 'caller', name, mayReport: () => true }),
    });
    await Promise.all(Array.from({ length: 10 }, () => send()));
    const late = await send();
    assert.deepEqual([late.status, late.retryAfter], [429, '1']);
    name = 'payments/other';
    assert.equal((await send()).status, 202);
    name = 'payments/checkout';
    await clock.advance(100);
    const answers = await Promise.all(Array.from({ length: 9 }, () => send()));
    assert.equal(answers.filter(({ status }) => status === 202).length, 5);
    assert.equal(reports.reports.length, 16);
  });

  it('waits for the outcome as long as it is told to, and then says how it is', async (t) => {
    const { clock, reports, send } = await start(t);
    const path = '/v1/tokens/pik/rejections?wait=5s';
    const patient = send({ path });
    await until(() => reports.waiting === 1);
    await clock.advance(5_000);
    assert.equal((await patient).status, 202);
    const lucky = send({ path });
    await until(() => reports.waiting === 1);
    reports.endRefresh();
    assert.equal((await lucky).status, 200);
    assert.equal(reports.reports.length, 2);
    assert.deepEqual(clock.pendingDelaysMs, [], 'no wait is left behind');
  });

  it('waits for nothing that is not under way', async (t) => {
    const { reports, send } = await start(t);
    reports.answer = { kind: 'decided', verdict: { kind: 'blocked', reason: 'budget', retryAfterMs: 9_000 } };
    assert.equal((await send({ path: '/v1/tokens/pik/rejections?wait=30s' })).status, 429);
  });

  it('frees what it has for a caller that goes away while it waits', async (t) => {
    const { clock, reports, server } = await start(t);
    const sent = httpRequest(`${server.url}/v1/tokens/pik/rejections?wait=30s`, {
      method: 'POST',
      headers: { authorization: 'Bearer caller-canary', 'content-type': 'application/json' },
    });
    sent.on('error', () => undefined);
    sent.end(JSON.stringify(REPORT));
    await until(() => reports.waiting === 1);
    sent.destroy();
    await until(() => reports.waiting === 0);
    await until(() => clock.pendingDelaysMs.length === 0);
  });

  it('takes it for no bug when a caller goes away before it is known who that is', async (t) => {
    const asked = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<void>();
    const { reports, faults, server, send } = await start(t, {
      authenticate: async (bearer, signal) => {
        if (bearer.reveal() === 'caller-canary') return CALLER;
        asked.resolve();
        await once(signal, 'abort');
        ended.resolve();
        signal.throwIfAborted();
        return CALLER;
      },
    });
    const sent = httpRequest(`${server.url}/v1/tokens/pik/rejections`, {
      method: 'POST',
      headers: { authorization: 'Bearer hasty', 'content-type': 'application/json' },
    });
    sent.on('error', () => undefined);
    sent.end(JSON.stringify(REPORT));
    await asked.promise;
    sent.destroy();
    await ended.promise;
    assert.equal((await send()).status, 202);
    assert.deepEqual(faults, []);
    assert.equal(reports.reports.length, 1);
  });

  it('answers the one that has waited longest when too many wait, and closes nobody', async (t) => {
    const { reports, send } = await start(t, { maxWaiting: 2 });
    const path = '/v1/tokens/pik/rejections?wait=30s';
    const first = send({ path });
    await until(() => reports.waiting === 1);
    const others = [send({ path })];
    await until(() => reports.waiting === 2);
    others.push(send({ path }));
    assert.equal((await first).status, 202);
    assert.equal(reports.waiting, 2);
    reports.endRefresh();
    assert.deepEqual(await Promise.all(others.map(async (answer) => (await answer).status)), [200, 200]);
  });

  it('answers as many at once as one caller may send', async (t) => {
    const allAsked = Promise.withResolvers<void>();
    let asked = 0;
    const { clock, reports, send } = await start(t, {
      authenticate: async () => {
        asked += 1;
        if (asked === 1_000) allAsked.resolve();
        await allAsked.promise;
        return CALLER;
      },
    });
    const path = '/v1/tokens/pik/rejections?wait=30s';
    const sent: Promise<Received>[] = [];
    // All wait at once, and none is on its way for so long that the server's limit for a request ends it.
    while (sent.length < 1_000) {
      sent.push(...Array.from({ length: 100 }, () => send({ path })));
      await until(() => asked === sent.length);
    }
    await until(() => reports.reports.length === 1_000);
    await clock.advance(30_000);
    const statuses = (await Promise.all(sent)).map(({ status }) => status);
    assert.deepEqual(new Set(statuses), new Set([202]));
  });

  it('keeps no connection of a caller that was answered', async (t) => {
    const { server } = await start(t);
    const response = await fetch(`${server.url}/v1/tokens/pik/rejections`);
    assert.equal(response.headers.get('connection'), 'close');
  });

  it('ends at once with callers that wait', async (t) => {
    const { reports, server, send } = await start(t);
    const waiting = send({ path: '/v1/tokens/pik/rejections?wait=30s' });
    const failed = assert.rejects(waiting);
    await until(() => reports.waiting === 1);
    await server.stop();
    await failed;
    await until(() => reports.waiting === 0);
  });

  it('tells of a bug, and shows nothing of it', async (t) => {
    const { faults, send } = await start(t, {
      authenticate: () => Promise.reject(new TypeError('a canary in a bug')),
    });
    const received = await send();
    assert.deepEqual(received, {
      status: 500,
      retryAfter: null,
      body: { error: 'internal error, see the log' },
    });
    assert.equal(faults.length, 1);
  });
});

describe('a replica that stands by', () => {
  it('passes on what it has understood of a report, and the answer back', async (t) => {
    const passed: PassedReport[] = [];
    const { reports, send } = await start(t, {
      findLeader: () => ({
        name: 'token-refresher-7d4f',
        reach: undefined,
        pass: async (report) => {
          passed.push(report);
          return { status: 429, retryAfter: '12', body: '{"reason":"budget","retry_after":12}' };
        },
      }),
    });
    reports.isLeading = false;
    assert.deepEqual(await send({ path: '/v1/tokens/pik/rejections?wait=5s' }), {
      status: 429,
      retryAfter: '12',
      body: { reason: 'budget', retry_after: 12 },
    });
    assert.deepEqual(
      passed.map(({ bearer, ...report }) => ({ ...report, bearer: bearer?.reveal() })),
      [
        {
          path: '/v1/tokens/pik/rejections?wait=5000ms',
          waitMs: 5_000,
          bearer: 'caller-canary',
          body: JSON.stringify(REPORT),
        },
      ],
    );
    assert.equal((await send({ body: { sha256: 'canary' } })).status, 400);
    assert.equal(passed.length, 1, 'what makes no sense goes no further');
  });

  for (const { target, path } of [
    { target: 'http://evil.example/v1/tokens/pik/rejections', path: '/v1/tokens/pik/rejections' },
    {
      target: 'http://a:b@169.254.169.254:80/v1/tokens/pik/ayu/rejections?wait=1s&to=evil',
      path: '/v1/tokens/pik/ayu/rejections?wait=1000ms',
    },
    { target: '/v1/tokens/%70ik/a%2Fb%3F%23/rejections', path: '/v1/tokens/pik/a%2Fb%3F%23/rejections' },
  ])
    it(`passes ${target} on to the leader and to no other host`, async (t) => {
      const passed: string[] = [];
      const { reports, server } = await start(t, {
        findLeader: () => ({
          name: 'leader',
          reach: undefined,
          pass: async ({ path: to }) => {
            passed.push(to);
            return { status: 202, retryAfter: '2', body: '{}' };
          },
        }),
      });
      reports.isLeading = false;
      const { port } = server;
      const headers = { authorization: 'Bearer caller-canary', 'content-type': 'application/json' };
      const sent = httpRequest({ host: '127.0.0.1', port, method: 'POST', path: target, headers });
      sent.end(JSON.stringify(REPORT));
      const [response] = await once(sent, 'response');
      response.resume();
      assert.equal(response.statusCode, 202);
      assert.deepEqual(passed, [path]);
    });

  for (const target of ['/v1/tokens/./pik/rejections', '/v1/tokens/x/%2E%2E/rejections'])
    it(`knows no token at ${target}, as the leader does, which would be asked about another one`, async (t) => {
      const { reports, server } = await start(t, {
        findLeader: () => ({ name: 'leader', reach: undefined, pass: () => assert.fail('passed on') }),
      });
      reports.isLeading = false;
      const { port } = server;
      const headers = { authorization: 'Bearer caller-canary', 'content-type': 'application/json' };
      const sent = httpRequest({ host: '127.0.0.1', port, method: 'POST', path: target, headers });
      sent.end(JSON.stringify(REPORT));
      const [response] = await once(sent, 'response');
      response.resume();
      assert.equal(response.statusCode, 404);
    });

  it('gives up the report that has waited longest for a leader when too many wait', async (t) => {
    const { reports, send } = await start(t, {
      maxWaiting: 2,
      findLeader: () => ({
        name: 'leader',
        reach: undefined,
        pass: (_, signal) =>
          new Promise((resolve) => signal.addEventListener('abort', () => resolve(undefined))),
      }),
    });
    reports.isLeading = false;
    const sent = Array.from({ length: 3 }, () => send().then(({ status }) => status));
    assert.equal(await Promise.race(sent), 503);
    for (const failed of sent) failed.catch(() => undefined);
  });

  it('does not wait a second time at the next leader when its term ends while a report waits', async (t) => {
    const passed: PassedReport[] = [];
    const { reports, send } = await start(t, {
      findLeader: () => ({
        name: 'leader',
        reach: undefined,
        pass: async (report) => {
          passed.push(report);
          return { status: 202, retryAfter: '2', body: '{}' };
        },
      }),
    });
    const waiting = send({ path: '/v1/tokens/pik/rejections?wait=30s' });
    await until(() => reports.waiting === 1);
    reports.endRefresh();
    reports.answer = { kind: 'standby' };
    assert.equal((await waiting).status, 202);
    assert.deepEqual(
      passed.map(({ path, waitMs }) => [path, waitMs]),
      [['/v1/tokens/pik/rejections', 0]],
    );
  });

  it('says who leads where it cannot pass a report on, and when to try again', async (t) => {
    const leader = {
      name: 'token-refresher-7d4f',
      reach: 'kubectl port-forward pod/token-refresher-7d4f 8080',
    };
    for (const findLeader of [
      () => leader,
      () => ({ ...leader, pass: async () => undefined }),
    ] satisfies RejectionServerOptions['findLeader'][]) {
      const { reports, send } = await start(t, { findLeader });
      reports.isLeading = false;
      const { status, retryAfter, body } = await send();
      assert.deepEqual([status, retryAfter], [503, '2']);
      assert.match(String(body['error']), /token-refresher-7d4f leads.*kubectl port-forward/);
    }
  });

  it('passes on nothing that was passed on, and nothing while nobody leads', async (t) => {
    const { reports, send } = await start(t, {
      findLeader: () => ({ name: 'other', reach: undefined, pass: () => assert.fail('passed on') }),
    });
    reports.isLeading = false;
    const twice = await send({ headers: { 'x-token-refresher-passed-on': '1' } });
    assert.equal(twice.status, 503);
    const alone = await start(t);
    alone.reports.isLeading = false;
    assert.match(String((await alone.send()).body['error']), /no replica is known to lead/);
  });
});

describe('the port for reports', () => {
  it('says which setting to change when it is taken', async (t) => {
    const { server } = await start(t);
    await assert.rejects(start(t, { port: server.port }), /rejections\.port/);
  });
});
