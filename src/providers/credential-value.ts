import { type Failed, fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';
import type { Credentials } from './provider.ts';

/** What an HTTP header can carry and a signature can cover without any doubt about its bytes. */
const PRINTABLE_ASCII = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** The named credential; fails with `credentials-rejected` when it is missing or empty. */
export function requireCredential(credentials: Credentials, name: string): Result<SecretText> {
  const value = credentials.get(name);
  if (value === undefined) return unusable(name, 'is missing: add it to the credentials of this provider');
  return value.length > 0 ? succeed(value) : unusable(name, 'is empty: check where it is read from');
}

/** The named credential, checked to fit into a header. */
export function requireHeaderCredential(credentials: Credentials, name: string): Result<SecretText> {
  const value = requireCredential(credentials, name);
  if (!value.ok || PRINTABLE_ASCII.test(value.value.reveal())) return value;
  return unusable(name, 'holds a line break, outer space or non-ASCII character, which no header can carry');
}

/** @param problem continues a sentence that starts with the credential's name; must not quote the value */
export function unusable(name: string, problem: string): Failed {
  return fail({ code: 'credentials-rejected', retry: 'needs-human', message: `${name} ${problem}` });
}
