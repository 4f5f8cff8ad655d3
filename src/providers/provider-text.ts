/**
 * What a provider says in an error, made fit for a log line.
 *
 * Guarantee: a result is printable ASCII of bounded length and holds no piece of eight or more characters of any of the
 * given secrets (nor a whole shorter one), and no token-like run of 20 or more characters.
 *
 * Non-guarantee: a secret that is spelled differently (encrypted, reversed, split by other text) is not recognised.
 */
import type { SecretText } from '../core/secret-text.ts';

/** What a provider's error body says, already sanitised. */
export interface ProviderStatement {
  readonly code: string | undefined;
  readonly message: string | undefined;
}

const REDACTED = '[redacted]';
const MAX_MESSAGE_LENGTH = 120;
/** Bodies have up to 1 MiB; nobody reads further than this. */
const MAX_EXAMINED_LENGTH = 2_000;
const PIECE_LENGTH = 8;
const CODE = /^[A-Za-z0-9_.-]{1,64}$/;
/** `INVALID_REFRESH_TOKEN` is a code, `sk_live_51H8x…` is not: words of letters, none of them long. */
const LONG_CODE = /^[A-Za-z]{1,19}(?:[_.-][A-Za-z]{1,19})*$/;
const TOKEN_LIKE = /[A-Za-z0-9_+/=~-]{20,}/g;

/** Sanitises the code and the message of an error body; whatever is not text or a number is left out. */
export function parseStatement(
  code: unknown,
  message: unknown,
  secrets: readonly SecretText[],
): ProviderStatement {
  return { code: sanitiseCode(code, secrets), message: sanitiseMessage(message, secrets) };
}

/** A short code of letters, digits, `_`, `.` and `-`; `undefined` when it is anything else or holds a secret. */
export function sanitiseCode(value: unknown, secrets: readonly SecretText[]): string | undefined {
  const code = typeof value === 'number' ? String(value) : value;
  if (typeof code !== 'string' || !CODE.test(code)) return undefined;
  if (code.length >= 20 && !LONG_CODE.test(code)) return undefined;
  return markSecrets(code, secrets).includes(true) ? undefined : code;
}

/** A message of at most 120 printable characters, secrets replaced; `undefined` when nothing is left to read. */
export function sanitiseMessage(value: unknown, secrets: readonly SecretText[]): string | undefined {
  if (typeof value !== 'string') return undefined;
  const printable = toPrintable(value.slice(0, MAX_EXAMINED_LENGTH));
  const message = redact(printable, secrets).slice(0, MAX_MESSAGE_LENGTH).trim();
  return message === '' ? undefined : message;
}

/** Replaces what is secret or looks like it. Spans are marked first and replaced at once, so none can be re-joined. */
function redact(text: string, secrets: readonly SecretText[]): string {
  const isSecret = markSecrets(text, secrets);
  for (const match of text.matchAll(TOKEN_LIKE))
    isSecret.fill(true, match.index, match.index + match[0].length);
  let redacted = '';
  for (let at = 0; at < text.length; at += 1) {
    if (!isSecret[at]) redacted += text.charAt(at);
    else if (!isSecret[at - 1]) redacted += REDACTED;
  }
  return redacted;
}

/** For each character whether it belongs to a piece of a secret. */
function markSecrets(text: string, secrets: readonly SecretText[]): boolean[] {
  const isSecret = Array.from({ length: text.length }, () => false);
  const lowerText = text.toLowerCase();
  for (const piece of secrets.flatMap(piecesOf)) {
    for (let at = lowerText.indexOf(piece); at >= 0; at = lowerText.indexOf(piece, at + 1)) {
      isSecret.fill(true, at, at + piece.length);
    }
  }
  return isSecret;
}

/** Every piece of eight characters of a secret, in lower case: an echo may be cut or changed in case. */
function piecesOf(secret: SecretText): readonly string[] {
  const text = secret.reveal();
  return [text, encodeURIComponent(text.toWellFormed())].flatMap((spelling) => {
    const lower = toPrintable(spelling).trim().toLowerCase();
    if (lower.length <= PIECE_LENGTH) return lower === '' ? [] : [lower];
    return Array.from({ length: lower.length - PIECE_LENGTH + 1 }, (_, at) =>
      lower.slice(at, at + PIECE_LENGTH),
    );
  });
}

/** Printable ASCII; everything else becomes a space, and spaces are collapsed. */
function toPrintable(text: string): string {
  return text.replace(/[^\x21-\x7e]+/g, ' ');
}
