/** Undoes `content-encoding` (RFC 9110, 8.4): a server may code its answer unasked (12.5.3). */
import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { type HttpBody, MAX_BODY_BYTES } from '../../core/wire/http-call.ts';

type Decode = (bytes: Uint8Array) => Uint8Array;

/** Ends as soon as there is more. Synchronous: the asynchronous ones wait for the pool that files may hold. */
const LIMIT = { maxOutputLength: MAX_BODY_BYTES };

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  ['gzip', (bytes) => gunzipSync(bytes, LIMIT)],
  ['x-gzip', (bytes) => gunzipSync(bytes, LIMIT)],
  ['deflate', inflateEither],
  ['br', (bytes) => brotliDecompressSync(bytes, LIMIT)],
  ['zstd', (bytes) => zstdDecompressSync(bytes, LIMIT)],
]);

/** What servers write there although nothing is coded: a character set, `content-transfer-encoding` of mail (RFC 2045). */
const NO_CODINGS: ReadonlySet<string> = new Set([
  '',
  'identity',
  'none',
  'utf-8',
  'utf8',
  'us-ascii',
  'iso-8859-1',
  '7bit',
  '8bit',
  'binary',
]);

/** Others of IANA's list, and S3's. A name that is none may be anything, a credential too, and is not shown. */
const KNOWN_CODINGS: ReadonlySet<string> = new Set([
  'aes128gcm',
  'aws-chunked',
  'compress',
  'x-compress',
  'dcb',
  'dcz',
  'exi',
  'pack200-gzip',
]);

/** Nobody needs more; each costs up to the limit in memory and time. */
const MAX_CODINGS = 3;

/** @param codings values of `content-encoding`, in the order in which they were applied */
export function decodeBody(raw: Uint8Array, codings: readonly string[]): HttpBody {
  const names = codings.flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase());
  const applied = names.filter((name) => !NO_CODINGS.has(name)).toReversed();
  if (applied.length > MAX_CODINGS) return { problem: `more than ${MAX_CODINGS} content codings` };
  // Nothing is no valid gzip, and what bodiless answers hold.
  if (raw.byteLength === 0) return { bytes: raw };
  let bytes = raw;
  for (const name of applied) {
    const decode = DECODERS.get(name);
    if (decode === undefined) {
      return { problem: `an unknown content coding${KNOWN_CODINGS.has(name) ? ` (${name})` : ''}` };
    }
    try {
      bytes = decode(bytes);
    } catch (error) {
      const isLarge = error instanceof RangeError;
      return { problem: isLarge ? TOO_LARGE : `a body that is not ${name} although it says so` };
    }
  }
  return { bytes };
}

export const TOO_LARGE = 'more than 1 MiB';

/** RFC 9110 means zlib's format, but some servers send bare deflate. */
function inflateEither(bytes: Uint8Array): Uint8Array {
  const isZlib = ((bytes[0] ?? 0) & 0x0f) === 8 && (((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0)) % 31 === 0;
  return isZlib ? inflateSync(bytes, LIMIT) : inflateRawSync(bytes, LIMIT);
}
