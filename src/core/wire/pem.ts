/**
 * PEM (RFC 7468) in every shape in which secret managers, environment variables and people hand it on: with any line ends,
 * a byte order mark, quotes, literal `\n`, spaces for line breaks or indentation, or as base64 once more.
 */

export interface PemBlock {
  readonly label: string;
  /** Base64 without white space, if it is what it should be. */
  readonly body: string;
  /** As OpenSSL wants it. */
  readonly pem: string;
  /** By the headers of RFC 1421, 4.6.1.1, which only {@link pem} has: the body alone says nothing of it. */
  readonly isEncryptedByHeaders: boolean;
}

/** Continue the name of what holds the text. */
export const CUT_OFF = 'has a BEGIN line but no matching END line: it was cut off';
export const OPENSSH = 'is an OpenSSH key: convert it with ssh-keygen -p -m PKCS8 -f FILE';

const BEGIN = '-----BEGIN';
const PEM_BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)-----END \1-----/g;
/** The end of the salt is known by its length, 8 or 16 bytes, where all line ends are lost. */
const OLD_HEADERS =
  /^\s*Proc-Type:\s*4\s*,\s*ENCRYPTED\s*DEK-Info:\s*([A-Z0-9-]+)\s*,\s*((?:[0-9A-Fa-f]{16}){1,2})/;
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/;

/** The blocks of a text. */
export function readPem(text: string): {
  readonly blocks: readonly PemBlock[];
  /** All of it: without a block it may be the base64 of a DER. */
  readonly text: string;
  readonly isCutOff: boolean;
} {
  const plain = tidy(text);
  const decoded = plain.includes(BEGIN) ? undefined : decodeBase64(plain)?.toString('latin1');
  const inner = decoded?.includes(BEGIN) ? tidy(decoded) : plain;
  const blocks = [...inner.matchAll(PEM_BLOCK)].map(([, label = '', body = '']) => readBlock(label, body));
  return { blocks, text: inner, isCutOff: blocks.length === 0 && inner.includes(BEGIN) };
}

function readBlock(label: string, written: string): PemBlock {
  const [headers, cipher, salt] = OLD_HEADERS.exec(written) ?? [''];
  const body = stripSpace(written.slice(headers.length));
  const head = headers === '' ? [] : ['Proc-Type: 4,ENCRYPTED', `DEK-Info: ${cipher},${salt}`, ''];
  const lines = [
    `-----BEGIN ${label}-----`,
    ...head,
    ...(body.match(/.{1,64}/g) ?? []),
    `-----END ${label}-----`,
    '',
  ];
  return { label, body, pem: lines.join('\n'), isEncryptedByHeaders: headers !== '' };
}

export function decodeBase64(text: string): Buffer | undefined {
  const compact = stripSpace(text);
  return BASE64.test(compact) ? Buffer.from(compact, 'base64') : undefined;
}

/** OpenSSL's own words about keys and certificates say less than we know, and might quote the input. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

function tidy(text: string): string {
  return text
    .replaceAll('\uFEFF', '')
    .replace(/\\+r/g, '')
    .replace(/\\+n/g, '\n')
    .trim()
    .replace(/^(["'])([\s\S]*)\1$/, '$2')
    .trim();
}

function stripSpace(text: string): string {
  return text.replace(/\s+/g, '');
}
