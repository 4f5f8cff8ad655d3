import type { RefreshReason } from '../core/events.ts';
import type { Leadership } from '../core/ports.ts';
import type { ManagedToken } from '../refresh/managed-token.ts';
import type { Terminal } from './terminal.ts';

/** A blip is tried again; the caller of the command decides about more. */
const MAX_ATTEMPTS = 3;

/**
 * Refreshes tokens once, all providers side by side, until each is done or the program is asked to stop.
 */
export async function refreshTokens(
  managedTokens: readonly ManagedToken[],
  reason: Extract<RefreshReason, 'due' | 'explicit'>,
  terminal: Terminal,
  leadership: Leadership,
) {
  const stopping = new AbortController();
  void terminal.stopRequest().then((signal) => stopping.abort(new Error(signal)));
  const { signal } = leadership;
  const term = { signal, hasEnded: () => leadership.hasEnded(), stopping: stopping.signal };
  return Promise.all(
    managedTokens.map(async (managed) => ({
      managed,
      outcome: await managed.refresh(reason, term, MAX_ATTEMPTS),
    })),
  );
}
