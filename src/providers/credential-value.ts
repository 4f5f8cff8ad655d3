import type { Credentials } from '../core/credential/credential-reading.ts';
import { type Failed, fail, type Result, succeed } from '../core/result.ts';
import type { SecretText } from '../core/secret-text.ts';

/** The named credential; fails with `credentials-rejected` when it is missing or empty. */
export function requireCredential(credentials: Credentials, name: string): Result<SecretText> {
  const value = credentials.get(name);
  if (value === undefined) return unusable(name, 'is missing: add it to the credentials of this provider');
  return value.length > 0 ? succeed(value) : unusable(name, 'is empty: check where it is read from');
}

/** @param problem continues a sentence that starts with the credential's name; must not quote the value */
export function unusable(name: string, problem: string): Failed {
  return fail({ code: 'credentials-rejected', retry: 'needs-human', message: `${name} ${problem}` });
}
