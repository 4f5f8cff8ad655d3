import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { get } from 'node:http';
import { connect, Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createHealth } from '../../src/http/health.ts';
import { type HttpLimits, type HttpServer, startHttpServer } from '../../src/http/server.ts';
import type { StatusSource } from '../../src/http/status-routes.ts';
import { addCustomers, createStatusStage } from '../support/status-stage.ts';

const PROBE = 'GET /livez HTTP/1.1\r\nhost: x\r\n\r\n';

interface Setting {
  readonly limits?: Partial<HttpLimits>;
  readonly metrics?: () => Promise<string>;
  readonly status?: StatusSource;
}

async function start(t: TestContext, { limits = {}, metrics, status }: Setting = {}): Promise<HttpServer> {
  const health = createHealth(() => []);
  health.configurationLoaded();
  health.storeRead();
  const server = await startHttpServer({
    host: '127.0.0.1',
    port: 0,
    clock: createSystemClock(),
    health,
    metrics: { text: metrics ?? (async () => 'up 1\n'), contentType: 'text/plain' },
    onFault: (error) => {
      throw error;
    },
    limits,
    ...(status === undefined ? {} : { status }),
  });
  t.after(() => server.stop());
  return server;
}

interface Caller {
  readonly socket: Socket;
  /** What came so far. */
  answer(): string;
  /** Resolves when the server has closed the connection, in whatever way. */
  readonly closed: Promise<void>;
}

/** Connects and sends bytes as they are; one that does not read takes nothing from the kernel. */
async function call(t: TestContext, { port }: HttpServer, bytes = '', reads = true): Promise<Caller> {
  const socket = connect({ port, host: '127.0.0.1' });
  t.after(() => socket.destroy());
  let answer = '';
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (reads) socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  else socket.pause();
  if (bytes !== '') socket.write(bytes);
  return { socket, closed, answer: () => answer };
}

async function untilAnswered(caller: Caller, count = 1): Promise<void> {
  while (caller.answer().split('HTTP/1.1 200').length <= count) await once(caller.socket, 'data');
}

/** On a connection of its own, as kubelet does it; 0 when it was closed unheard. */
async function probe({ url }: HttpServer, path: string): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  get(`${url}${path}`, { agent: false }, (response) => {
    response.resume().once('end', () => resolve(response.statusCode ?? 0));
  }).on('error', () => resolve(0));
  return promise;
}

/** The server's ends of connections, as they come: who does not read is not told that the other end is gone. */
function watchServerSockets(t: TestContext): readonly Socket[] {
  const sockets: Socket[] = [];
  const take = (message: unknown): void => {
    if (typeof message !== 'object' || message === null || !('socket' in message)) return;
    if (message.socket instanceof Socket) sockets.push(message.socket);
  };
  subscribe('net.server.socket', take);
  t.after(() => unsubscribe('net.server.socket', take));
  return sockets;
}

