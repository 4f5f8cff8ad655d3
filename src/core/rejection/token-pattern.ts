/**
 * Which tokens a caller may report: their names, with at most one `*` for any text, slashes included. `acme` is the one
 * token of a provider, `acme/*` are those of all of its customers, `*` is every token.
 */
export const TOKEN_PATTERN = /^[A-Za-z0-9_/-]*\*?[A-Za-z0-9_/-]*$/;

export const TOKEN_PATTERN_FORM =
  "a token's name (provider or provider/customer), with at most one * for any text: acme, acme/* or *";

export function matchesToken(pattern: string, token: string): boolean {
  const [before = '', after] = pattern.split('*', 2);
  if (after === undefined) return token === pattern;
  return token.length >= before.length + after.length && token.startsWith(before) && token.endsWith(after);
}
