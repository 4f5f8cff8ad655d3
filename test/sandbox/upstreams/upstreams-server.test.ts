import assert from 'node:assert/strict';
import { request as sendRequest } from 'node:http';
import { before, describe, it } from 'node:test';
import { isJsonObject, type JsonObject, parseJson } from '../../../src/core/wire/json.ts';
import type { ProviderFault } from '../../../src/sandbox/fault.ts';
import { createTokenRequests } from '../../support/token-requests.ts';
import { createUpstreamsBench, type UpstreamsBench } from '../../support/upstreams-bench.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** False when the connection ended before the body did. */
  readonly isComplete: boolean;
}

/** The documented request of a kind, sent over a connection of its own. */
async function ask(
  { server, clock, credentials }: UpstreamsBench,
  kind: 'pik' | 'pivot' | 'paysecurez',
  signal?: AbortSignal,
): Promise<Answer> {
  const { path, headers, body } = createTokenRequests(credentials, clock.now())[kind];
  return exchange(`${server.baseUrlOf(kind)}${path}`, 'POST', Object.fromEntries(headers), body, signal);
}

function exchange(
  url: string,
  method: string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
  signal?: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { method, headers, agent: false, ...(signal === undefined ? {} : { signal }) };
    const request = sendRequest(url, options, (response) => {
      let text = '';
      const finish = (): void =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text,
          isComplete: response.complete,
        });
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', finish);
      response.on('end', finish);
    });
    request.on('error', reject);
    request.end(body);
  });
}