/** Lets the server go on until something is so; a test that runs out of time ends it. */
async function untilSo({ signal }: TestContext, isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    signal.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function assertProbesAnswer(server: HttpServer): Promise<void> {
  assert.equal(await probe(server, '/livez'), 200);
  assert.equal(await probe(server, '/readyz'), 200);
}

/** Hundreds of each, as many as an issue of this project wants to see. */
const MANY = 500;

describe('a server with hundreds of callers that do not behave', () => {
  it('answers probes on 500 idle and 500 slow connections, with its own limits', async (t) => {
    const stage = createStatusStage();
    addCustomers(stage, 200);
    const server = await start(t, { status: stage.pages });
    const unread = ['/', '/status.json?size=200', '/?size=200', '/metrics'].map(
      (path) => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`,
    );
    for (let n = 0; n < MANY; n += 1) {
      await call(t, server, n % 2 === 0 ? '' : PROBE);
      await (n % 2 === 0
        ? call(t, server, PROBE.slice(0, 1 + (n % 20)))
        : call(t, server, unread[((n - 1) / 2) % unread.length], false));
      if (n % 100 === 99) await assertProbesAnswer(server);
    }
  });

  it('lets a newcomer in for whoever has been idle or slow for longest, and keeps the others', async (t) => {
    const server = await start(t, { limits: { maxConnections: 3 } });
    const kept = await call(t, server, PROBE);
    await untilAnswered(kept);
    const silent = await call(t, server);
    const slow = await call(t, server, 'GET /li');
    kept.socket.write(PROBE);
    await untilAnswered(kept, 2);
    const newcomer = await call(t, server, PROBE);
    await untilAnswered(newcomer);
    await silent.closed;
    assert.equal(slow.socket.closed, false);
    await untilAnswered(await call(t, server, PROBE));
    await slow.closed;
    newcomer.socket.write(PROBE);
    await untilAnswered(newcomer, 2);
    kept.socket.write(PROBE);
    await untilAnswered(kept, 3);
  });

  it('makes a limited number of answers at a time: the one that was asked for first is given up', async (t) => {
    const asked: (() => void)[] = [];
    const server = await start(t, {
      limits: { maxAnswers: 2 },
      metrics: () => new Promise((resolve) => asked.push(() => resolve('up 1\n'))),
    });
    const callers: Caller[] = [];
    for (let n = 0; n < 3; n += 1)
      callers.push(await call(t, server, 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'));
    const [first, second, third] = callers;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    await first.closed;
    assert.equal(first.answer(), '');
    for (const answer of asked) answer();
    await untilAnswered(second);
    await untilAnswered(third);
  });

  it('gives up an answer that nobody takes', async (t) => {
    // More than the kernel takes without being read.
    const text = 'x'.repeat(32_000_000);
    const server = await start(t, { limits: { stalledMs: 50 }, metrics: async () => text });
    const sockets = watchServerSockets(t);
    const reader = await call(t, server, 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n', false);
    await untilSo(t, () => sockets.length > 0);
    const [socket] = sockets;
    assert.ok(socket !== undefined);
    if (!socket.closed) await once(socket, 'close');
    let taken = 0;
    reader.socket.on('data', (bytes: Buffer) => {
      taken += bytes.length;
    });
    reader.socket.resume();
    await reader.closed;
    assert.ok(taken < text.length, `${taken} bytes`);
  });

  it('closes a connection on which further requests come before the answer', async (t) => {
    let scrapes = 0;
    const server = await start(t, {
      metrics: async () => {
        scrapes += 1;
        return 'up 1\n';
      },
    });
    const hasty = await call(t, server, 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(1000));
    await hasty.closed;
    assert.ok(scrapes <= 1, `${scrapes} scrapes`);
  });

  for (const { name, bytes } of [
    { name: 'says nothing', bytes: '' },
    { name: 'does not end its first line', bytes: 'GET /li' },
    { name: 'does not end its headers', bytes: 'GET /livez HTTP/1.1\r\nhost: x\r\nslow: ' },
    {
      name: 'does not send the body that it announced',
      bytes: 'GET /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{',
    },
    { name: 'begins another request and does not end it', bytes: `${PROBE}GET /li` },
  ]) {
    // Node's own limits would close it after a minute.
    it(`closes a connection that ${name}`, { timeout: 55_000 }, async (t) => {
      const limits = { requestTimeoutMs: 50, lookEveryMs: 10, stalledMs: 600_000 };
      const caller = await call(t, await start(t, { limits }), bytes);
      await caller.closed;
      assert.match(caller.answer(), /HTTP\/1\.1 408 /);
    });
  }

  it('keeps what the kernel of a reader does not take for a limited number of answers only', async (t) => {
    const text = 'x'.repeat(32_000_000);
    const sockets = watchServerSockets(t);
    const server = await start(t, { limits: { maxAnswers: 2 }, metrics: async () => text });
    for (let n = 0; n < 6; n += 1) {
      await call(t, server, 'GET /metrics HTTP/1.1\r\nhost: x\r\n\r\n', false);
      await untilSo(t, () => (sockets[n]?.writableLength ?? 0) > 0);
    }
    for (const socket of sockets.slice(0, 4)) if (!socket.closed) await once(socket, 'close');
    assert.deepEqual(
      sockets.map(({ closed }) => closed),
      [true, true, true, true, false, false],
    );
    await assertProbesAnswer(server);
  });
});
