import type { Credentials } from '../../src/core/credential/credential-reading.ts';
import { SecretText } from '../../src/core/secret-text.ts';

/** Credentials as a kind gets them. */
export function credentialsOf(values: Readonly<Record<string, string>>): Credentials {
  return new Map(Object.entries(values).map(([name, text]) => [name, new SecretText(text)]));
}
