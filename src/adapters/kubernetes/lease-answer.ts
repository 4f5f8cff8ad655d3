/** What the API server's answer to a call about the lease means. Pure; the call itself is in `lease-client.ts`. */
import { parseJson } from '../../core/json.ts';
import { parseRetryAfter } from '../../core/retry-after.ts';
import { type Lease, parseLease } from './lease.ts';

export type LeaseOperation = 'get' | 'create' | 'update';

export type LeaseAnswer =
  | { readonly kind: 'lease'; readonly lease: Lease }
  | { readonly kind: 'absent' }
  /** Somebody else was faster: the object has changed since it was read, or exists already. */
  | { readonly kind: 'conflict' }
  | { readonly kind: 'failed'; readonly problem: LeaseProblem };

export interface LeaseProblem {
  /** Lower case, says what to do, quotes no body; the same text for the same cause. */
  readonly message: string;
  /** What the server asked us to wait, in milliseconds. */
  readonly retryAfterMs?: number;
}

export interface RawAnswer {
  readonly operation: LeaseOperation;
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
  /** Wall time, for a `Retry-After` that is a date. */
  readonly nowMs: number;
  /** `payments/token-refresher`, for messages. */
  readonly leaseName: string;
}

export function parseAnswer(answer: RawAnswer): LeaseAnswer {
  const { operation, status, leaseName } = answer;
  if (status === 200 || status === 201) {
    const parsed = parseLease(parseJson(answer.body));
    if (parsed.ok) return { kind: 'lease', lease: parsed.lease };
    return failed(
      `lease ${leaseName} ${parsed.problem}: nobody can lead with it, delete it and it is made anew`,
    );
  }
  if (status === 409) return { kind: 'conflict' };
  if (status === 404 && operation !== 'create') return { kind: 'absent' };
  const retryAfterMs = parseRetryAfter(answer.retryAfter, answer.nowMs);
  const problem: LeaseProblem = { message: describeStatus(answer) };
  return { kind: 'failed', problem: retryAfterMs === undefined ? problem : { ...problem, retryAfterMs } };
}

export function failed(message: string): LeaseAnswer {
  return { kind: 'failed', problem: { message } };
}

function describeStatus({ operation, status, leaseName }: RawAnswer): string {
  const what = `the API server answered ${status} to ${operation} of lease ${leaseName}`;
  switch (status) {
    case 401:
      return `${what}: the service account's token is not accepted, check tokenFile and that the account exists`;
    case 403:
      return `${what}: the role must allow ${operation} of leases (coordination.k8s.io) in this namespace`;
    case 404:
      return `${what}: check that the namespace exists`;
    case 429:
      return `${what}: it is overloaded`;
    default:
      return status >= 500
        ? what
        : `${what}: check the address of the API server and what stands in front of it`;
  }
}
