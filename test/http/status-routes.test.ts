import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { SHARED_MS } from '../../src/status/status-pages.ts';
import { buildIdentity } from '../support/sample-events.ts';
import { addCustomers, createStatusStage, type StatusStage } from '../support/status-stage.ts';

async function serve(t: TestContext, stage: StatusStage) {
  const server = await stage.serve();
  t.after(() => server.stop());
  return server;
}

const poll = (url: string, tag: string) => fetch(url, { headers: { 'if-none-match': tag } });

describe('the routes of the status page', () => {
  it('serve the page, the same for programs, and refuse a bad query', async (t) => {
    const stage = createStatusStage();
    stage.refresh(buildIdentity('pik'));
    const { url } = await serve(t, stage);
    const page = await fetch(`${url}/?q=pik`);
    assert.equal(page.status, 200);
    assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
    assert.equal(page.headers.get('cache-control'), 'no-store');
    assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'/);
    assert.match(await page.text(), /<bdi>pik<\/bdi>/);
    const document = await fetch(`${url}/status.json`);
    assert.equal(Object(await document.json()).tokens, 1);
    assert.equal((await fetch(`${url}/status.json?size=1000`)).status, 400);
    assert.equal((await fetch(`${url}/`, { method: 'POST' })).status, 405);
    assert.equal((await fetch(`${url}/`, { method: 'HEAD' })).status, 200);
    assert.equal((await fetch(`${url}/events`)).status, 404);
  });

  it('send a page again when it has changed, and only then', async (t) => {
    const stage = createStatusStage();
    const { url } = await serve(t, stage);
    const tag = (await fetch(url)).headers.get('etag') ?? '';
    const same = await poll(url, tag);
    assert.deepEqual([same.status, same.headers.get('etag'), await same.text()], [304, tag, '']);
    stage.refresh(buildIdentity('pik'));
    await stage.clock.advance(SHARED_MS);
    const changed = await poll(url, tag);
    assert.equal(changed.status, 200);
    assert.notEqual(changed.headers.get('etag'), tag);
    assert.match(await changed.text(), /The one token is good/);
  });

  it('leave room for probes and scrapes however many ask without pause', async (t) => {
    const stage = createStatusStage();
    addCustomers(stage, 200);
    const { url } = await serve(t, stage);
    await (await fetch(`${url}/?size=200`)).text();
    const polls = Array.from({ length: 40 }, async () =>
      (await poll(`${url}/?size=200`, 'W/"another"')).text(),
    );
    let answered = 0;
    for (const each of polls) void each.then(() => (answered += 1));
    for (const path of ['/livez', '/metrics']) assert.equal((await fetch(url + path)).status, 200);
    assert.ok(answered < polls.length, 'pages go one after the other');
    await Promise.all(polls);
  });
});
