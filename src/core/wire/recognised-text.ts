/**
 * Texts from outside (what a provider says in an error), made fit for a log line.
 *
 * A server knows the credentials that it was sent and may spell them in any way: encoded, reversed, in pieces, in look-alike
 * letters. Comparing spellings is a race that is lost. So nothing is shown because it is not known to be bad; only what
 * is recognised is shown: words of `plain-words.ts`, and numbers that are statuses. All else is `...`.
 *
 * Guarantee: a result is printable ASCII of bounded length and consists of those words, their separators, `...` and
 * statuses; and of those words none that a given secret contains (the error codes of RFC 6749: none that is half of one), nor several
 * that together spell six letters of one.
 *
 * Non-guarantee: a server that agrees on a code with somebody who reads the log (the first letters of ordinary words)
 * gets a few letters through in each message.
 */

import type { SecretText } from '../secret-text.ts';
import { PLAIN_WORDS } from './plain-words.ts';

const MAX_MESSAGE_LENGTH = 120;
const MAX_CODE_LENGTH = 64;
/** Bodies have up to 1 MiB; nobody reads further than this. */
const MAX_EXAMINED_LENGTH = 2_000;
/** In place of everything that is not recognised. */
const UNRECOGNISED = '...';

/** The errors of RFC 6749 (4.1.2.1, 5.2) and 8628 (3.5): constants that tell nothing of a secret with `client` in it. */
const STANDARD_CODES: ReadonlySet<string> = new Set([
  'access_denied',
  'invalid_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'server_error',
  'slow_down',
  'temporarily_unavailable',
  'unauthorized_client',
  'unsupported_grant_type',
  'unsupported_response_type',
]);

