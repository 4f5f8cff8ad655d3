import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { SecretText } from '../../src/core/secret-text.ts';
import { parsePrivateKey } from '../../src/providers/private-key.ts';
import { once } from '../support/once.ts';
import { fc } from '../support/property.ts';
import { rsaKeyPair, toPem } from '../support/rsa-key.ts';

const PASSPHRASE = 'correct horse battery staple';
const ENCRYPTION = { cipher: 'aes-256-cbc', passphrase: PASSPHRASE } as const;

const key = () => rsaKeyPair().privateKey;
const pkcs8 = () => toPem(key());
const pkcs1 = () => toPem(key(), 'pkcs1');
const der = (type: 'pkcs1' | 'pkcs8') => key().export({ type, format: 'der' });
const encrypted = once(() => key().export({ type: 'pkcs8', format: 'pem', ...ENCRYPTION }));
const encryptedDer = once(() => key().export({ type: 'pkcs8', format: 'der', ...ENCRYPTION }));
const encryptedPkcs1 = once(() => key().export({ type: 'pkcs1', format: 'pem', ...ENCRYPTION }));
const weakKey = once(() => generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey);
const tinyKey = once(() => generateKeyPairSync('rsa', { modulusLength: 512 }).privateKey);
const ecKey = once(() => generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey);
const certificate = once(() => {
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-subj', '/CN=test'];
  const made = spawnSync('openssl', args, { encoding: 'utf8' });
  assert.equal(made.status, 0, made.stderr);
  return made.stdout;
});

interface Given {
  readonly passphrase?: string;
  readonly allowWeakKey?: boolean;
}

function parse(text: string, { passphrase, allowWeakKey = false }: Given = {}) {
  return parsePrivateKey(new SecretText(text), {
    name: 'privateKey',
    type: 'rsa',
    passphrase: passphrase === undefined ? undefined : new SecretText(passphrase),
    allowWeakKey,
  });
}

describe('a private key is loaded', () => {
  const shapes: readonly (readonly [string, () => string, Given?])[] = [
    ['from a PKCS#8 PEM', pkcs8],
    ['from a PKCS#1 PEM', pkcs1],
    ['with CRLF', () => pkcs8().replaceAll('\n', '\r\n')],
    ['with CR alone', () => pkcs1().replaceAll('\n', '\r')],
    ['with a byte order mark', () => `\uFEFF${pkcs8()}`],
    ['with literal \\n', () => pkcs8().replaceAll('\n', '\\n')],
    ['with literal \\r\\n', () => pkcs1().replaceAll('\n', '\\r\\n')],
    ['with doubly escaped \\\\n', () => pkcs8().replaceAll('\n', '\\\\n')],
    ['with literal \\n in quotes', () => JSON.stringify(pkcs8())],
    ['with spaces for line breaks', () => pkcs8().trim().replaceAll('\n', ' ')],
    ['with spaces for line breaks, PKCS#1', () => pkcs1().trim().replaceAll('\n', ' ')],
    ['with no line breaks at all', () => pkcs8().replaceAll('\n', '')],
    ['with indented lines', () => pkcs8().replaceAll(/^/gm, '      ')],
    ['with tabs and blank lines', () => pkcs8().replaceAll('\n', '\n\n\t')],
    ['with text around it', () => `subject=example\n${pkcs8()}\nthe end`],
    ['behind its certificate', () => `${certificate()}${pkcs8()}`],
    ['under the wrong label', () => pkcs1().replaceAll('RSA PRIVATE KEY', 'PRIVATE KEY')],
    ['from bare base64, PKCS#8', () => der('pkcs8').toString('base64')],
    ['from bare base64, PKCS#1', () => der('pkcs1').toString('base64')],
    ['from bare base64url', () => der('pkcs8').toString('base64url')],
    ['from bare base64 in lines', () => pkcs8().split('\n').slice(1, -2).join('\n')],
    ['from the base64 of a PEM', () => Buffer.from(pkcs8()).toString('base64')],
    [
      'from the base64 of a PEM with CRLF',
      () => Buffer.from(pkcs1().replaceAll('\n', '\r\n')).toString('base64'),
    ],
    ['from an encrypted PKCS#8 PEM', encrypted, { passphrase: PASSPHRASE }],
    [
      'from an encrypted PKCS#8 PEM with spaces',
      () => encrypted().replaceAll('\n', ' '),
      { passphrase: PASSPHRASE },
    ],
    ['from encrypted bare base64', () => encryptedDer().toString('base64'), { passphrase: PASSPHRASE }],
    ['from an encrypted PKCS#1 PEM', encryptedPkcs1, { passphrase: PASSPHRASE }],
    [
      'from an encrypted PKCS#1 PEM with spaces',
      () => encryptedPkcs1().replaceAll('\n', ' '),
      { passphrase: PASSPHRASE },
    ],
    [
      'from an encrypted PKCS#1 PEM with no line breaks at all',
      () => encryptedPkcs1().replaceAll('\n', ''),
      { passphrase: PASSPHRASE },
    ],
    [
      'from an encrypted PKCS#1 PEM with literal \\n',
      () => encryptedPkcs1().replaceAll('\n', '\\n'),
      { passphrase: PASSPHRASE },
    ],
    ['when a passphrase is given that it does not need', pkcs8, { passphrase: 'unused' }],
  ];
  for (const [shape, text, given] of shapes) {
    test(shape, () => {
      const parsed = parse(text(), given);
      assert.ok(parsed.ok, parsed.ok ? '' : parsed.failure.message);
      assert.ok(parsed.value.equals(key()));
    });
  }

  test('from 1024 bits when that is allowed', () => {
    assert.ok(parse(toPem(weakKey()), { allowWeakKey: true }).ok);
  });
});

