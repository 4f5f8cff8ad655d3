/** The text of an access token in an answer: what is around it is taken off, what cannot be a token is refused. */
import { SecretText } from '../core/secret-text.ts';

type TokenReading =
  | { readonly ok: true; readonly token: SecretText; readonly notes: readonly string[] }
  /** `problem` continues `POST … answered 200`, `advice` says what to do; neither quotes. */
  | { readonly ok: false; readonly problem: string; readonly advice: string | undefined };

interface TokenTextInput {
  readonly accessToken: { readonly field: string; readonly value: unknown };
  readonly secrets: readonly SecretText[];
}

/** What a header can carry without quoting; RFC 6750, 2.1 allows less, real tokens use more. */
const USABLE_TOKEN = /^[\x21-\x7e]+$/;
const BEARER_PREFIX = /^bearer\s+/i;
/** One pair around all of it. */
const QUOTED = /^"(.*)"$/s;
const PLACEHOLDER = /^(?:null|undefined|none|nil|nan|true|false|\[object object\]|n\/a)$/i;
/**
 * A published document holds the token twice (by itself and ready for a header), and a secret at most 65,536 bytes. The
 * rest is for the other fields.
 */
export const MAX_TOKEN_BYTES = 31_000;

const REPORT = 'the token is not used; report it to the provider';

export function readToken({ accessToken: { field, value }, secrets }: TokenTextInput): TokenReading {
  if (value === undefined || value === null || value === '') {
    return { ok: false, problem: `without a token in ${field}`, advice: undefined };
  }
  const refuse = (problem: string): TokenReading => ({
    ok: false,
    problem: `with a token in ${field} that ${problem}`,
    advice: REPORT,
  });
  if (typeof value !== 'string') return refuse('is not text');
  const { text, notes } = unwrap(value, field);
  if (text === '') return refuse('is empty but for white space');
  if (PLACEHOLDER.test(text)) return refuse('is a word for nothing, as null or undefined');
  if (/\s/.test(text)) return refuse('holds white space or a line break inside');
  if (!USABLE_TOKEN.test(text))
    return refuse('holds control or non-ASCII characters, which no header can carry');
  // In JSON a quote and a backslash take two bytes.
  const bytes = JSON.stringify(text).length - 2;
  if (bytes > MAX_TOKEN_BYTES) {
    return refuse(`takes ${bytes} bytes, and at most ${MAX_TOKEN_BYTES} fit into a secret`);
  }
  const token = new SecretText(text);
  if (secrets.some((secret) => secret.equals(token))) return refuse('is what the request presented');
  return { ok: true, token, notes };
}

function unwrap(value: string, field: string): { readonly text: string; readonly notes: readonly string[] } {
  const trimmed = value.trim();
  const bare = trimmed.replace(QUOTED, '$1').trim().replace(BEARER_PREFIX, '').trim();
  // A scheme without a token.
  const text = /^bearer$/i.test(bare) ? '' : bare;
  const removed = [
    ...(trimmed === value ? [] : ['white space']),
    ...(trimmed === text ? [] : ['quotes or "Bearer"']),
  ];
  return {
    text,
    notes: removed.length === 0 ? [] : [`${field} held ${removed.join(' and ')} around the token`],
  };
}
