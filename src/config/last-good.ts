import { succeed } from '../core/result.ts';
import type { Credentials } from '../providers/provider.ts';
import type { CredentialReader } from './credential-reader.ts';

/** Nobody can read it any more, by somebody's decision or mistake: what was read before is not what is meant now. */
const GONE: ReadonlySet<string> = new Set([
  'credentials-rejected',
  'store-missing',
  'store-deleting',
  'aborted',
]);

/**
 * Reads anew each time, and goes on with what was read last while that cannot be done: for whom to tell that the store,
 * or our own access to it, is broken. What was read stays in memory.
 */
export function keepLastGood(read: CredentialReader): CredentialReader {
  let last: Credentials | undefined;
  return async (signal) => {
    const reading = await read(signal);
    const { credentials } = reading;
    if (credentials.ok) {
      last = credentials.value;
      return reading;
    }
    if (last === undefined || GONE.has(credentials.failure.code)) return reading;
    return { ...reading, credentials: succeed(last) };
  };
}
