import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { createServer, type TLSSocket } from 'node:tls';
import { createHttpTransport } from '../../../src/adapters/net/http-transport.ts';
import { SecureContexts } from '../../../src/adapters/net/secure-contexts.ts';
import { createSystemClock } from '../../../src/adapters/system/clock.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import type { CallTls } from '../../../src/core/wire/call-tls.ts';
import { type HttpAnswer, HttpFault, type HttpTransport } from '../../../src/core/wire/http-call.ts';
import { type Certificate, type CertificateAuthority, createAuthority } from '../../support/certificates.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { startOpenSslServer } from '../../support/openssl-server.ts';
import { startRawServer } from '../../support/raw-server.ts';

const { signal } = new AbortController();
const HERE = 'subjectAltName=IP:127.0.0.1,DNS:api.origin.test';
const CLIENT = 'extendedKeyUsage=clientAuth';

function createTransport(env: Readonly<Record<string, string>> = {}, ca?: string): HttpTransport {
  return createHttpTransport({ clock: createSystemClock(), readEnv: (name) => env[name], ca });
}

function tlsOf(ca: string, own?: Certificate, chain = ''): CallTls {
  const trusted = { ca: new SecretText(ca) };
  if (own === undefined) return trusted;
  return { ...trusted, certificate: new SecretText(own.cert + chain), key: new SecretText(own.key) };
}

function send(url: string, tls: CallTls | undefined, transport = createTransport()): Promise<HttpAnswer> {
  const headers = { authorization: 'secret' };
  return transport.send({ method: 'GET', url: new URL(url), headers, tls }, signal);
}

async function faultOf(work: Promise<unknown>): Promise<HttpFault> {
  const fault = await work.then(
    () => assert.fail('there was an answer'),
    (error: unknown) => error,
  );
  assert.ok(fault instanceof HttpFault, String(fault));
  return fault;
}

/** Answers with the serial number of the client's certificate. */
async function startTellingServer(t: TestContext, root: CertificateAuthority, doesDemand = true) {
  const { key, cert } = root.issue(HERE);
  const own = { key, cert, ca: root.cert, requestCert: true, rejectUnauthorized: doesDemand };
  const server = createServer(own, (socket: TLSSocket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      const body = socket.getPeerCertificate().serialNumber ?? 'none';
      socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    });
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  return { url: `https://127.0.0.1:${address.port}`, port: address.port };
}

function textOf({ body }: HttpAnswer): string {
  assert.ok('bytes' in body);
  return new TextDecoder().decode(body.bytes);
}

