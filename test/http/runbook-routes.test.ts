import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { readRunbook } from '../../src/adapters/runbook-file.ts';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createHealth } from '../../src/http/health.ts';
import { type HttpServer, startHttpServer } from '../../src/http/server.ts';
import { RunbookPages } from '../../src/status/runbook-pages.ts';

const running: HttpServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function ask(path: string, method = 'GET') {
  const server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    clock: createSystemClock(),
    health: createHealth(() => []),
    metrics: { text: async () => 'up 1\n', contentType: 'text/plain' },
    runbook: new RunbookPages(readRunbook()),
    onFault: (error) => {
      throw error;
    },
  });
  running.push(server);
  const response = await fetch(`${server.url}${path}`, { method });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

describe('the runbook on the port', () => {
  for (const [path, status, says] of [
    ['/runbook', 200, /href="runbook\/TokenExpired"/],
    ['/runbook/', 200, /href="runbook\/TokenExpired"/],
    ['/runbook/TokenExpired', 200, /<h1>TokenExpired<\/h1>/],
    ['/runbook/store-denied?from=slack', 200, /<h1>store-denied<\/h1>/],
    ['/runbook/nonsense', 404, /href="..\/runbook\/TokenExpired"/],
    ['/runbook/%3Cscript%3E', 404, /No such page/],
    [`/runbook/${'x'.repeat(5_000)}`, 404, /No such page/],
    ['/runbook/a/b', 404, /not found, there are .*\/runbook/],
    ['/runbook/%E0%A4%A', 400, /^\{"error":"the path is not valid: % must/],
  ] as const) {
    it(`answers ${path.slice(0, 40)} with ${status}`, async () => {
      const answer = await ask(path);
      assert.equal(answer.status, status);
      assert.match(answer.body, says);
    });
  }

  it('sends the policy that forbids scripts', async () => {
    const { headers } = await ask('/runbook/TokenExpired');
    assert.match(headers.get('content-security-policy') ?? '', /^default-src 'none'; style-src 'sha256-/);
    assert.equal(headers.get('content-type'), 'text/html; charset=utf-8');
  });

  it('takes GET and HEAD alone', async () => {
    assert.equal((await ask('/runbook', 'POST')).status, 405);
    assert.equal((await ask('/runbook/TokenExpired', 'POST')).status, 405);
    assert.equal((await ask('/runbook/a/b', 'POST')).status, 404);
    assert.deepEqual(await ask('/runbook/TokenExpired', 'HEAD').then(({ status, body }) => [status, body]), [
      200,
      '',
    ]);
  });
});
