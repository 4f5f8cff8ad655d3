import { hash } from 'node:crypto';
import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/**
 * A secret string: an access token, a refresh token, a credential, a document that contains one.
 *
 * Guarantee: every way in which JavaScript turns a value into text (`String()`, template literals, `JSON.stringify`,
 * `util.inspect`, `console.log`) yields `[redacted]`. Only {@link SecretText.reveal} gives the text away, and grep
 * finds every call of it.
 *
 * Non-guarantee: the text stays in memory until it is collected; a heap dump contains it.
 */
export class SecretText {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text itself. Call it where bytes leave for the provider or the store, and nowhere else. */
  reveal(): string {
    return this.#text;
  }

  /** True when both hold the same text. */
  equals(other: SecretText | undefined): boolean {
    return other !== undefined && other.#text === this.#text;
  }

  /**
   * SHA-256 of the text, 43 characters of base64url: tells later whether another text is the same one, without keeping
   * this one. For tokens, which nobody can guess; a password could be guessed by it.
   */
  fingerprint(): string {
    return hash('sha256', this.#text, 'base64url');
  }

  /** Length in UTF-16 units, for messages that must say how much there is without saying what. */
  get length(): number {
    return this.#text.length;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
