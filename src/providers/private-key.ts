/**
 * Private keys in every shape in which secret managers, environment variables and people hand them on.
 *
 * Guarantee: a key that is accepted makes the signatures that are asked for. Keys that would sign without an error and
 * yield another kind of signature (EC or rsa-pss for RSA) are refused. No message quotes any part of the text.
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import { attempt, CUT_OFF, decodeBase64, OPENSSH, type PemBlock, readPem } from '../core/wire/pem.ts';
import { unusable } from './credential-value.ts';

interface PrivateKeyOptions {
  /** Name of the credential, for messages. */
  readonly name: string;
  readonly passphrase: SecretText | undefined;
  /** What it has to be. */
  readonly type: keyof typeof TYPES;
  /** Accept 1024 bits and more instead of 2048. */
  readonly allowWeakKey: boolean;
}

/** How to make one of each, for messages. */
const TYPES = {
  rsa: 'plain RSA signs here, make one with openssl genrsa 2048',
  ec: 'an EC key signs here, make one with openssl ecparam -genkey -name prime256v1',
  ed25519: 'an Ed25519 key signs here, make one with openssl genpkey -algorithm ed25519',
} as const;

const MIN_BITS = 2048;
const MIN_WEAK_BITS = 1024;

/**
 * Parses a private key: PKCS#8 or PKCS#1; whatever {@link readPem} reads, or the bare base64 of its DER; encrypted
 * ones with their passphrase.
 * Fails with `credentials-rejected`, saying what is wrong with it.
 */
export function parsePrivateKey(key: SecretText, options: PrivateKeyOptions): Result<KeyObject> {
  const shape = recognise(key.reveal());
  if (typeof shape === 'string') return unusable(options.name, shape);
  const parsed = importKey(shape, options.passphrase);
  return typeof parsed === 'string' ? unusable(options.name, parsed) : checkStrength(parsed, options);
}

/** Key material that Node can be asked to import, in the order of likelihood. */
type KeyShape =
  | { readonly form: 'der'; readonly der: Buffer; readonly isEncrypted: boolean }
  /** Only PKCS#1 that is encrypted the old way needs its PEM headers. */
  | { readonly form: 'pem'; readonly pem: string };

/** What the text holds, or why it is no private key. */
function recognise(written: string): KeyShape | string {
  const { blocks, text, isCutOff } = readPem(written);
  const block = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (block !== undefined) return recogniseBlock(block);
  const [other] = blocks;
  if (other !== undefined) return describeLabel(other.label);
  if (isCutOff) return CUT_OFF;
  const der = decodeBase64(text);
  return der === undefined ? 'is neither a PEM nor base64' : { form: 'der', der, isEncrypted: false };
}

function recogniseBlock({ label, body, pem, isEncryptedByHeaders }: PemBlock): KeyShape | string {
  if (label === 'OPENSSH PRIVATE KEY') return OPENSSH;
  if (isEncryptedByHeaders) return { form: 'pem', pem };
  const der = decodeBase64(body);
  if (der === undefined) return 'is a PEM whose body is not base64';
  return { form: 'der', der, isEncrypted: label === 'ENCRYPTED PRIVATE KEY' };
}

function describeLabel(label: string): string {
  if (label.endsWith('PUBLIC KEY'))
    return 'is a public key: the private key is needed, the provider has this one';
  if (label.endsWith('CERTIFICATE')) return 'is a certificate: the private key that belongs to it is needed';
  return 'is a PEM without a private key';
}

/** Imports the key, or says why that is impossible. */
function importKey(shape: KeyShape, passphrase: SecretText | undefined): KeyObject | string {
  const secret = passphrase === undefined ? {} : { passphrase: passphrase.reveal() };
  if (shape.form === 'pem') {
    if (passphrase === undefined) return NEEDS_PASSPHRASE;
    return attempt(() => createPrivateKey({ key: shape.pem, format: 'pem', ...secret })) ?? WRONG_PASSPHRASE;
  }
  const { der } = shape;
  const isEncrypted = shape.isEncrypted || isEncryptedPkcs8(der);
  if (isEncrypted && passphrase === undefined) return NEEDS_PASSPHRASE;
  // The label may lie (PKCS#1 under a PKCS#8 label), so the bytes decide.
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    const key = attempt(() => createPrivateKey({ key: der, format: 'der', type, ...secret }));
    if (key !== undefined) return key;
  }
  if (isEncrypted) return WRONG_PASSPHRASE;
  for (const type of ['spki', 'pkcs1'] as const) {
    if (attempt(() => createPublicKey({ key: der, format: 'der', type }))) return describeLabel('PUBLIC KEY');
  }
  return attempt(() => new X509Certificate(der)) ? describeLabel('CERTIFICATE') : NOT_A_KEY;
}

const NEEDS_PASSPHRASE = 'is encrypted: add the credential passphrase, or decrypt it with openssl pkey';
const WRONG_PASSPHRASE = 'is encrypted and the credential passphrase does not open it';
const NOT_A_KEY = 'holds no PKCS#8 or PKCS#1 private key: it is damaged, cut off or something else';

function checkStrength(
  key: KeyObject,
  { name, type: wanted, allowWeakKey }: PrivateKeyOptions,
): Result<KeyObject> {
  const type = key.asymmetricKeyType ?? 'unknown';
  if (type !== wanted) return unusable(name, `is of type ${type}: ${TYPES[wanted]}`);
  if (type !== 'rsa') return succeed(key);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < MIN_WEAK_BITS) return unusable(name, `has ${bits} bits, at least ${MIN_BITS} are needed`);
  if (bits < MIN_BITS && !allowWeakKey) {
    return unusable(
      name,
      `has ${bits} bits, at least ${MIN_BITS} are needed (allowWeakKey: true takes 1024 and more)`,
    );
  }
  return succeed(key);
}

/**
 * EncryptedPrivateKeyInfo (RFC 5958, 3) starts with SEQUENCE, SEQUENCE; the plain forms start with SEQUENCE, INTEGER.
 * A public key starts like the encrypted form, so its algorithm must be one of PKCS#5 or PKCS#12 (1.2.840.113549.1.5
 * and .12).
 */
function isEncryptedPkcs8(der: Buffer): boolean {
  const head = der.subarray(0, 24).toString('hex');
  return /^30(?:[0-7].|8[1-4](?:..){1,4}?)30(?:[0-7].|8[12](?:..){1,2}?)06..2a864886f70d01(?:05|0c)/.test(
    head,
  );
}
