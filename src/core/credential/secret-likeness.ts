/**
 * Whether a text of the configuration may be a credential that was put in the place of a name: then no message quotes it.
 *
 * Guarantee: keys and tokens of the usual forms are recognised, in the place of a variable, a path, a secret or any other
 * value. Non-guarantee: a password that looks like a word cannot be told from one.
 */

/** As the issuers of keys mark them, so that scanners find them; JSON Web Tokens and PEMs. */
const MARKED =
  /(?:^|[^A-Za-z0-9])(?:[spr]k_(?:live|test|prod)_|whsec_|gh[pousr]_|github_pat_|glpat-|xox[a-z]-|AIza|ya29\.|SG\.|(?:AKIA|ASIA)[A-Z0-9]{12}|eyJ[A-Za-z0-9_-]{8})|-----BEGIN/;
const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/i;
/** No name has so many letters and digits in one word. */
const LONG_WORD = 16;

export function mayBeSecret(text: string): boolean {
  if (MARKED.test(text) || UUID.test(text)) return true;
  return text
    .split(/[^A-Za-z0-9+=]+/)
    .some((word) => word.length >= LONG_WORD && /[0-9+=]/.test(word) && /[A-Za-z]/.test(word));
}

/** Longer texts are not shown: they may be a key or a token in the wrong place. */
const MAX_SHOWN = 60;

/** What was configured, for a message: `"payments/acme"`, or `a string of 32 characters` for what may be a credential. */
export function quote(text: string, longest = MAX_SHOWN): string {
  return text.length > longest || mayBeSecret(text)
    ? `a string of ${text.length} characters`
    : quoteVisibly(text);
}

/** In quotes; what nobody sees, or what turns the text around it (as copied from a web page), as an escape: `"ac\\u200bme"`. */
export function quoteVisibly(text: string): string {
  return JSON.stringify(text).replace(/[\p{Cc}\p{Cf}\p{Z}]/gu, (character) =>
    character === ' '
      ? character
      : character
          .split('')
          .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
          .join(''),
  );
}

/** `ACME_APP_SECRET`, `ACME_B2B_CLIENT_ID`: as variables are named. What else is allowed may as well be a value. */
export function isPlainVariable(name: string): boolean {
  return (
    !mayBeSecret(name) &&
    name.split('_').every((word) => /^[A-Z0-9]*$/.test(word) && word.length < LONG_WORD && !isMixed(word))
  );
}

/** Letters after digits in a word that is too long for `B2B` or `OAUTH2`. */
function isMixed(word: string): boolean {
  return word.length > 8 && /\d[A-Z]/.test(word);
}
