import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createHttpTransport } from '../../../src/adapters/net/http-transport.ts';
import { createSystemClock } from '../../../src/adapters/system/clock.ts';
import type { Clock } from '../../../src/core/ports.ts';
import { HttpFault } from '../../../src/core/wire/http-call.ts';
import { createAuthority } from '../../support/certificates.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { findFreePort } from '../../support/free-port.ts';
import { needsTool } from '../../support/monitoring-tool.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';
import { startRawServer } from '../../support/raw-server.ts';

const { signal } = new AbortController();
const PASSWORD = 'pass-Zq7vK2';

/** A server behind the proxy, under a name that no DNS knows: whoever reaches it did so through the proxy. */
async function startOrigin(t: TestContext) {
  const root = await createAuthority(t);
  const { key, cert } = root.issue('subjectAltName=DNS:api.origin.test,IP:0.0.0.0');
  const server = createTlsServer({ key, cert }, (request, response) => {
    response.end(JSON.stringify({ url: request.url, headers: request.headers }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  return { port: address.port, ca: root.cert };
}

function send(
  url: string,
  env: Readonly<Record<string, string>>,
  ca?: string,
  clock: Clock = createSystemClock(),
) {
  const transport = createHttpTransport({ clock, readEnv: (name) => env[name], ca });
  return transport.send(
    { method: 'POST', url: new URL(url), headers: { 'x-key': 'secret' }, body: '{}' },
    signal,
  );
}

async function faultOf(work: Promise<unknown>): Promise<HttpFault> {
  const fault = await work.then(
    () => assert.fail('there was an answer'),
    (error: unknown) => error,
  );
  assert.ok(fault instanceof HttpFault, String(fault));
  assert.doesNotMatch(fault.message, /pass-|user:|origin\.test/);
  return fault;
}

/** A proxy that answers each CONNECT with `answer`, and joins it to the origin when that is a success. */
async function startProxy(t: TestContext, answer: string, originPort = 0) {
  const heads: string[] = [];
  const proxy = await startRawServer(t, (socket: Socket) => {
    socket.once('data', (bytes) => {
      heads.push(bytes.toString());
      socket.write(answer);
      if (!answer.startsWith('HTTP/1.1 2')) return;
      const onward = connect(originPort, '127.0.0.1').on('error', () => undefined);
      socket.pipe(onward).pipe(socket);
    });
  });
  return { url: proxy.url.replace('http://', `http://user:${PASSWORD}@`), origin: proxy.url, heads };
}

describe('an https call through a proxy', () => {
  it('goes through a tunnel that the proxy resolves the name for, and tells only the proxy its password', async (t) => {
    const { port, ca } = await startOrigin(t);
    const proxy = await startProxy(t, 'HTTP/1.1 200 Connection established\r\n\r\n', port);
    const answer = await send('https://api.origin.test/token', { HTTPS_PROXY: proxy.url }, ca);
    assert.ok('bytes' in answer.body);
    const seen = JSON.parse(new TextDecoder().decode(answer.body.bytes));
    assert.equal(seen.url, '/token');
    assert.equal(seen.headers['x-key'], 'secret');
    assert.equal(seen.headers['proxy-authorization'], undefined);
    const [head = ''] = proxy.heads;
    assert.match(head, /^CONNECT api\.origin\.test:443 HTTP\/1\.1\r\n/);
    const basic = Buffer.from(`user:${PASSWORD}`).toString('base64');
    assert.match(head, new RegExp(`proxy-authorization: Basic ${basic}\r\n`, 'i'));
    assert.doesNotMatch(head, /secret/);
  });

  it('is not made by Node.js a second time', async (t) => {
    process.env['NODE_USE_ENV_PROXY'] = '1';
    t.after(() => delete process.env['NODE_USE_ENV_PROXY']);
    const { port, ca } = await startOrigin(t);
    const proxy = await startProxy(t, 'HTTP/1.1 200 Connection established\r\n\r\n', port);
    assert.equal((await send('https://api.origin.test/token', { HTTPS_PROXY: proxy.url }, ca)).status, 200);
    assert.equal(proxy.heads.length, 1);
  });

  for (const [answer, reason] of [
    [
      'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n',
      / answered 407: check the user and password in HTTPS_PROXY$/,
    ],
    ['HTTP/1.1 403 Filtered\r\n\r\n', / answered 403: check that it allows this host and port, or put/],
    ['HTTP/1.1 502 Bad Gateway\r\n\r\n', / answered 502: it could not reach the host: check its DNS/],
    [
      'SSH-2.0-OpenSSH_9\r\n',
      / gave no usable answer \(HPE_\w+\): check that it is a proxy, and HTTPS_PROXY$/,
    ],
    [
      'HTTP/1.1 200 OK\r\n\r\n<html>a portal</html>',
      / answered with a body instead of a way to the host: check that it is a proxy, and HTTPS_PROXY$/,
    ],
  ] as const) {
    it(`that it answers with ${answer.split('\r')[0]} names the proxy, not its password`, async (t) => {
      const proxy = await startProxy(t, answer);
      const fault = await faultOf(send('https://api.origin.test/token', { HTTPS_PROXY: proxy.url }));
      assert.match(fault.message, reason);
      assert.ok(fault.message.startsWith(`the proxy ${proxy.origin} of HTTPS_PROXY `));
      assert.equal(fault.isSent, false);
    });
  }

  it('that it never answers ends by the limit of a connection', async (t) => {
    const clock = new FakeClock();
    const { url, connections } = await startRawServer(t, () => undefined);
    const sending = faultOf(send('https://api.origin.test/token', { HTTPS_PROXY: url }, undefined, clock));
    while (connections.length === 0) await nextTurn();
    const closed = new Promise((resolve) => connections[0]?.once('close', resolve).resume());
    await clock.advance(8_000);
    const { message, isSent } = await sending;
    assert.equal(
      message,
      `there was no connection within 8s (the proxy ${url} of HTTPS_PROXY did not answer): ` +
        'check the host, DNS, proxies and the network policy',
    );
    assert.equal(isSent, false);
    await closed;
  });

  it('where none listens names it', async () => {
    const url = `http://127.0.0.1:${await findFreePort()}`;
    const fault = await faultOf(send('https://api.origin.test/token', { HTTPS_PROXY: url }));
    const reason = `the proxy ${url} of HTTPS_PROXY cannot be reached, nobody listens there (ECONNREFUSED)`;
    assert.ok(fault.message.startsWith(reason), fault.message);
  });

  it('with a variable that is none is refused in words', async () => {
    const fault = await faultOf(
      send('https://api.origin.test', { HTTPS_PROXY: `socks5://user:${PASSWORD}@x:1` }),
    );
    assert.equal(
      fault.message,
      'HTTPS_PROXY is no http or https URL of a proxy: give it as http://HOST:PORT, or unset it',
    );
  });
});

it('an http call through a proxy tells it the whole URL', async (t) => {
  const heads: string[] = [];
  const proxy = await startRawServer(t, (socket) => {
    socket.once('data', (bytes) => {
      heads.push(bytes.toString());
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    });
  });
  const { status } = await send('http://alertmanager.origin.test:9093/api/v2/alerts?x=1', {
    http_proxy: proxy.url,
  });
  assert.equal(status, 200);
  assert.match(
    heads[0] ?? '',
    /^POST http:\/\/alertmanager\.origin\.test:9093\/api\/v2\/alerts\?x=1 HTTP\/1\.1\r\n/,
  );
  assert.match(heads[0] ?? '', /\r\nhost: alertmanager\.origin\.test:9093\r\n/i);
});

describe('tinyproxy', needsTool('tinyproxy'), () => {
  it('lets a call through with its password, and refuses one without', async (t) => {
    const { port, ca } = await startOrigin(t);
    const HTTPS_PROXY = await startTinyproxy(t);
    // An address of this machine that is not loopback to us.
    const url = `https://0.0.0.0:${port}/token`;
    assert.equal((await send(url, { HTTPS_PROXY }, ca)).status, 200);
    const unknown = await faultOf(
      send(url, { HTTPS_PROXY: HTTPS_PROXY.replace(PASSWORD, 'pass-wrong') }, ca),
    );
    assert.match(unknown.message, /answered 40[17]: check the user and password in HTTPS_PROXY$/);
    const nowhere = await faultOf(send('https://0.0.0.0:1/', { HTTPS_PROXY }, ca));
    assert.match(nowhere.message, / answered 5\d\d: it could not reach the host: check its DNS/);
  });
});

async function startTinyproxy(t: TestContext) {
  const folder = await createPrivateFolder(t);
  const port = await findFreePort();
  const configuration = join(folder, 'tinyproxy.conf');
  const lines = [
    `Port ${port}`,
    'Listen 127.0.0.1',
    'Timeout 20',
    'MaxClients 10',
    `BasicAuth user ${PASSWORD}`,
  ];
  writeFileSync(configuration, lines.join('\n'));
  const program = spawn('tinyproxy', ['-d', '-c', configuration]);
  t.after(() => program.kill());
  for await (const line of createInterface(program.stdout)) if (line.includes('main loop')) break;
  return `http://user:${PASSWORD}@127.0.0.1:${port}`;
}
