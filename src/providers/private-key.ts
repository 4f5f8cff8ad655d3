/**
 * Private keys in every shape in which secret managers, environment variables and people hand them on.
 *
 * Guarantee: a key that is accepted makes the signatures that are asked for. Keys that would sign without an error and
 * yield another kind of signature (EC or rsa-pss for RSA) are refused. No message quotes any part of the text.
 */
import { createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
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
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;
/** Headers of an encrypted PKCS#1 PEM (RFC 1421, 4.6.1.1), perhaps with spaces for line breaks. */
const PROC_TYPE = /Proc-Type:\s*4\s*,\s*ENCRYPTED/;
const DEK_INFO = /DEK-Info:\s*([A-Z0-9-]+)\s*,\s*([0-9A-Fa-f]+)/;

/**
 * Parses a private key: PKCS#8 or PKCS#1; PEM with any line ends, byte order mark, literal `\n`, spaces for line
 * breaks or indentation; the bare base64 of its DER; the base64 of a PEM; encrypted ones with their passphrase.
 * Fails with `credentials-rejected`, saying what is wrong with it.
 */
export function parsePrivateKey(key: SecretText, options: PrivateKeyOptions): Result<KeyObject> {
  const shape = recognise(normalise(key.reveal()));
  if (typeof shape === 'string') return unusable(options.name, shape);
  const parsed = importKey(shape, options.passphrase);
  return typeof parsed === 'string' ? unusable(options.name, parsed) : checkStrength(parsed, options);
}

/** Key material that Node can be asked to import, in the order of likelihood. */
type KeyShape =
  | { readonly form: 'der'; readonly der: Buffer; readonly isEncrypted: boolean }
  /** Only PKCS#1 that is encrypted the old way needs its PEM headers. */
  | { readonly form: 'pem'; readonly pem: string };

function normalise(text: string): string {
  return text
    .replaceAll('\uFEFF', '')
    .replace(/\\+r/g, '')
    .replace(/\\+n/g, '\n')
    .trim()
    .replace(/^(["'])([\s\S]*)\1$/, '$2')
    .trim();
}

/** What the text holds, or why it is no private key. */
function recognise(text: string, isInner = false): KeyShape | string {
  const blocks = [...text.matchAll(PEM_BLOCK)].map(([, label = '', body = '']) => ({ label, body }));
  const block = blocks.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (block !== undefined) return recognisePem(block.label, block.body);
  const other = blocks[0];
  if (other !== undefined) return describeLabel(other.label);
  if (text.includes('-----BEGIN')) return 'has a BEGIN line but no matching END line: it was cut off';

  const der = decodeBase64(text);
  if (der === undefined) return 'is neither a PEM nor base64';
  const inner = normalise(der.toString('latin1'));
  if (!isInner && inner.startsWith('-----BEGIN')) return recognise(inner, true);
  return { form: 'der', der, isEncrypted: false };
}

function recognisePem(label: string, body: string): KeyShape | string {
  if (label === 'OPENSSH PRIVATE KEY') {
    return 'is an OpenSSH key: convert it with ssh-keygen -p -m PKCS8 -f FILE';
  }
  const dekInfo = DEK_INFO.exec(body);
  if (PROC_TYPE.test(body) && dekInfo !== null) {
    const [headers, cipher, iv] = dekInfo;
    const data = stripSpace(body.replace(PROC_TYPE, '').replace(headers, ''));
    const lines = data.match(/.{1,64}/g) ?? [];
    const dek = ['Proc-Type: 4,ENCRYPTED', `DEK-Info: ${cipher},${iv}`, ''];
    const pem = [`-----BEGIN ${label}-----`, ...dek, ...lines, `-----END ${label}-----`, ''];
    return { form: 'pem', pem: pem.join('\n') };
  }
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

function decodeBase64(text: string): Buffer | undefined {
  const compact = stripSpace(text);
  return BASE64.test(compact) ? Buffer.from(compact, 'base64') : undefined;
}

function stripSpace(text: string): string {
  return text.replace(/\s+/g, '');
}

/** Node's errors about keys are not passed on: they say less than we know, and might quote the input. */
function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