describe('a client certificate', () => {
  for (const version of ['tls1_2', 'tls1_3'])
    it(`is shown to a server of OpenSSL that demands one (${version}), with one in between as well`, async (t) => {
      const root = await createAuthority(t);
      const between = root.issueAuthority();
      const url = await startOpenSslServer(t, root.issue(HERE), [`-${version}`], root.cert);
      assert.match(textOf(await send(url, tlsOf(root.cert, root.issue(CLIENT)))), /Client certificate/);
      const deep = tlsOf(root.cert, between.issue(CLIENT), between.cert);
      assert.match(textOf(await send(url, deep)), /Client certificate/);
    });

  it('that has changed between two calls is shown in the next one, and the former one again after that', async (t) => {
    const root = await createAuthority(t);
    const { url } = await startTellingServer(t, root, false);
    const transport = createTransport();
    const [first, second] = [tlsOf(root.cert, root.issue(CLIENT)), tlsOf(root.cert, root.issue(CLIENT))];
    const seen: string[] = [];
    for (const tls of [first, second, first, tlsOf(root.cert)])
      seen.push(textOf(await send(url, tls, transport)));
    const [one, two] = seen;
    assert.notEqual(one, two);
    assert.deepEqual(seen, [one, two, one, 'none']);
  });

  it('is shown through the tunnel of a proxy', async (t) => {
    const root = await createAuthority(t);
    const { port } = await startTellingServer(t, root);
    const proxy = await startRawServer(t, (socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
        const onward = connect(port, '127.0.0.1').on('error', () => undefined);
        socket.pipe(onward).pipe(socket);
      });
    });
    const transport = createTransport({ HTTPS_PROXY: proxy.url });
    const answer = await send(
      'https://api.origin.test/token',
      tlsOf(root.cert, root.issue(CLIENT)),
      transport,
    );
    assert.match(textOf(answer), /^[0-9A-F]+$/);
  });

  it('is not shown to a proxy that speaks TLS, which the CA of the call does not vouch for', async (t) => {
    const root = await createAuthority(t);
    const { url } = await startTellingServer(t, root);
    const transport = createTransport({ HTTPS_PROXY: url });
    const tls = tlsOf(root.cert, root.issue(CLIENT));
    const fault = await faultOf(send('https://api.origin.test/token', tls, transport));
    assert.match(
      fault.message,
      /^the proxy .* cannot be reached, its certificate comes from a CA that is not known here/,
    );
  });

  it('does not change that the certificate of the server is verified', async (t) => {
    const [root, stranger] = [await createAuthority(t), await createAuthority(t)];
    const { url } = await startTellingServer(t, root);
    const fault = await faultOf(send(url, tlsOf(stranger.cert, root.issue(CLIENT))));
    assert.match(
      fault.message,
      /^its certificate comes from a CA that is not known here .* check the CA that is configured for it/,
    );
    const { certificate, key } = tlsOf(root.cert, root.issue(CLIENT));
    // Without a CA of its own, that of the transport counts.
    assert.equal((await send(url, { certificate, key }, createTransport({}, root.cert))).status, 200);
    assert.equal((await faultOf(send(url, { certificate, key }))).code, 'SELF_SIGNED_CERT_IN_CHAIN');
    assert.equal(
      (await send(url, { ...tlsOf(root.cert), certificate, key }, createTransport({}, stranger.cert))).status,
      200,
    );
  });

  it('that cannot be used is said before anything is connected', async (t) => {
    const root = await createAuthority(t);
    const own = root.issue(CLIENT);
    const server = await startRawServer(t, () => undefined);
    const tls = tlsOf(root.cert, { cert: own.cert, key: root.issue(CLIENT).key });
    const fault = await faultOf(send(server.url.replace('http:', 'https:'), tls));
    assert.equal(
      fault.message,
      'the key of the client certificate does not fit the certificate: correct what is configured for TLS',
    );
    assert.deepEqual([fault.code, fault.isSent, fault.isCertificateRefused], ['ETLSCONFIG', false, true]);
    assert.equal(server.connections.length, 0);
  });

  for (const version of ['tls1_2', 'tls1_3']) {
    it(`that is refused is said in words, each time, and spends nothing (${version})`, async (t) => {
      const [root, stranger] = [await createAuthority(t), await createAuthority(t)];
      const url = await startOpenSslServer(t, root.issue(HERE), [`-${version}`], root.cert);
      const cases: readonly (readonly [Certificate, RegExp])[] = [
        [
          stranger.issue(CLIENT),
          /^it does not know the CA of the client certificate \(ERR_SSL_\w*ALERT_UNKNOWN_CA\): check that it is the one/,
        ],
        [
          root.issue(CLIENT, { fromDays: -3, untilDays: -1 }),
          /^the client certificate has expired, or is not valid yet \(ERR_SSL_\w*ALERT_CERTIFICATE_EXPIRED\): renew it/,
        ],
        [
          root.issue('extendedKeyUsage=serverAuth'),
          /^it does not take this kind of client certificate \(ERR_SSL_\w*ALERT_UNSUPPORTED_CERTIFICATE\): check that it is issued for clients/,
        ],
        [
          root.issue(CLIENT, { fromDays: 1, untilDays: 3 }),
          /^it refused the client certificate \(ERR_SSL_\w*ALERT_BAD_CERTIFICATE\): check that it is the one/,
        ],
      ];
      for (const [own, message] of cases)
        for (let time = 0; time < 5; time += 1) {
          const fault = await faultOf(send(url, tlsOf(root.cert, own)));
          assert.match(fault.message, message);
          assert.deepEqual([fault.isSent, fault.isCertificateRefused], [false, true]);
        }
    });
  }

  it('that a server turns down without a word is among what to check', async (t) => {
    const [root, stranger] = [await createAuthority(t), await createAuthority(t)];
    const { url } = await startTellingServer(t, root);
    const fault = await faultOf(send(url, tlsOf(root.cert, stranger.issue(CLIENT))));
    assert.match(fault.message, /the connection broke off before/);
    if (fault.isSent) assert.match(fault.message, /check the client certificate, the other side/);
  });
});

describe('what handshakes need', () => {
  it('is made once for the same content', async (t) => {
    const root = await createAuthority(t);
    const contexts = new SecureContexts(new FakeClock());
    const own = root.issue(CLIENT);
    assert.equal(contexts.find(tlsOf(root.cert, own)), contexts.find(tlsOf(root.cert, own)));
    assert.notEqual(contexts.find(tlsOf(root.cert, own)), contexts.find(tlsOf(root.cert)));
    assert.equal(contexts.find({}), contexts.find({}));
  });

  it('is forgotten after an hour without use, and when there are more than 32', async (t) => {
    const { cert } = await createAuthority(t);
    const clock = new FakeClock();
    const contexts = new SecureContexts(clock);
    const find = (number: number) => contexts.find({ ca: new SecretText(`${cert}# ${number}`) });
    const first = find(0);
    for (let number = 1; number < 32; number += 1) find(number);
    assert.equal(find(0), first);
    find(32);
    assert.equal(contexts.size, 32);
    assert.equal(find(0), first);
    await clock.advance(3_600_000);
    assert.equal(find(0), first);
    await clock.advance(1);
    find(0);
    assert.equal(contexts.size, 1);
  });
});
