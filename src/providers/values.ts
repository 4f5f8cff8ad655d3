/**
 * Computed values of a description: timestamps, random numbers, hashes, signatures, tokens of our own.
 *
 * Guarantee: a value is computed once for each attempt, from what is declared before it, and a key is parsed once for
 * many tokens with the same credentials. Signatures are made in Node's thread pool: a thousand synchronous ones would block
 * the event loop for more than a second.
 */
import {
  constants,
  createHash,
  createHmac,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  publicEncrypt,
  type SignKeyObjectInput,
  sign,
  X509Certificate,
} from 'node:crypto';
import type { Credentials } from '../core/credential/credential-reading.ts';
import type { Random } from '../core/ports.ts';
import { type Result, succeed } from '../core/result.ts';
import { SecretText } from '../core/secret-text.ts';
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import { attempt, decodeBase64, readPem } from '../core/wire/pem.ts';
import { requireCredential, unusable } from './credential-value.ts';
import type { ValueNode } from './description.ts';
import type { FaultPath } from './faults.ts';
import { compileJson } from './json-template.ts';
import type { Names } from './names.ts';
import { compileParameters, joinParameters } from './parameters.ts';
import { parsePrivateKey } from './private-key.ts';
import { type Scope, Unfillable } from './scope.ts';
import { fillTemplate } from './template.ts';

export interface Moment {
  /** Wall time in milliseconds: that of the request. */
  readonly nowMs: number;
  readonly random: Random;
}

export type ComputeValue = (scope: Scope, moment: Moment) => string | Promise<string>;

export interface CompiledValue {
  readonly name: string;
  /** Checks the keys that it needs. */
  readonly prepare: (credentials: Credentials) => Result<ComputeValue>;
}

type Bytes = 'base64' | 'base64url' | 'hex' | 'hex-upper';

/** @param node from `valueForms` of the language */
export function compileValue(name: string, node: ValueNode, path: FaultPath, names: Names): CompiledValue {
  const always = (compute: ComputeValue): CompiledValue => ({ name, prepare: () => succeed(compute) });
  const textAt = (text: string, field: string): ((scope: Scope) => string) => {
    const parts = names.template(text, [...path, field]);
    return ({ valueOf }) => fillTemplate(parts, valueOf);
  };
  const useKey = (credential: string, passphrase: string | undefined): void => {
    names.use(credential, [...path, 'key'], 'credential');
    if (passphrase !== undefined) names.use(passphrase, [...path, 'passphrase'], 'credential');
  };
  const signature = (
    use: KeyUse & { readonly as: Bytes },
    text: (scope: Scope) => string,
    hash: string | undefined,
    options: Omit<SignKeyObjectInput, 'key'>,
  ): CompiledValue => {
    useKey(use.key, use.passphrase);
    const prepare = shared([use.key, use.passphrase], (credentials) => {
      const key = readPrivateKey(use, credentials);
      if (!key.ok) return key;
      const input = { key: key.value, ...options };
      return succeed(async (scope) => writeBytes(await signBytes(hash, text(scope), input), use.as));
    });
    return { name, prepare };
  };
  if ('now' in node) return always((_, { nowMs }) => formatMoment(nowMs, node));
  if ('random' in node) return always((_, { random }) => randomText(random, node.random, node.bytes));
  if ('digest' in node) {
    const text = textAt(node.text, 'text');
    return always((scope) => writeBytes(createHash(node.digest).update(text(scope)).digest(), node.as));
  }
  if ('hmac' in node) {
    const text = textAt(node.text, 'text');
    // A value as a key: signatures are chained at some APIs.
    names.use(node.key, [...path, 'key']);
    return always((scope) => {
      const key = readKeyBytes(scope.valueOf(node.key), node.keyAs, node.key);
      return writeBytes(createHmac(node.hmac, key).update(text(scope)).digest(), node.as);
    });
  }
  if ('rsa' in node) {
    const [padding, hash = 'sha256'] = node.rsa.split('-');
    const options =
      padding === 'pss'
        ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
        : { padding: constants.RSA_PKCS1_PADDING };
    return signature({ ...node, type: 'rsa' }, textAt(node.text, 'text'), hash, options);
  }
  if ('ecdsa' in node) {
    const use = { ...node, type: 'ec', allowWeakKey: false } as const;
    return signature(use, textAt(node.text, 'text'), node.ecdsa, { dsaEncoding: node.format });
  }
  if ('ed25519' in node) {
    const use = { ...node, type: 'ed25519', allowWeakKey: false } as const;
    return signature(use, textAt(node.ed25519, 'ed25519'), undefined, {});
  }
  if ('rsa-encrypt' in node) {
    const text = textAt(node.text, 'text');
    names.use(node.key, [...path, 'key'], 'credential');
    return { name, prepare: shared([node.key], (credentials) => prepareEncryption(credentials, node, text)) };
  }
  if ('jwt' in node) return compileJwt(name, node, path, names, useKey);
  if ('sorted' in node) {
    const items = compileParameters(node.sorted, [...path, 'sorted'], names).toSorted(
      ({ key: some }, { key: other }) => (some < other ? -1 : 1),
    );
    const encode = (text: string): string => (node.encode === 'url' ? encodeURIComponent(text) : text);
    return always((scope) => joinParameters(items, scope, encode, node));
  }
  if ('base64' in node) return encoded('base64', node.base64);
  if ('base64url' in node) return encoded('base64url', node.base64url);
  if ('hex' in node) return encoded('hex', node.hex);
  const text = textAt(node.text, 'text');
  return always(text);

  function encoded(form: 'base64' | 'base64url' | 'hex', template: string): CompiledValue {
    const fill = textAt(template, form);
    return always((scope) => Buffer.from(fill(scope), 'utf8').toString(form));
  }
}

