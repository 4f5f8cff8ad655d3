/**
 * The SNAP side of a token request (Bank Indonesia's open API standard): timestamp, signature, headers, options.
 *
 * Guarantee: the signature covers exactly the bytes of the `X-TIMESTAMP` header that goes out with it, and the
 * timestamp does not depend on the host's time zone. (Two vendors' libraries format `-00:00` and `+5.5:30` in
 * containers.)
 */
import { constants, type KeyObject, sign } from 'node:crypto';
import { z } from 'zod';
import { type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import { requireCredential, requireHeaderCredential } from './credential-value.ts';
import { parsePrivateKey } from './private-key.ts';
import type { CredentialFields, Credentials } from './provider.ts';

export const TIMESTAMP_FORMATS = [
  'jakarta-seconds',
  'jakarta-milliseconds',
  'utc-seconds',
  'utc-milliseconds',
] as const;

export type TimestampFormat = (typeof TIMESTAMP_FORMATS)[number];

const PATH_FORM = 'a path that begins with / and holds no spaces';

/** Where SNAP services differ. The defaults are Pivot's. */
export interface SnapOptions {
  readonly timestampFormat: TimestampFormat;
  readonly grantTypeCase: 'lower' | 'upper';
  readonly grantTypeKey: 'grantType' | 'grant_type';
  readonly path: string;
  readonly allowWeakKey: boolean;
}

/** The SNAP options as a zod shape, to be spread into a kind's options. */
export function snapOptionShape(defaultPath: string) {
  return {
    timestampFormat: z
      .enum(TIMESTAMP_FORMATS)
      .default('jakarta-seconds')
      .describe(
        'form of the X-TIMESTAMP header: at +07:00 (jakarta) or Z (utc), with or without milliseconds',
      ),
    grantTypeCase: z
      .enum(['lower', 'upper'])
      .default('lower')
      .describe('how the grant type is spelt; lower: client_credentials; upper: CLIENT_CREDENTIALS'),
    grantTypeKey: z
      .enum(['grantType', 'grant_type'])
      .default('grantType')
      .describe('name of the field in the body that holds the grant type'),
    path: z
      .string()
      .regex(/^\/[!-~]*$/, PATH_FORM)
      .meta({ errorMessage: PATH_FORM })
      .default(defaultPath)
      .describe('path of the token endpoint, appended to baseUrl'),
    allowWeakKey: z.boolean().default(false).describe('accept RSA keys from 1024 bits on, instead of 2048'),
  };
}

export const SNAP_CREDENTIALS: CredentialFields = {
  clientId: { description: 'client id, sent as X-CLIENT-KEY' },
  privateKey: { description: 'RSA private key that signs the requests, PKCS#8 or PKCS#1' },
  passphrase: { description: 'passphrase of an encrypted private key', optional: true },
};

/** What a rejected signature may be due to, for messages. */
export const SNAP_CREDENTIAL_NAMES = 'clientId and privateKey';

/** Who signs, with a key that was parsed once. */
export interface SnapSigner {
  readonly clientId: SecretText;
  readonly privateKey: KeyObject;
}

export type SignerPreparation = (credentials: Credentials) => Result<SnapSigner>;

/** The same for many tokens: those with the same credentials share a signer, because a key for each of 10,000 adds up. */
export function createSignerPreparation(options: SnapOptions): SignerPreparation {
  let latest: { readonly credentials: Credentials; readonly signer: SnapSigner } | undefined;
  return (credentials) => {
    const used = latest?.credentials;
    if (latest !== undefined && SIGNER_CREDENTIALS.every((name) => isSame(credentials, used, name)))
      return succeed(latest.signer);
    const signer = prepareSigner(credentials, options);
    if (signer.ok) latest = { credentials, signer: signer.value };
    return signer;
  };
}

const SIGNER_CREDENTIALS = Object.keys(SNAP_CREDENTIALS);

function isSame(some: Credentials, others: Credentials | undefined, name: string): boolean {
  const value = some.get(name);
  return value === undefined ? others?.get(name) === undefined : value.equals(others?.get(name));
}

/** Checks the SNAP credentials and parses the key. */
export function prepareSigner(credentials: Credentials, options: SnapOptions): Result<SnapSigner> {
  const clientId = requireHeaderCredential(credentials, 'clientId');
  if (!clientId.ok) return clientId;
  const pem = requireCredential(credentials, 'privateKey');
  if (!pem.ok) return pem;
  const privateKey = parsePrivateKey(pem.value, {
    name: 'privateKey',
    passphrase: credentials.get('passphrase'),
    allowWeakKey: options.allowWeakKey,
  });
  if (!privateKey.ok) return privateKey;
  return succeed({ clientId: clientId.value, privateKey: privateKey.value });
}

/** The three SNAP headers. Make them afresh for every attempt: servers refuse a timestamp that is minutes old. */
export async function buildSnapHeaders(
  { clientId, privateKey }: SnapSigner,
  nowMs: number,
  format: TimestampFormat,
): Promise<Readonly<Record<string, string>>> {
  const timestamp = formatTimestamp(nowMs, format);
  const clientKey = clientId.reveal();
  const signature = await signText(privateKey, `${clientKey}|${timestamp}`);
  return { 'x-timestamp': timestamp, 'x-client-key': clientKey, 'x-signature': signature };
}

const JAKARTA_OFFSET_MS = 7 * 3_600_000;

/** `2026-11-21T19:21:02+07:00` and its variants, computed from the epoch. @param atMs wall time in milliseconds */
export function formatTimestamp(atMs: number, format: TimestampFormat): string {
  const jakarta = new Date(atMs + JAKARTA_OFFSET_MS).toISOString();
  const utc = new Date(atMs).toISOString();
  switch (format) {
    case 'jakarta-seconds':
      return `${jakarta.slice(0, 19)}+07:00`;
    case 'jakarta-milliseconds':
      return `${jakarta.slice(0, 23)}+07:00`;
    case 'utc-seconds':
      return `${utc.slice(0, 19)}Z`;
    case 'utc-milliseconds':
      return utc;
  }
}

/** The grant as this service spells it: `{ grantType: 'client_credentials' }`. */
export function spellGrant(grant: string, options: SnapOptions): Readonly<Record<string, string>> {
  return { [options.grantTypeKey]: options.grantTypeCase === 'upper' ? grant.toUpperCase() : grant };
}

/**
 * RSASSA-PKCS1-v1_5 with SHA-256 in standard base64. Asynchronous, in Node's thread pool: a thousand synchronous
 * signatures would block the event loop for more than a second.
 */
function signText(key: KeyObject, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const input = { key, padding: constants.RSA_PKCS1_PADDING };
    sign('sha256', Buffer.from(text, 'ascii'), input, (error, signature) => {
      if (error === null) resolve(signature.toString('base64'));
      else reject(error);
    });
  });
}
