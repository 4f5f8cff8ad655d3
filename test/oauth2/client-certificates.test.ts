/** Certificates and keys in files, as they are found in the field, at oidc-provider over mutual TLS. */
import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { startAuthorizationServer } from '../support/authorization-server.ts';
import { createAuthority } from '../support/certificates.ts';
import { createOAuth2World } from '../support/oauth2-world.ts';
import { runInProcess, startInProcess } from '../support/program-terminal.ts';

const NAME = 'subjectAltName=DNS:client.example';
const PASSPHRASE = 'a passphrase, not told';

async function startBank(t: TestContext) {
  const server = await startAuthorizationServer(t, [
    {
      client_id: 'shop',
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'client.example',
    },
  ]);
  const world = await createOAuth2World(t);
  const own = server.authority.issue(NAME);
  const key = createPrivateKey(own.key);
  const between = server.authority.issueAuthority();
  const deep = between.issue(NAME);
  const files: Readonly<Record<string, string>> = {
    id: 'shop',
    'ca.pem': server.authority.cert,
    'bundle.pem': `# two authorities\n${(await createAuthority(t)).cert}${server.authority.cert}`,
    'strange-ca.pem': (await createAuthority(t)).cert,
    'client.pem': own.cert,
    'chain.pem': `${deep.cert}${between.cert}`,
    'chain.key': deep.key,
    'pkcs8.key': key.export({ type: 'pkcs8', format: 'pem' }),
    'sec1.key': key.export({ type: 'sec1', format: 'pem' }),
    'encrypted.key': key.export({
      type: 'pkcs8',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: PASSPHRASE,
    }),
    'old-encrypted.key': key.export({
      type: 'sec1',
      format: 'pem',
      cipher: 'aes-256-cbc',
      passphrase: PASSPHRASE,
    }),
    'half.key': key.export({ type: 'pkcs8', format: 'pem' }).slice(0, 100),
    'half.pem': own.cert.slice(0, 300),
    passphrase: PASSPHRASE,
    'wrong-passphrase': 'not the passphrase',
  };
  await Promise.all(Object.entries(files).map(([name, text]) => world.put(name, text)));
  const entry = (name: string, tls: string, host = '127.0.0.1') => `  - name: ${name}
    kind: oauth2
    tokenUrl: ${server.tlsUrl.replace('127.0.0.1', host)}/token
    auth: tls_client_auth
    tls: { ${tls.replaceAll(/([\w-]+): ([\w.-]+)/g, '$1: { file: $2 }')} }
    credentials: { clientId: { file: id } }
    secret: tokens/${name}
`;
  return { server, world, entry, files, own };
}

const TAKEN = {
  pkcs8: 'ca: ca.pem, certificate: client.pem, key: pkcs8.key',
  sec1: 'ca: ca.pem, certificate: client.pem, key: sec1.key',
  encrypted: 'ca: ca.pem, certificate: client.pem, key: encrypted.key, passphrase: passphrase',
  'old-encrypted': 'ca: ca.pem, certificate: client.pem, key: old-encrypted.key, passphrase: passphrase',
  chain: 'ca: ca.pem, certificate: chain.pem, key: chain.key',
  bundle: 'ca: bundle.pem, certificate: client.pem, key: pkcs8.key',
};

/** How the message goes on after the entry's name. */
const REFUSED: readonly (readonly [title: string, tls: string, message: RegExp, host?: string])[] = [
  [
    'no passphrase',
    'ca: ca.pem, certificate: client.pem, key: encrypted.key',
    /^credentials-rejected: tls\.key is encrypted, and no passphrase is given$/,
  ],
  [
    'a wrong passphrase',
    'ca: ca.pem, certificate: client.pem, key: encrypted.key, passphrase: wrong-passphrase',
    /^credentials-rejected: tls\.passphrase does not open the key$/,
  ],
  [
    'half a key',
    'ca: ca.pem, certificate: client.pem, key: half.key',
    /^credentials-rejected: tls\.key has a BEGIN line but no matching END line: it was cut off$/,
  ],
  [
    'half a certificate',
    'ca: ca.pem, certificate: half.pem, key: pkcs8.key',
    /^credentials-rejected: tls\.certificate has a BEGIN line but no matching END line: it was cut off$/,
  ],
  [
    'the key of another certificate',
    'ca: ca.pem, certificate: client.pem, key: chain.key',
    /^credentials-rejected: tls\.key does not fit the certificate$/,
  ],
  [
    'a key in place of the certificate',
    'ca: ca.pem, certificate: pkcs8.key, key: pkcs8.key',
    /^credentials-rejected: tls\.certificate holds no certificate, but PRIVATE KEY$/,
  ],
  [
    'an authority that has not issued the certificate of the server',
    'ca: strange-ca.pem, certificate: client.pem, key: pkcs8.key',
    /^provider-unavailable: POST \S+ failed: its certificate comes from a CA that is not known here .* check the CA/,
  ],
  [
    'a host that is not in the certificate of the server',
    'ca: ca.pem, certificate: client.pem, key: pkcs8.key',
    /^provider-unavailable: POST \S+ failed: its certificate is for another host /,
    'localhost',
  ],
];

describe('certificates in files', { timeout: 600_000 }, () => {
  it('are taken with keys in PKCS#8 and SEC1, encrypted or not, with those in between, and a bundle of authorities', async (t) => {
    const { world, entry, server } = await startBank(t);
    const config = await world.configure(
      Object.entries(TAKEN)
        .map(([name, tls]) => entry(name, tls))
        .join(''),
    );
    const { code, stderr } = await runInProcess(['run', '--once', '--config', config]);
    assert.deepEqual([code, stderr], [0, '']);
    assert.equal(server.tokenRequests(), Object.keys(TAKEN).length);
  });

  it('are refused when they are wrong before anything is sent, each with its reason, and nothing of them shows', async (t) => {
    const { world, entry, server, files } = await startBank(t);
    const config = await world.configure(
      REFUSED.map(([, tls, , host], index) => entry(`entry-${index}`, tls, host)).join(''),
    );
    const { code, stdout, stderr } = await runInProcess(['run', '--once', '--config', config]);
    assert.equal(code, 1);
    const lines = stderr.split('\n');
    for (const [index, [title, , message]] of REFUSED.entries()) {
      const start = `entry-${index}: `;
      const line = lines.find((each) => each.startsWith(start)) ?? '';
      assert.match(line.slice(start.length), message, title);
    }
    assert.equal(server.tokenRequests(), 0);
    for (const text of Object.values(files))
      for (const part of text.split('\n').filter((each) => each.length > 30 && !each.startsWith('-')))
        assert.equal(`${stdout}${stderr}`.includes(part), false);
  });

  it('that are half exchanged wait for the other half, and the new pair is used at once', async (t) => {
    const { world, entry, server } = await startBank(t);
    const next = server.authority.issue(NAME);
    await world.put('client.pem', next.cert);
    const config = await world.configure(entry('shop', TAKEN.pkcs8), 'log: { level: debug }\n');
    await using daemon = startInProcess(['run', '--config', config]);
    const failed = await daemon.output.untilLine(({ event }) => event === 'refresh-failed');
    assert.deepEqual([failed['code'], failed['retry']], ['credentials-rejected', 'needs-human']);
    assert.equal(server.tokenRequests(), 0);
    await world.put('pkcs8.key', next.key);
    await daemon.output.untilLine(({ event }) => event === 'token-refreshed');
    daemon.terminal.stop();
    assert.equal(await daemon.exit, 0);
    assert.equal(server.tokenRequests(), 1);
  });
});