type NowNode = Extract<ValueNode, { now: unknown }>;

/** Computed from the epoch: what the host's time zone is does not matter. */
function formatMoment(nowMs: number, { now, zone, precision }: NowNode): string {
  switch (now) {
    case 'epoch-seconds':
      return String(Math.floor(nowMs / 1000));
    case 'epoch-milliseconds':
      return String(Math.floor(nowMs));
    case 'http-date':
      return new Date(nowMs).toUTCString();
    case 'iso': {
      const local = new Date(nowMs + offsetMs(zone)).toISOString();
      return `${local.slice(0, precision === 'seconds' ? 19 : 23)}${zone}`;
    }
  }
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0;
  const [hours = 0, minutes = 0] = zone.slice(1).split(':').map(Number);
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

function randomText(random: Random, form: 'uuid' | 'hex' | 'base64' | 'base64url', bytes: number): string {
  if (form === 'uuid') return random.uuid();
  // A UUID has 122 bits that nobody can guess; two of them for each 32 bytes.
  const blocks = Array.from({ length: Math.ceil(bytes / 32) }, () =>
    createHash('sha256').update(random.uuid()).update(random.uuid()).digest(),
  );
  return Buffer.concat(blocks).subarray(0, bytes).toString(form);
}

function writeBytes(bytes: Buffer, form: Bytes): string {
  return form === 'hex-upper' ? bytes.toString('hex').toUpperCase() : bytes.toString(form);
}

function readKeyBytes(text: string, form: 'text' | 'base64' | 'hex', name: string): Buffer {
  if (form === 'text') return Buffer.from(text, 'utf8');
  const compact = text.replace(/\s+/g, '');
  const pattern = form === 'hex' ? /^(?:[0-9a-fA-F]{2})+$/ : /^[A-Za-z0-9+/_-]+={0,2}$/;
  if (!pattern.test(compact)) throw new Unfillable(`${name} is no ${form}`, [name]);
  return Buffer.from(compact, form);
}

interface KeyUse {
  readonly key: string;
  readonly passphrase?: string | undefined;
  readonly type: 'rsa' | 'ec' | 'ed25519';
  readonly allowWeakKey: boolean;
}

function readPrivateKey({ passphrase, ...use }: KeyUse, credentials: Credentials): Result<KeyObject> {
  const key = requireCredential(credentials, use.key);
  if (!key.ok) return key;
  const opening = passphrase === undefined ? undefined : credentials.get(passphrase);
  return parsePrivateKey(key.value, { ...use, name: use.key, passphrase: opening });
}

/**
 * Tokens with the same credentials share what is made of them, because one parsed key for each of 10,000 adds up.
 * @param names of the credentials that it depends on
 */
function shared(
  names: readonly (string | undefined)[],
  make: CompiledValue['prepare'],
): CompiledValue['prepare'] {
  let latest:
    | { readonly texts: readonly (SecretText | undefined)[]; readonly made: Result<ComputeValue> }
    | undefined;
  return (credentials) => {
    const texts = names.map((name) => (name === undefined ? undefined : credentials.get(name)));
    const isSame = texts.every((text, index) =>
      text === undefined ? latest?.texts[index] === undefined : text.equals(latest?.texts[index]),
    );
    if (latest === undefined || !isSame) latest = { texts, made: make(credentials) };
    return latest.made;
  };
}

function signBytes(hash: string | undefined, text: string, input: SignKeyObjectInput): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sign(hash, Buffer.from(text, 'utf8'), input, (error, signature) => {
      if (error === null) resolve(signature);
      else reject(error);
    });
  });
}

type EncryptNode = Extract<ValueNode, { 'rsa-encrypt': unknown }>;