describe('the upstreams server', () => {
  let open: Awaited<ReturnType<typeof createUpstreamsBench>>;
  before(async () => {
    open = await createUpstreamsBench();
  });

  it('serves each provider under its own prefix and dates answers by the clock', async (t) => {
    const bench = await open(t);
    assert.match(bench.server.baseUrlOf('pik'), /^http:\/\/127\.0\.0\.1:\d+\/pik$/);
    const answer = await ask(bench, 'paysecurez');
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['date'], 'Sat, 21 Nov 2026 12:00:00 GMT');
    assert.match(answer.body, /"expires_in":1800/);
  });

  it('names the providers to whoever asks elsewhere', async (t) => {
    const { server } = await open(t);
    const answer = await exchange(`${server.origin}/bank/token`, 'POST');
    assert.equal(answer.status, 404);
    assert.match(answer.body, /"pivot-b2b2c"/);
  });

  const distortedAnswers: readonly (readonly [ProviderFault, number, RegExp])[] = [
    [{ fault: 'status', status: 503, retryAfter: undefined }, 503, /^\{"statusCode":503,/],
    [{ fault: 'status', status: 301, retryAfter: undefined }, 301, /^\{"statusCode":301,/],
    [{ fault: 'envelope-error', status: 401 }, 200, /^\{"statusCode":401,/],
    [{ fault: 'echo' }, 400, /^\{"statusCode":400,"message":"bad request: .*client_secret/],
    [{ fault: 'malformed' }, 200, /^\{"status":"ok"\}$/],
    [{ fault: 'not-json' }, 200, /^<!doctype html>/],
    [{ fault: 'oversize' }, 200, /^\{"access_token":"[^"]+".*\} {1048576}$/],
    [{ fault: 'wrong-credentials' }, 401, /Invalid client credentials/],
    [{ fault: 'lifetime', lifetimeMs: 30_000 }, 200, /"expires_in":30,/],
    [{ fault: 'expiry', expiry: 'zero' }, 200, /"expires_in":0,/],
  ];
  for (const [effect, status, body] of distortedAnswers) {
    it(`answers ${status} to ${JSON.stringify(effect)}`, async (t) => {
      const bench = await open(t);
      bench.breakProvider('paysecurez', effect);
      const answer = await ask(bench, 'paysecurez');
      assert.equal(answer.status, status);
      assert.match(answer.body, body);
    });
  }

  const patience = [
    ['seconds', '30'],
    ['date', 'Sat, 21 Nov 2026 12:00:30 GMT'],
    ['body', undefined],
  ] as const;
  for (const [form, header] of patience) {
    it(`asks for patience as ${form}`, async (t) => {
      const bench = await open(t);
      bench.breakProvider('paysecurez', { fault: 'status', status: 429, retryAfter: { form, seconds: 30 } });
      assert.equal((await ask(bench, 'paysecurez')).headers['retry-after'], header);
    });
  }

  it('redirects to the given port', async (t) => {
    const bench = await open(t);
    bench.breakProvider('pik', { fault: 'redirect', status: 302, port: 8080 });
    const answer = await ask(bench, 'pik');
    assert.equal(answer.status, 302);
    assert.equal(answer.headers['location'], 'http://127.0.0.1:8080/_sandbox/redirected');
  });

  it('cuts an answer in the middle', async (t) => {
    const bench = await open(t);
    bench.breakProvider('pik', { fault: 'truncated' });
    const answer = await ask(bench, 'pik');
    assert.equal(answer.status, 200);
    assert.equal(answer.isComplete, false);
    assert.equal(answer.body.length, Math.floor(Number(answer.headers['content-length']) / 2));
  });

  it('resets a connection without issuing a token', async (t) => {
    const bench = await open(t);
    bench.breakProvider('pik', { fault: 'reset' });
    await assert.rejects(ask(bench, 'pik'), { code: 'ECONNRESET' });
    assert.deepEqual(bench.issued, []);
  });

  it('loses an answer after issuing a token', async (t) => {
    const bench = await open(t);
    bench.breakProvider('pik', { fault: 'lost-answer' });
    await assert.rejects(ask(bench, 'pik'), { code: 'ECONNRESET' });
    assert.equal(bench.issued.length, 1);
  });

  for (const fault of ['slow-headers', 'slow-body'] as const) {
    it(`never finishes an answer with ${fault}, and stops nevertheless`, async (t) => {
      const bench = await open(t);
      bench.breakProvider('pik', { fault });
      const answer = ask(bench, 'pik').then(
        ({ isComplete }) => isComplete,
        () => false,
      );
      await bench.server.requests.untilArrived('pik', 1);
      await bench.server.stop();
      assert.equal(await answer, false);
    });
  }

  it('answers late by the clock, and breaks the late answer if told to', async (t) => {
    const bench = await open(t);
    bench.breakProvider('*', { fault: 'latency', delayMs: 2000 });
    bench.breakProvider('*', { fault: 'status', status: 503, retryAfter: undefined });
    const answer = ask(bench, 'pik');
    await bench.clock.untilSleeping((delayMs) => delayMs === 2000);
    await bench.clock.advance(2000);
    assert.equal((await answer).status, 503);
  });

  it('stops waiting for a client that is gone', async (t) => {
    const bench = await open(t);
    bench.breakProvider('pik', { fault: 'latency', delayMs: 2000 });
    const leaving = new AbortController();
    const answer = ask(bench, 'pik', leaving.signal);
    await bench.clock.untilSleeping();
    leaving.abort();
    await assert.rejects(answer, { name: 'AbortError' });
    while (bench.clock.pendingDelaysMs.length > 0) await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(bench.issued, []);
  });

  it('counts requests and how many it served at a time', async (t) => {
    const bench = await open(t);
    const { requests } = bench.server;
    bench.breakProvider('pik', { fault: 'latency', delayMs: 1000 });
    const answers = [ask(bench, 'pik'), ask(bench, 'pik')];
    await requests.untilArrived('pik', 2);
    await bench.clock.advance(1000);
    await Promise.all(answers);
    bench.faults.clear();
    await ask(bench, 'pik');
    assert.equal(requests.total('pik'), 3);
    assert.equal(requests.maxInFlight('pik'), 2);
    assert.equal(requests.total('pivot'), 0);
    await requests.untilArrived('pik', 3);
  });

  it('drops a connection that sends more than a token request can be', async (t) => {
    const bench = await open(t);
    const url = `${bench.server.baseUrlOf('pik')}/auth/token`;
    await assert.rejects(exchange(url, 'POST', { 'content-type': 'application/json' }, ' '.repeat(100_000)));
  });

  describe('control endpoint', () => {
    const json = { 'content-type': 'application/json' };
    const faultsIn = ({ body }: Answer): unknown => {
      const answer: unknown = parseJson(body);
      assert.ok(isJsonObject(answer));
      return answer['faults'];
    };

    it('adds, lists and removes faults', async (t) => {
      const bench = await open(t);
      const url = `${bench.server.origin}/_sandbox/faults`;
      assert.deepEqual(faultsIn(await exchange(url, 'GET')), []);
      const added = await exchange(url, 'POST', json, '{"fault":"pik:503+90s"}');
      assert.equal(added.status, 201);
      const listed = [{ fault: 'pik:503+90s', isActive: true }];
      assert.deepEqual(faultsIn(added), listed);
      assert.deepEqual(faultsIn(await exchange(url, 'GET')), listed);
      assert.equal((await ask(bench, 'pik')).status, 503);
      assert.deepEqual(faultsIn(await exchange(url, 'DELETE')), []);
      assert.equal((await ask(bench, 'pik')).status, 200);
    });

    const shape = { error: 'expected {"fault": "TARGET:FAULT[=VALUE][@START][+DURATION]"}' };
    const refusals: readonly (readonly [
      string,
      Readonly<Record<string, string>>,
      string,
      number,
      JsonObject,
    ])[] = [
      ['POST', {}, '{"fault":"pik:503"}', 415, { error: 'send content-type: application/json' }],
      ['POST', json, 'pik:503', 400, shape],
      ['POST', json, '{"fault":503}', 400, shape],
      ['POST', json, '{"fault":"pik:503","at":"10s"}', 400, shape],
      [
        'POST',
        json,
        '{"fault":"pick:503"}',
        400,
        {
          error:
            'fault "pick:503": unknown target "pick", did you mean "pik"? ' +
            '(allowed: pik, pivot-b2b, pivot-b2b2c, pivot, apimw, paysecurez, oauth2, http, store, *)',
        },
      ],
      ['PUT', json, '{"fault":"pik:503"}', 405, { error: 'GET, POST or DELETE' }],
    ];
    for (const [method, headers, body, status, expected] of refusals) {
      it(`answers ${status} to ${method} ${body} (${headers['content-type'] ?? 'no content type'})`, async (t) => {
        const bench = await open(t);
        const answer = await exchange(`${bench.server.origin}/_sandbox/faults`, method, headers, body);
        assert.equal(answer.status, status);
        assert.deepEqual(parseJson(answer.body), expected);
        assert.deepEqual(bench.faults.list(), []);
      });
    }
  });
});
