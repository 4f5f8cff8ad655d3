import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { describe, it, type TestContext } from 'node:test';
import { SecretText } from '../../../src/core/secret-text.ts';
import { type CallTls, isSameTls, readCallTls } from '../../../src/core/wire/call-tls.ts';
import { createAuthority } from '../../support/certificates.ts';

const PASSPHRASE = 'phrase-Zq7vK2';

function tlsOf(texts: { readonly [Setting in keyof CallTls]: string }): CallTls {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, new SecretText(text)]));
}

function problemOf(tls: CallTls): string {
  const reading = readCallTls(tls);
  return reading.ok ? 'none' : `${reading.setting} ${reading.problem}`;
}

async function createMaterial(t: TestContext) {
  const root = await createAuthority(t);
  const between = root.issueAuthority();
  const { key, cert } = between.issue('extendedKeyUsage=clientAuth');
  const other = root.issue('extendedKeyUsage=clientAuth');
  const encrypted = createPrivateKey(key).export({
    type: 'pkcs8',
    format: 'pem',
    cipher: 'aes-256-cbc',
    passphrase: PASSPHRASE,
  });
  const old = createPrivateKey(key).export({
    type: 'sec1',
    format: 'pem',
    cipher: 'aes-128-cbc',
    passphrase: PASSPHRASE,
  });
  return { root, between, key, cert, other, encrypted, old };
}

describe('what a call brings for TLS', () => {
  it('is taken in every shape in which PEM is handed on', async (t) => {
    const { root, between, key, cert, encrypted, old } = await createMaterial(t);
    const passphrase = PASSPHRASE;
    const shapes: readonly (readonly [string, (pem: string) => string])[] = [
      ['as it is', (pem) => pem],
      ['with CRLF', (pem) => pem.replaceAll('\n', '\r\n')],
      ['with a byte order mark', (pem) => `\uFEFF${pem}`],
      ['with \\n for line ends', (pem) => pem.replaceAll('\n', '\\n')],
      ['with spaces for line ends', (pem) => pem.replaceAll('\n', ' ')],
      ['without a last line end', (pem) => pem.trimEnd()],
      ['as base64', (pem) => Buffer.from(pem).toString('base64')],
      ['with text around it', (pem) => `subject=CN=x\n${pem}\nissuer=CN=y`],
    ];
    for (const [name, shape] of shapes) {
      assert.equal(problemOf(tlsOf({ ca: shape(root.cert + between.cert) })), 'none', name);
      const certificate = shape(cert + between.cert);
      assert.equal(problemOf(tlsOf({ certificate, key: shape(key) })), 'none', name);
      assert.equal(problemOf(tlsOf({ certificate, key: shape(encrypted), passphrase })), 'none', name);
      assert.equal(problemOf(tlsOf({ certificate, key: shape(old), passphrase })), 'none', name);
      // One file with all of it, as servers like it.
      const all = shape(key + cert);
      assert.equal(problemOf(tlsOf({ ca: all, certificate: all, key: all })), 'none', name);
    }
    assert.equal(problemOf({}), 'none');
    assert.equal(problemOf(tlsOf({ certificate: cert, key, passphrase: 'of an open key' })), 'none');
  });

  it('is refused with what is wrong with it, and nothing of it is quoted', async (t) => {
    const { root, between, key, cert, other, encrypted, old } = await createMaterial(t);
    const weak = createWeak();
    const damaged = cert.replace(/MII.{8}/, 'MIIBAAAAAAA');
    const cases: readonly (readonly [{ readonly [Setting in keyof CallTls]: string }, string])[] = [
      [{ ca: 'rubbish-Zq7vK2' }, 'ca is no PEM: it has no BEGIN line'],
      [{ ca: '' }, 'ca is no PEM: it has no BEGIN line'],
      [{ ca: root.cert.slice(0, 300) }, 'ca has a BEGIN line but no matching END line: it was cut off'],
      [{ ca: root.key }, 'ca holds no certificate, but PRIVATE KEY'],
      [{ ca: root.cert + damaged }, 'ca holds a certificate that is damaged (number 2 of 2)'],
      [{ certificate: cert }, 'certificate is given without its private key'],
      [{ key }, 'key is given without a certificate'],
      [{ passphrase: PASSPHRASE }, 'passphrase is given without a key and a certificate'],
      [{ certificate: damaged, key }, 'certificate holds a certificate that is damaged (number 1 of 1)'],
      [{ certificate: key, key }, 'certificate holds no certificate, but PRIVATE KEY'],
      [{ certificate: cert, key: cert }, 'key holds no private key, but CERTIFICATE'],
      [{ certificate: cert, key: label('OPENSSH PRIVATE KEY') }, /^key is an OpenSSH key: convert it/.source],
      [{ certificate: cert, key: label('SECRET WORD') }, 'key holds no private key, but something else'],
      [{ certificate: cert, key: label('PRIVATE KEY') }, 'key is damaged'],
      [{ certificate: cert, key: other.key }, 'key does not fit the certificate'],
      [{ certificate: cert, key: weak.key }, 'key does not fit the certificate'],
      [
        { certificate: between.cert + cert, key },
        'key fits number 2 of the certificates: that one has to come first, those in between after it',
      ],
      [{ certificate: cert, key: encrypted }, 'key is encrypted, and no passphrase is given'],
      [{ certificate: cert, key: old }, 'key is encrypted, and no passphrase is given'],
      [{ certificate: cert, key: encrypted, passphrase: 'Zq7vK2' }, 'passphrase does not open the key'],
      [{ certificate: cert, key: encrypted, passphrase: '' }, 'passphrase does not open the key'],
      [{ certificate: cert, key: old, passphrase: 'Zq7vK2' }, 'passphrase does not open the key'],
      [
        { certificate: weak.cert, key: weak.key },
        'certificate is too weak for TLS, or of a kind that it does not know (ERR_SSL_EE_KEY_TOO_SMALL)',
      ],
    ];
    for (const [texts, expected] of cases) {
      const problem = problemOf(tlsOf(texts));
      if (expected.startsWith('^')) assert.match(problem, new RegExp(expected));
      else assert.equal(problem, expected);
      assert.doesNotMatch(problem, /Zq7vK2|MII|SECRET/);
    }
  });

  it('is the same when every text is', () => {
    const full = { ca: 'a', certificate: 'b', key: 'c', passphrase: 'd' };
    assert.ok(isSameTls({}, {}));
    assert.ok(isSameTls(tlsOf(full), tlsOf({ ...full })));
    for (const setting of ['ca', 'certificate', 'key', 'passphrase'] as const) {
      const { [setting]: _, ...without } = full;
      assert.ok(!isSameTls(tlsOf(full), tlsOf({ ...full, [setting]: 'x' })), setting);
      assert.ok(!isSameTls(tlsOf(full), tlsOf(without)), setting);
      assert.ok(!isSameTls(tlsOf(without), tlsOf(full)), setting);
    }
  });
});

function label(name: string): string {
  return `-----BEGIN ${name}-----\nZq7vK2AA\n-----END ${name}-----\n`;
}

function createWeak() {
  const command = 'req -x509 -newkey rsa:1024 -nodes -keyout - -subj /CN=weak -days 1';
  const both = execFileSync('openssl', command.split(' '), {
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();
  const [key = ''] = /-----BEGIN PRIVATE KEY[^]*END PRIVATE KEY-----\n/.exec(both) ?? [];
  const [cert = ''] = /-----BEGIN CERTIFICATE[^]*END CERTIFICATE-----\n/.exec(both) ?? [];
  return { key, cert };
}
