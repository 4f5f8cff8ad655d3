import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { LOOK_MS, MOST_READERS, STALLED_MS } from '../../src/status/status-feed.ts';
import { buildIdentity } from '../support/sample-events.ts';
import { addCustomers, createStatusStage, type StatusStage } from '../support/status-stage.ts';

async function serve(t: TestContext, stage: StatusStage) {
  const server = await stage.serve();
  t.after(() => server.stop());
  return server;
}

/** A connection that has asked for the live view and reads nothing of it. */
async function lookWithoutReading(t: TestContext, port: number, search = '') {
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET /events${search} HTTP/1.1\r\nhost: x\r\n\r\n`);
  return socket;
}

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
  });

  it('send what changes for as long as somebody listens', async (t) => {
    const stage = createStatusStage();
    const { url } = await serve(t, stage);
    const closing = new AbortController();
    const response = await fetch(`${url}/events`, { signal: closing.signal });
    assert.equal(response.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const untilSaid = async (what: string): Promise<void> => {
      while (!text.includes(what)) text += (await reader?.read())?.value ?? '';
    };
    await untilSaid('No tokens yet');
    stage.refresh(buildIdentity('pik'));
    await stage.clock.advance(LOOK_MS);
    await untilSaid('The one token is good');
    closing.abort();
    while (stage.clock.pendingDelaysMs.length > 0) await new Promise((resolve) => setImmediate(resolve));
  });

  it('leave room for probes however many look live', async (t) => {
    const stage = createStatusStage();
    const { url, port } = await serve(t, stage);
    for (let n = 0; n < MOST_READERS; n += 1) {
      const socket = await lookWithoutReading(t, port);
      await once(socket.resume(), 'data');
      await stage.clock.advance(LOOK_MS);
    }
    assert.equal((await fetch(`${url}/events`)).status, 503);
    assert.equal((await fetch(`${url}/livez`)).status, 200);
  });

  it('drop a reader that does not read', async (t) => {
    const stage = createStatusStage();
    addCustomers(stage, 200);
    const { port } = await serve(t, stage);
    const socket = await lookWithoutReading(t, port, '?size=200');
    while (stage.clock.pendingDelaysMs.length === 0) await new Promise((resolve) => setImmediate(resolve));
    // What the kernel takes without being read is a few megabytes.
    for (let n = 0; n < 30; n += 1) {
      addCustomers(stage, 200);
      await stage.clock.advance(LOOK_MS);
    }
    await stage.clock.advance(STALLED_MS);
    socket.resume();
    await once(socket, 'close');
    assert.deepEqual(stage.clock.pendingDelaysMs, []);
  });
});
