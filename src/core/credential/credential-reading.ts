import type { Result } from '../result.ts';
import type { SecretText } from '../secret-text.ts';

/** Credentials by name, as read just before a fetch. */
export type Credentials = ReadonlyMap<string, SecretText>;

/** What one reading of a token's credentials has found. */
export interface CredentialReading {
  readonly credentials: Result<Credentials>;
  /**
   * Resolves when what the credentials are read from is no longer what this reading has seen, which may be of no
   * consequence for them; rejects when aborted.
   */
  untilChanged(signal: AbortSignal): Promise<void>;
}
