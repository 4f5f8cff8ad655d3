import type { SecretWrite } from '../../src/core/ports.ts';
import { SecretText } from '../../src/core/secret-text.ts';

/** The secret that the tests of stores write to, unless they say otherwise. */
export const SECRET = 'payments/pik';

export const never = new AbortController().signal;

/**
 * A write to {@link SECRET} over `expectedVersion`. Text and request token follow from the label: two writes of one
 * label are the same write, and its version is `requestToken(label)`.
 */
export function buildWrite(
  label: string,
  expectedVersion: string | undefined,
  changes: Partial<SecretWrite> = {},
): SecretWrite {
  return {
    secretName: SECRET,
    text: new SecretText(textOf(label)),
    requestToken: label.padEnd(36, '-'),
    expectedVersion,
    ...changes,
  };
}

/** The text that {@link buildWrite} writes. */
export function textOf(label: string): string {
  return `{"access_token":"canary-${label}"}`;
}
