import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from './once.ts';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A 2048-bit RSA key pair, made once per test file because that takes a noticeable part of a second. */
export const rsaKeyPair: () => KeyPair = once(() => generateKeyPairSync('rsa', { modulusLength: 2048 }));

export function toPem(key: KeyObject, type: 'pkcs1' | 'pkcs8' = 'pkcs8'): string {
  return key.export({ type, format: 'pem' });
}
