/**
 * What a call brings for TLS: certificates to trust, and a client certificate of its own (RFC 8446, 4.4.2; RFC 8705).
 *
 * Guarantee: what {@link readCallTls} accepts makes a handshake possible; no problem that it states quotes any part of a
 * text. The server's certificate is verified whatever is given here.
 *
 * Non-guarantee: whether a certificate is still valid is not looked at, the server says that.
 */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { codeOf } from '../error-code.ts';
import type { SecretText } from '../secret-text.ts';
import { attempt, CUT_OFF, OPENSSH, type PemBlock, readPem } from './pem.ts';

/** PEM texts; line ends may be written as `\n`, and a whole text may be base64 once more. */
export interface CallTls {
  /** Certificates to trust instead of the system's. */
  readonly ca?: SecretText | undefined;
  /** The client's certificate first, then those in between. */
  readonly certificate?: SecretText | undefined;
  /** The private key of the first certificate. */
  readonly key?: SecretText | undefined;
  /** Of an encrypted key. */
  readonly passphrase?: SecretText | undefined;
}

export type CallTlsSetting = keyof CallTls;

type Reading<T> =
  | ({ readonly ok: true } & T)
  | {
      readonly ok: false;
      readonly setting: CallTlsSetting;
      /** Lower case, continues the name of what holds it: "does not fit the certificate: …". */
      readonly problem: string;
    };

type CallTlsReading = Reading<{ readonly context: SecureContext }>;

const SETTINGS = ['ca', 'certificate', 'key', 'passphrase'] as const;

/** Whether two calls bring the same, by content. */
export function isSameTls(one: CallTls, other: CallTls): boolean {
  return SETTINGS.every((setting) => one[setting]?.equals(other[setting]) ?? other[setting] === undefined);
}

/** Checks all that is given, and makes of it what a handshake needs: some milliseconds of work. */
export function readCallTls({ ca, certificate, key, passphrase }: CallTls): CallTlsReading {
  const authorities = ca === undefined ? undefined : readCertificates('ca', ca);
  if (authorities?.ok === false) return authorities;
  const trusted = authorities === undefined ? {} : { ca: authorities.pem };
  if (certificate === undefined && key === undefined)
    return passphrase === undefined
      ? { ok: true, context: createSecureContext(trusted) }
      : wrong('passphrase', 'is given without a key and a certificate');
  if (certificate === undefined) return wrong('key', 'is given without a certificate');
  if (key === undefined) return wrong('certificate', 'is given without its private key');
  const own = readCertificates('certificate', certificate);
  if (!own.ok) return own;
  const secret = readKey(key, passphrase);
  if (!secret.ok) return secret;
  if (!own.certificates[0].checkPrivateKey(secret.key)) return wrong('key', describeMisfit(own, secret.key));
  try {
    const context = createSecureContext({
      ...trusted,
      cert: own.pem,
      key: secret.key.export({ type: 'pkcs8', format: 'pem' }),
    });
    return { ok: true, context };
  } catch (error) {
    // OpenSSL's security level: 1024 bits, or a signature that anybody can make.
    return wrong(
      'certificate',
      `is too weak for TLS, or of a kind that it does not know${describeCode(error)}`,
    );
  }
}

interface Certificates {
  readonly pem: string;
  readonly certificates: readonly [X509Certificate, ...X509Certificate[]];
}

const CERTIFICATE_LABEL = /^(?:X509 |TRUSTED )?CERTIFICATE$/;

function readCertificates(setting: CallTlsSetting, text: SecretText): Reading<Certificates> {
  const found = findBlocks(setting, text);
  if (!found.ok) return found;
  const own = found.blocks.filter(({ label }) => CERTIFICATE_LABEL.test(label));
  const read: X509Certificate[] = [];
  for (const { pem } of own) {
    const certificate = attempt(() => new X509Certificate(pem));
    if (certificate === undefined)
      return wrong(
        setting,
        `holds a certificate that is damaged (number ${read.length + 1} of ${own.length})`,
      );
    read.push(certificate);
  }
  const [first, ...others] = read;
  return first === undefined
    ? wrong(setting, `holds no certificate, but ${nameLabels(found.blocks)}`)
    : { ok: true, pem: read.map(String).join(''), certificates: [first, ...others] };
}

function readKey(text: SecretText, passphrase: SecretText | undefined): Reading<{ readonly key: KeyObject }> {
  const found = findBlocks('key', text);
  if (!found.ok) return found;
  const block = found.blocks.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (block === undefined) return wrong('key', `holds no private key, but ${nameLabels(found.blocks)}`);
  const { pem, label, isEncryptedByHeaders } = block;
  if (label === 'OPENSSH PRIVATE KEY') return wrong('key', OPENSSH);
  const isEncrypted = label === 'ENCRYPTED PRIVATE KEY' || isEncryptedByHeaders;
  if (isEncrypted && passphrase === undefined)
    return wrong('key', 'is encrypted, and no passphrase is given');
  const secret = passphrase === undefined ? {} : { passphrase: passphrase.reveal() };
  const key = attempt(() => createPrivateKey({ key: pem, format: 'pem', ...secret }));
  if (key !== undefined) return { ok: true, key };
  return isEncrypted ? wrong('passphrase', 'does not open the key') : wrong('key', 'is damaged');
}

function describeMisfit({ certificates }: Certificates, key: KeyObject): string {
  const place = certificates.findIndex((one) => one.checkPrivateKey(key));
  return place === -1
    ? 'does not fit the certificate'
    : `fits number ${place + 1} of the certificates: that one has to come first, those in between after it`;
}

/** One block at least. */
function findBlocks(
  setting: CallTlsSetting,
  text: SecretText,
): Reading<{ readonly blocks: readonly PemBlock[] }> {
  const { blocks, isCutOff } = readPem(text.reveal());
  if (blocks.length > 0) return { ok: true, blocks };
  return wrong(setting, isCutOff ? CUT_OFF : 'is no PEM: it has no BEGIN line');
}

const KNOWN_LABEL = /(?:KEY|CERTIFICATE|REQUEST|PARAMETERS|CRL)$/;

function nameLabels(blocks: readonly PemBlock[]): string {
  const labels = new Set(blocks.map(({ label }) => (KNOWN_LABEL.test(label) ? label : 'something else')));
  return [...labels].slice(0, 3).join(', ');
}

function wrong(setting: CallTlsSetting, problem: string): Reading<never> {
  return { ok: false, setting, problem };
}

function describeCode(error: unknown): string {
  const code = codeOf(error);
  return code !== undefined && /^ERR_[A-Z0-9_]{1,60}$/.test(code) ? ` (${code})` : '';
}
