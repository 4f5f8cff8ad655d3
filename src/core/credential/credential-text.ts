import type { Parsed } from '../result.ts';

/**
 * What of a text that was read for a credential is the credential. The same wherever it came from.
 *
 * A byte order mark at the beginning and one newline at the end belong to the file or the shell that made them. What is
 * most likely a mistake is refused, since the provider would refuse it without saying why: white space around it (but
 * around a PEM, where it has no meaning), a NUL, quotes around it.
 */
type CredentialText = Parsed<{ readonly text: string }>;

/** Far above any key. */
export const MAX_CREDENTIAL_BYTES = 65_536;

/** The text of a file. @param bytes of a file that is too long one more than {@link MAX_CREDENTIAL_BYTES}, or all */
export function decodeCredential(bytes: Uint8Array): CredentialText {
  if (bytes.byteLength > MAX_CREDENTIAL_BYTES)
    return { ok: false, problem: `holds more than ${MAX_CREDENTIAL_BYTES} bytes` };
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { ok: false, problem: 'is not UTF-8 text' };
  }
}

export function readCredentialText(raw: string): CredentialText {
  const text = raw.replace(/^\uFEFF/, '').replace(/\r?\n$/, '');
  const problem = findProblem(text);
  return problem === undefined ? { ok: true, text } : { ok: false, problem };
}

function findProblem(text: string): string | undefined {
  if (text.trim() === '') return 'is empty';
  if (text.includes('\0')) return 'holds a NUL character: it is cut off, or no text';
  if (text.includes('-----BEGIN')) return undefined;
  if (text.trim() !== text) return 'begins or ends with white space or a line break: store it without';
  if (/^(["'])[^]*\1$/.test(text) && text.length > 1) return 'has quotes around it: store it without';
  return undefined;
}