/** An HTTP status of an error, or what SNAP makes of one: status, service (73, 74), case. */
const STATUS_NUMBER = /^[45]\d\d(?:7[34][01]\d)?$/;
/** Words joined as in `invalid_grant`, `appId/appSecret`, `Unauthorized.Invalid`, between what a sentence puts around. */
const CHUNK = /^["'(]?([A-Za-z]+(?:[-_./:'][A-Za-z]+)*)(["')]?[.,:;!?]?)$/;
const WORD = /[A-Z]+(?![a-z])|[A-Z]?[a-z]+/g;
const CODE = /^[A-Za-z]+(?:[-_.][A-Za-z]+)*$/;
/** Says nothing, and would be the one letter to spell with. */
const ARTICLE = /^a$/i;
/** Around a PEM key: no part of the secret. */
const PEM_LINE = /-----[A-Z ]+-----/g;

/**
 * A code that is made of plain words (`INVALID_REFRESH_TOKEN`, `invalid_grant`, `ThrottlingException`) or is a status
 * (`401`, SNAP's `4017300`); `undefined` for anything else.
 */
export function recogniseCode(value: unknown, secrets: readonly SecretText[]): string | undefined {
  const code = typeof value === 'number' ? String(value) : value;
  if (typeof code !== 'string' || code.length > MAX_CODE_LENGTH) return undefined;
  const guard = new SecretWords(secrets);
  if (STATUS_NUMBER.test(code)) return guard.hidesNumber(code) ? undefined : code;
  if (STANDARD_CODES.has(code)) return guard.hidesStandard(code) ? undefined : code;
  const words = CODE.test(code) ? wordsOf(code) : undefined;
  return words === undefined || guard.hides(words) ? undefined : code;
}

/** The plain words of a sentence, at most 120 characters; `undefined` when there is none. */
export function recogniseMessage(value: unknown, secrets: readonly SecretText[]): string | undefined {
  if (typeof value !== 'string') return undefined;
  const guard = new SecretWords(secrets);
  const chunks = value.slice(0, MAX_EXAMINED_LENGTH).split(/[\s\p{Cc}]+/u);
  const shown = chunks
    .filter((chunk) => chunk !== '' && !ARTICLE.test(chunk))
    .map((chunk) => {
      const words = wordsOf(chunk);
      return words === undefined || guard.hides(words) ? UNRECOGNISED : chunk.replace(/["'()]/g, '');
    });
  const left = guard.breakUp(shown);
  const message = cut(left.filter((chunk, at) => chunk !== UNRECOGNISED || left[at - 1] !== UNRECOGNISED));
  return /[A-Za-z]{2}/.test(message) ? message : undefined;
}

/** Whole words, so that nothing is left of one that is not one. */
function cut(chunks: readonly string[]): string {
  let message = '';
  for (const chunk of chunks) {
    const longer = message === '' ? chunk : `${message} ${chunk}`;
    if (longer.length > MAX_MESSAGE_LENGTH) break;
    message = longer;
  }
  return message;
}

/** The words of a chunk in lower case; `undefined` unless all of them are plain. */
function wordsOf(chunk: string): readonly string[] | undefined {
  const [, joined] = CHUNK.exec(chunk) ?? [];
  if (joined === undefined) return undefined;
  const words = joined.split(/[^A-Za-z]/).flatMap((part) => part.match(WORD) ?? [part]);
  const lower = words.map((word) => word.toLowerCase());
  return lower.every((word) => PLAIN_WORDS.has(word)) ? lower : undefined;
}

/** Letters in a row that words must not share with a secret. */
const SPELLED_LETTERS = 6;
/** In a key of thousands of letters any short word is found by chance. */
const MAX_PASSWORD_LENGTH = 256;
const MIN_WORD_LENGTH = 3;

/** Secrets may be made of plain words too, all of them or in part. */
class SecretWords {
  /** Letters alone, in lower case, also backwards. */
  readonly #spellings: readonly { readonly letters: string; readonly minLength: number }[];
  readonly #numbers: readonly string[];

  constructor(secrets: readonly SecretText[]) {
    const texts = secrets.map((secret) => secret.reveal().replace(PEM_LINE, ''));
    this.#numbers = texts.map((text) => text.replace(/\D+/g, '')).filter((digits) => digits.length >= 3);
    this.#spellings = texts.flatMap((text) => {
      const letters = text.toLowerCase().replace(/[^a-z]+/g, '');
      const minLength = text.length > MAX_PASSWORD_LENGTH ? SPELLED_LETTERS : MIN_WORD_LENGTH;
      return [letters, letters.split('').toReversed().join('')]
        .filter((spelling) => spelling !== '')
        .map((spelling) => ({ letters: spelling, minLength }));
    });
  }

  /** True when one of the words, or all of them together, is part of a secret, or a secret part of them. */
  hides(words: readonly string[]): boolean {
    return (
      words.some((word) => this.#isPartOfSecret(word)) ||
      (words.length > 1 && this.#spelledSpan(words.join('')) !== undefined)
    );
  }

  #isPartOfSecret(word: string): boolean {
    return this.#spellings.some(
      ({ letters, minLength }) =>
        letters === word ||
        (word.length >= minLength && letters.includes(word)) ||
        (letters.length >= MIN_WORD_LENGTH && word.includes(letters)),
    );
  }

  /** True when a word of the code is half of a secret or more. */
  hidesStandard(code: string): boolean {
    const words = [...code.split('_'), code.replace(/_/g, '')];
    return this.#spellings.some(({ letters }) =>
      words.some(
        (word) =>
          (letters.includes(word) && word.length * 2 >= letters.length) ||
          (letters.length >= MIN_WORD_LENGTH && word.includes(letters)),
      ),
    );
  }

  hidesNumber(digits: string): boolean {
    return this.#numbers.some((number) => number.includes(digits) || digits.includes(number));
  }

  /** Takes out the chunks that only together spell a part of a secret. */
  breakUp(chunks: readonly string[]): readonly string[] {
    const left = [...chunks];
    for (;;) {
      const letters = left.map((chunk) => chunk.toLowerCase().replace(/[^a-z]+/g, ''));
      const span = this.#spelledSpan(letters.join(''));
      if (span === undefined) return left;
      let at = 0;
      for (const [index, chunk] of letters.entries()) {
        const isInSpan = at < span.end && at + chunk.length > span.start;
        at += chunk.length;
        if (isInSpan) left[index] = UNRECOGNISED;
      }
    }
  }

  /** Where the text shares letters in a row with a secret. */
  #spelledSpan(text: string): { readonly start: number; readonly end: number } | undefined {
    for (const { letters } of this.#spellings) {
      const length = Math.min(SPELLED_LETTERS, letters.length);
      if (length < MIN_WORD_LENGTH) continue;
      for (let start = 0; start + length <= text.length; start += 1) {
        if (letters.includes(text.slice(start, start + length))) return { start, end: start + length };
      }
    }
    return undefined;
  }
}
