/** What is read as the public key that `rsa-encrypt` encrypts for. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, privateDecrypt } from 'node:crypto';
import { describe, it } from 'node:test';
import { buildRequest, describeProvider } from '../support/described-provider.ts';
import { once } from '../support/once.ts';
import { certificateOf } from '../support/preset-material.ts';
import { rsaKeyPair, toPem } from '../support/rsa-key.ts';

const provider = describeProvider({
  credentials: ['bankKey', 'pin'],
  description: `values: { sealed: { rsa-encrypt: oaep-sha256, key: bankKey, text: "\${pin}" } }
request: { url: "https://api.example.com/token", body: { text: "\${sealed}" } }
token: { path: access_token }`,
});

const publicPem = (type: 'spki' | 'pkcs1' = 'spki') => rsaKeyPair().publicKey.export({ type, format: 'pem' });
const certificate = once(() => certificateOf(toPem(rsaKeyPair().privateKey)));
const otherKey = once(() => toPem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey));

describe('a public key is read', () => {
  const shapes: readonly (readonly [string, () => string])[] = [
    ['from a PEM', publicPem],
    ['from a PKCS#1 PEM', () => publicPem('pkcs1')],
    ['from a certificate', certificate],
    [
      'from bare base64',
      () => rsaKeyPair().publicKey.export({ type: 'spki', format: 'der' }).toString('base64'),
    ],
    ['behind a private key of our own', () => `${otherKey()}${publicPem()}`],
    ['behind a private key of our own, PKCS#1', () => `${otherKey()}${publicPem('pkcs1')}`],
    ['from a certificate behind a private key of our own', () => `${otherKey()}${certificate()}`],
  ];
  for (const [shape, text] of shapes) {
    it(shape, async () => {
      const request = await buildRequest(provider, { bankKey: text(), pin: '4711' });
      assert.ok(typeof request !== 'string');
      const sealed = Buffer.from(request.body ?? '', 'base64');
      const key = { key: rsaKeyPair().privateKey, oaepHash: 'sha256' };
      assert.equal(privateDecrypt(key, sealed).toString(), '4711');
    });
  }
});