describe('a private key is refused', () => {
  const publicPem = once(() => rsaKeyPair().publicKey.export({ type: 'spki', format: 'pem' }));
  const refused: readonly (readonly [string, () => string, Given, RegExp])[] = [
    ['EC', () => toPem(ecKey()), {}, /^privateKey is of type ec: plain RSA signs here/],
    ['EC as SEC1', () => ecKey().export({ type: 'sec1', format: 'pem' }), {}, /of type ec/],
    [
      'EC as bare base64',
      () => ecKey().export({ type: 'pkcs8', format: 'der' }).toString('base64'),
      {},
      /of type ec/,
    ],
    [
      'rsa-pss',
      () => toPem(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey),
      {},
      /of type rsa-pss/,
    ],
    ['Ed25519', () => toPem(generateKeyPairSync('ed25519').privateKey), {}, /of type ed25519/],
    ['1024 bits', () => toPem(weakKey()), {}, /has 1024 bits, at least 2048 are needed \(allowWeakKey: true/],
    [
      '512 bits, even when weak ones are allowed',
      () => toPem(tinyKey()),
      { allowWeakKey: true },
      /has 512 bits/,
    ],
    ['encrypted, no passphrase', encrypted, {}, /is encrypted: add the credential passphrase/],
    ['encrypted DER, no passphrase', () => encryptedDer().toString('base64'), {}, /is encrypted: add/],
    ['encrypted PKCS#1, no passphrase', encryptedPkcs1, {}, /is encrypted: add/],
    ['encrypted, wrong passphrase', encrypted, { passphrase: 'wrong' }, /passphrase does not open it/],
    ['encrypted PKCS#1, wrong passphrase', encryptedPkcs1, { passphrase: 'wrong' }, /does not open it/],
    ['a public key', publicPem, {}, /is a public key/],
    [
      'a public key as bare base64',
      () => rsaKeyPair().publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
      {},
      /is a public key/,
    ],
    ['a PKCS#1 public key', () => toPem(rsaKeyPair().publicKey, 'pkcs1'), {}, /is a public key/],
    ['a certificate', certificate, {}, /is a certificate/],
    [
      'a certificate as bare base64',
      () => certificate().split('\n').slice(1, -2).join(''),
      {},
      /is a certificate/,
    ],
    [
      'an OpenSSH key',
      () => '-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----',
      {},
      /convert it with ssh-keygen/,
    ],
    ['a key that was cut off', () => pkcs8().slice(0, 800), {}, /no matching END line/],
    [
      'a PEM with half its body',
      () => pkcs8().replace(/(?<=KEY-----\n)[\s\S]{600}/, ''),
      {},
      /holds no PKCS#8 or PKCS#1 private key/,
    ],
    ['a PEM of other characters', () => pkcs8().replace(/M/g, '*'), {}, /whose body is not base64/],
    ['a path', () => '/run/secrets/key.pem?', {}, /neither a PEM nor base64/],
    ['base64 of something else', () => Buffer.from('hello, world').toString('base64'), {}, /holds no PKCS#8/],
  ];
  for (const [what, text, given, message] of refused) {
    test(what, () => {
      const parsed = parse(text(), given);
      assert.ok(!parsed.ok);
      assert.equal(parsed.failure.code, 'credentials-rejected');
      assert.equal(parsed.failure.retry, 'needs-human');
      assert.match(parsed.failure.message, message);
    });
  }

  test('without a word of it in the message, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12, unit: 'grapheme-ascii' }), fc.boolean(), (text, isPem) => {
        const given = isPem ? `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----` : text;
        const parsed = parse(given);
        assert.ok(!parsed.ok);
        assert.ok(!parsed.failure.message.includes(text));
      }),
    );
  });
});
