import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:https';
import { describe, it, type TestContext } from 'node:test';
import type { TlsOptions } from 'node:tls';
import { createHttpTransport } from '../../../src/adapters/net/http-transport.ts';
import { createSystemClock } from '../../../src/adapters/system/clock.ts';
import { HttpFault } from '../../../src/core/wire/http-call.ts';
import { type Certificate, createAuthority } from '../../support/certificates.ts';
import { startOpenSslServer } from '../../support/openssl-server.ts';
import { startRawServer } from '../../support/raw-server.ts';

const { signal } = new AbortController();
const HERE = 'subjectAltName=IP:127.0.0.1';
const PRIVATE_CA = 'if it comes from a private CA, name a file with the CA (PEM) in NODE_EXTRA_CA_CERTS';

async function startTlsServer(t: TestContext, { key, cert }: Certificate, options: TlsOptions = {}) {
  const requests: string[] = [];
  const server = createServer({ key, cert, ...options }, (request, response) => {
    requests.push(request.url ?? '');
    response.end('mine');
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  assert.ok(address !== null && typeof address !== 'string');
  return { url: `https://127.0.0.1:${address.port}`, requests };
}

function send(url: string, ca?: string) {
  const transport = createHttpTransport({ clock: createSystemClock(), readEnv: undefined, ca });
  return transport.send(
    { method: 'POST', url: new URL(url), headers: { authorization: 'secret' }, body: 'x' },
    signal,
  );
}

async function faultOf(work: Promise<unknown>): Promise<HttpFault> {
  const fault = await work.then(
    () => assert.fail('there was an answer'),
    (error: unknown) => error,
  );
  assert.ok(fault instanceof HttpFault, String(fault));
  return fault;
}

describe('a certificate', () => {
  it('from the configured CA is taken, with one in between as well', async (t) => {
    const root = await createAuthority(t);
    const between = root.issueAuthority();
    const own = root.issue(HERE);
    const deep = between.issue(HERE);
    for (const given of [own, { key: deep.key, cert: deep.cert + between.cert }]) {
      const { url } = await startTlsServer(t, given);
      assert.equal((await send(url, root.cert)).status, 200);
    }
  });

  it('that is wrong is refused with what is wrong with it, and nothing is sent', async (t) => {
    const root = await createAuthority(t);
    const between = root.issueAuthority();
    const isKnown = [root.cert];
    const OWN = 'check the CA that is configured for it, no other one counts';
    const cases: readonly (readonly [Certificate, readonly string[], string])[] = [
      [
        root.issue(HERE, { fromDays: -3, untilDays: -1 }),
        isKnown,
        'its certificate has expired (CERT_HAS_EXPIRED): whoever runs the other side has to renew it; check the clock of this machine',
      ],
      [
        root.issue(HERE, { fromDays: 1, untilDays: 3 }),
        isKnown,
        'its certificate is not valid yet (CERT_NOT_YET_VALID): check the clock of this machine',
      ],
      [
        root.issue('subjectAltName=DNS:other.example.com'),
        isKnown,
        'its certificate is for another host (ERR_TLS_CERT_ALTNAME_INVALID): check the host in the URL, and where its name leads',
      ],
      [
        root,
        [],
        `its certificate is self-signed (DEPTH_ZERO_SELF_SIGNED_CERT): ${PRIVATE_CA}; a proxy on the way may have put its own in the place`,
      ],
      [
        root.issue(HERE),
        [],
        `the issuer of its certificate is not known here (UNABLE_TO_VERIFY_LEAF_SIGNATURE): it may not send the certificates in between; ${PRIVATE_CA}; a proxy on the way may have put its own in the place`,
      ],
      [
        between.issue(HERE),
        isKnown,
        `the issuer of its certificate is not known here (UNABLE_TO_VERIFY_LEAF_SIGNATURE): it may not send the certificates in between; ${OWN}; a proxy on the way may have put its own in the place`,
      ],
      [
        { key: between.key, cert: between.cert + root.cert },
        [],
        `its certificate comes from a CA that is not known here (SELF_SIGNED_CERT_IN_CHAIN): ${PRIVATE_CA}; a proxy on the way may have put its own in the place`,
      ],
    ];
    for (const [certificate, [ca], message] of cases) {
      const { url, requests } = await startTlsServer(t, certificate);
      const fault = await faultOf(send(url, ca));
      assert.equal(fault.message, message);
      assert.equal(fault.isSent, false);
      assert.deepEqual(requests, []);
    }
  });

  it('is verified whatever NODE_TLS_REJECT_UNAUTHORIZED says', async (t) => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    t.after(() => delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']);
    const root = await createAuthority(t);
    const { url, requests } = await startTlsServer(t, root);
    assert.equal((await faultOf(send(url))).code, 'DEPTH_ZERO_SELF_SIGNED_CERT');
    assert.deepEqual(requests, []);
  });
});

describe('a TLS handshake', () => {
  it('with a server that speaks HTTP/2 alone is refused in words', async (t) => {
    const root = await createAuthority(t);
    const { url, requests } = await startTlsServer(t, root.issue(HERE), { ALPNProtocols: ['h2'] });
    const fault = await faultOf(send(url, root.cert));
    assert.match(
      fault.message,
      /^it does not speak HTTP\/1\.1 on this port \(ERR_SSL_\w+\): it has to offer HTTP\/1\.1 beside HTTP\/2, or check the port$/,
    );
    assert.deepEqual([fault.isSent, requests], [false, []]);
  });

  it('with too old a version is refused in words', async (t) => {
    const root = await createAuthority(t);
    const old: TlsOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' };
    const { url } = await startTlsServer(t, root.issue(HERE), old);
    const fault = await faultOf(send(url, root.cert));
    assert.match(
      fault.message,
      /^it (speaks no version of TLS that is accepted here|refused the TLS handshake) \(ERR_SSL_\w+\): /,
    );
    assert.equal(fault.isSent, false);
  });

  for (const version of ['tls1_2', 'tls1_3'])
    it(`of ${version} that demands a client certificate says so, each time, and spends nothing`, async (t) => {
      const root = await createAuthority(t);
      const url = await startOpenSslServer(t, root.issue(HERE), [
        `-${version}`,
        '-Verify',
        '1',
        '-verify_return_error',
      ]);
      for (let time = 0; time < 10; time += 1) {
        const fault = await faultOf(send(url, root.cert));
        assert.match(
          fault.message,
          version === 'tls1_3'
            ? /^it demands a client certificate \(ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED\): give a certificate/
            : /^it refused the TLS handshake \(ERR_SSL_\w+\): .* may demand a client certificate/,
        );
        assert.equal(fault.isSent, false);
      }
    });

  it('with a port that speaks none is refused in words', async (t) => {
    const { url } = await startRawServer(t, (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'));
    const fault = await faultOf(send(url.replace('http:', 'https:')));
    assert.match(fault.message, /^it does not speak TLS on this port \(ERR_SSL_\w+\): check the port/);
    assert.equal(fault.isSent, false);
  });

  it('that is broken off is a fault before the request', async (t) => {
    const { url } = await startRawServer(t, (socket) => socket.once('data', () => socket.destroy()));
    const fault = await faultOf(send(url.replace('http:', 'https:')));
    assert.match(fault.message, /^the connection broke off before the request was sent \(ECONNRESET\)/);
    assert.equal(fault.isSent, false);
  });
});