function prepareEncryption(
  credentials: Credentials,
  node: EncryptNode,
  text: (scope: Scope) => string,
): Result<ComputeValue> {
  const key = readPublicKey(credentials.get(node.key));
  if (key?.asymmetricKeyType !== 'rsa')
    return unusable(node.key, 'is no RSA public key or certificate in PEM, or base64 of its DER');
  const form = node['rsa-encrypt'];
  const options =
    form === 'pkcs1'
      ? { padding: constants.RSA_PKCS1_PADDING }
      : { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: form === 'oaep-sha1' ? 'sha1' : 'sha256' };
  return succeed((scope) => {
    const bytes = Buffer.from(text(scope), 'utf8');
    const most =
      (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8 -
      (form === 'pkcs1' ? 11 : form === 'oaep-sha1' ? 42 : 66);
    if (bytes.length > most)
      throw new Unfillable(`the text to encrypt for ${node.key} is longer than ${most} bytes`, [node.key]);
    return writeBytes(publicEncrypt({ key, ...options }, bytes), node.as);
  });
}

function readPublicKey(written: SecretText | undefined): KeyObject | undefined {
  const certificate = readCertificate(written);
  if (certificate !== undefined) return certificate.publicKey;
  const { blocks, text } = readPem(written?.reveal() ?? '');
  const block = blocks.find(({ label }) => label.endsWith('PUBLIC KEY')) ?? blocks[0];
  if (block !== undefined) return attempt(() => createPublicKey(block.pem));
  const der = decodeBase64(text);
  return der && attempt(() => createPublicKey({ key: der, format: 'der', type: 'spki' }));
}

/** The first one. */
function readCertificate(written: SecretText | undefined): X509Certificate | undefined {
  const { blocks } = readPem(written?.reveal() ?? '');
  const block = blocks.find(({ label }) => label.endsWith('CERTIFICATE'));
  return block && attempt(() => new X509Certificate(block.pem));
}

type JwtNode = Extract<ValueNode, { jwt: unknown }>;

const CURVES: ReadonlyMap<string, string> = new Map([
  ['ES256', 'prime256v1'],
  ['ES384', 'secp384r1'],
  ['ES512', 'secp521r1'],
]);

function compileJwt(
  name: string,
  node: JwtNode,
  path: FaultPath,
  names: Names,
  useKey: (credential: string, passphrase: string | undefined) => void,
): CompiledValue {
  useKey(node.key, node.passphrase);
  if (node.thumbprintOf !== undefined) names.use(node.thumbprintOf, [...path, 'thumbprintOf'], 'credential');
  const header = compileJson(node.header, [...path, 'header'], names);
  const claims = compileJson(node.claims, [...path, 'claims'], names, { hasMoments: true });
  const build = (key: KeyObject, credentials: Credentials): Result<ComputeValue> => {
    const curve = key.asymmetricKeyDetails?.namedCurve;
    const wanted = CURVES.get(node.jwt);
    if (wanted !== undefined && curve !== wanted)
      return unusable(node.key, `has the curve ${curve}: ${node.jwt} signs with ${wanted}`);
    const certificate =
      node.thumbprintOf === undefined ? undefined : readCertificate(credentials.get(node.thumbprintOf));
    if (node.thumbprintOf !== undefined && certificate === undefined)
      return unusable(node.thumbprintOf, 'is no certificate in PEM');
    const thumbprint = certificate && createHash('sha256').update(certificate.raw).digest('base64url');
    return succeed(async (scope, { nowMs, random }) => {
      const issuedAt = Math.floor((nowMs - node.backdate) / 1000);
      const standard = {
        iat: issuedAt,
        exp: issuedAt + Math.floor(node.lifetime / 1000),
        jti: random.uuid(),
      };
      const filled = asObject(claims(scope, nowMs));
      const payload = Object.fromEntries(
        Object.entries({ ...standard, ...filled }).filter(([, value]) => value !== null),
      );
      // Read when it is first needed: most configurations sign nothing so.
      const { SignJWT } = await import('jose');
      return new SignJWT(payload)
        .setProtectedHeader({
          typ: 'JWT',
          ...(thumbprint === undefined ? {} : { 'x5t#S256': thumbprint }),
          ...asObject(header(scope)),
          alg: node.jwt,
        })
        .sign(key);
    });
  };
  const type = node.jwt === 'EdDSA' ? 'ed25519' : node.jwt.startsWith('ES') ? 'ec' : 'rsa';
  const readKey = (credentials: Credentials): Result<KeyObject> => {
    if (!node.jwt.startsWith('HS'))
      return readPrivateKey({ ...node, type, allowWeakKey: false }, credentials);
    const secret = requireCredential(credentials, node.key);
    return secret.ok ? succeed(createSecretKey(secret.value.reveal(), 'utf8')) : secret;
  };
  const prepare = shared([node.key, node.passphrase, node.thumbprintOf], (credentials) => {
    const key = readKey(credentials);
    return key.ok ? build(key.value, credentials) : key;
  });
  return { name, prepare };
}

function asObject(value: unknown): JsonObject {
  return isJsonObject(value) ? value : {};
}
