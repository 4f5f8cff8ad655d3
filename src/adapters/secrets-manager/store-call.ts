import { withDeadline } from '../../core/deadline.ts';
import type { Clock } from '../../core/ports.ts';
import { fail, type Result, succeed } from '../../core/result.ts';
import { failureFromError, type StoreCall } from './failure-from-error.ts';
import type { SecretsManagerService } from './service.ts';

/** What every call to the store goes through. */
export interface CallOptions {
  readonly service: SecretsManagerService;
  readonly clock: Clock;
  /** Deadline of one call, in milliseconds. */
  readonly timeoutMs: number;
  /** See {@link StoreCall.section}. */
  readonly section: string;
}

/** One call of the service within its deadline; whatever it throws becomes a failure. */
export async function callService<T>(
  { service, clock, timeoutMs, section }: CallOptions,
  call: Omit<StoreCall, 'section'>,
  signal: AbortSignal,
  send: (service: SecretsManagerService, signal: AbortSignal) => Promise<T>,
): Promise<Result<T>> {
  try {
    return succeed(await withDeadline(clock, timeoutMs, signal, (limited) => send(service, limited)));
  } catch (error) {
    return fail(failureFromError(error, { ...call, section }, signal));
  }
}
