import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createHealth } from '../../src/http/health.ts';
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../src/http/server.ts';

const running: HttpServer[] = [];
afterEach(async () => {
  for (const server of running.splice(0)) await server.stop();
});

async function start(changes: Partial<HttpServerOptions> = {}): Promise<HttpServer> {
  const server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    clock: createSystemClock(),
    health: createHealth(() => []),
    metrics: { text: async () => 'up 1\n', contentType: 'text/plain; version=0.0.4; charset=utf-8' },
    onFault: (error) => {
      throw error;
    },
    ...changes,
  });
  running.push(server);
  return server;
}

/** Sends bytes as they are and collects the answer until the server closes, or until `enough`. */
async function talk(
  { port }: HttpServer,
  bytes: string,
  enough: (answer: string) => boolean = () => false,
): Promise<{ socket: Socket; answer: string }> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('utf8');
  let answer = '';
  const ended = new Promise<void>((resolve) => {
    socket.on('data', (text: string) => {
      answer += text;
      if (enough(answer)) resolve();
    });
    socket.on('close', () => resolve());
    socket.on('error', () => resolve());
  });
  await once(socket, 'connect');
  socket.write(bytes);
  await ended;
  return { socket, answer };
}

describe('startHttpServer', () => {
  it('answers for liveness and readiness with reasons', async () => {
    const stuck: string[] = [];
    const health = createHealth(() => stuck);
    const { url } = await start({ health });
    const probe = async (path: string) => {
      const response = await fetch(`${url}${path}`);
      return { status: response.status, body: await response.json() };
    };
    assert.deepEqual(await probe('/livez'), { status: 200, body: { ok: true, reasons: [] } });
    assert.equal((await probe('/readyz')).status, 503);
    health.configurationLoaded();
    health.storeRead();
    assert.deepEqual(await probe('/readyz'), { status: 200, body: { ok: true, reasons: [] } });
    health.stopping();
    assert.deepEqual(await probe('/readyz?verbose'), {
      status: 503,
      body: { ok: false, reasons: ['stopping'] },
    });
    assert.equal((await probe('/livez')).status, 200);
    stuck.push('no tick for 90 s');
    assert.deepEqual(await probe('/livez'), {
      status: 503,
      body: { ok: false, reasons: ['no tick for 90 s'] },
    });
  });

  it('serves metrics under their media type', async () => {
    const { url } = await start();
    const response = await fetch(`${url}/metrics`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(response.headers.get('cache-control'), 'no-store');
    assert.equal(await response.text(), 'up 1\n');
  });

  for (const path of ['/livez', '/readyz', '/metrics']) {
    it(`answers HEAD ${path} without a body`, async () => {
      const { url } = await start();
      const [head, get] = [await fetch(`${url}${path}`, { method: 'HEAD' }), await fetch(`${url}${path}`)];
      assert.equal(head.status, get.status);
      assert.equal(await head.text(), '');
      assert.equal(head.headers.get('content-type'), get.headers.get('content-type'));
    });
  }

  for (const { method, path, status, allow } of [
    { method: 'GET', path: '/', status: 404, allow: null },
    { method: 'GET', path: '/metrics/', status: 404, allow: null },
    { method: 'GET', path: '/METRICS', status: 404, allow: null },
    { method: 'POST', path: '/nothing', status: 404, allow: null },
    { method: 'POST', path: '/metrics', status: 405, allow: 'GET, HEAD' },
    { method: 'DELETE', path: '/livez?now', status: 405, allow: 'GET, HEAD' },
    { method: 'OPTIONS', path: '/readyz', status: 405, allow: 'GET, HEAD' },
  ]) {
    it(`refuses ${method} ${path} with ${status} and says why in JSON`, async () => {
      const { url } = await start();
      const response = await fetch(`${url}${path}`, { method });
      assert.equal(response.status, status);
      assert.equal(response.headers.get('allow'), allow);
      assert.deepEqual(Object.keys(Object(await response.json())), ['error']);
    });
  }

  it('refuses a large body without reading it, and closes the connection', async () => {
    const server = await start();
    const { answer } = await talk(
      server,
      'POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1000000000\r\n\r\n{',
    );
    assert.match(answer, /^HTTP\/1\.1 405 /);
    assert.match(answer, /\r\nconnection: close\r\n/i);
  });

  it('refuses large headers', async () => {
    const server = await start();
    const { answer } = await talk(
      server,
      `GET /livez HTTP/1.1\r\nhost: x\r\npadding: ${'x'.repeat(20_000)}\r\n\r\n`,
    );
    assert.match(answer, /^HTTP\/1\.1 431 /);
  });

  it('answers a broken address with 400', async () => {
    const { url } = await start();
    assert.equal((await fetch(`${url}/%zz`)).status, 400);
  });

  it('tells a bug to the log and not to the client', async () => {
    const faults: unknown[] = [];
    const bug = new Error('canary');
    const { url } = await start({
      metrics: { text: () => Promise.reject(bug), contentType: 'text/plain' },
      onFault: (error) => faults.push(error),
    });
    const response = await fetch(`${url}/metrics`);
    assert.equal(response.status, 500);
    assert.deepEqual(await response.json(), { error: 'internal error, see the log' });
    assert.deepEqual(faults, [bug]);
  });

  it('stops at once: kept and busy connections are closed, the port is free, a second stop is quiet', async () => {
    let scraped = (): void => undefined;
    const busy = new Promise<void>((resolve) => {
      scraped = resolve;
    });
    const server = await start({
      metrics: {
        contentType: 'text/plain',
        text: () => {
          scraped();
          return new Promise(() => undefined);
        },
      },
    });
    const kept = await talk(server, 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n', (answer) =>
      answer.includes('}'),
    );
    const keptClosed = once(kept.socket, 'close');
    const scrape = talk(server, 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n');
    await busy;
    await server.stop();
    await keptClosed;
    assert.equal((await scrape).answer, '');
    await server.stop();
    const again = await start({ port: server.port });
    assert.equal(again.port, server.port);
  });

  it('says which port is in use and what to do', async () => {
    const { port } = await start();
    await assert.rejects(start({ port }), {
      message: `cannot listen on 127.0.0.1 port ${port}: another program does; stop it or set http.port to a free port (0 picks one)`,
    });
  });

  it('says that a host is not ours', async () => {
    await assert.rejects(start({ host: '192.0.2.1' }), {
      message:
        'cannot listen on 192.0.2.1 port 0: this machine does not have that address; ' +
        'set http.host to one of its own, 127.0.0.1 or ::',
    });
  });
});
