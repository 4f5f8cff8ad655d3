/** What the API server's answer to a call about the lease means. Pure; the call itself is in `lease-client.ts`. */

import { parseRetryAfter } from '../../core/limits/retry-after.ts';
import { parseJson } from '../../core/wire/json.ts';
import { type Lease, parseLease } from './lease.ts';
import { describeRefusal, POLICY_CAUSES, type Refusal, ROLE_CAUSE } from './refusal.ts';

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
  /** The server itself has said why, in a form that is known: nothing in between is to blame. */
  readonly isExplained?: true;
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
  const body = parseJson(answer.body);
  if (status === 200 || status === 201) {
    const parsed = parseLease(body);
    if (parsed.ok) return { kind: 'lease', lease: parsed.lease };
    return failed(`the answer to ${operation} of lease ${leaseName} ${parsed.problem}: ${CHECK_ADDRESS}`);
  }
  const refusal = describeRefusal(body);
  // The policy's author chooses the status.
  const isByPolicy = refusal.cause !== undefined && POLICY_CAUSES.has(refusal.cause);
  if (status === 409 && !isByPolicy) return { kind: 'conflict' };
  if (status === 404 && operation !== 'create' && !isByPolicy) return { kind: 'absent' };
  const retryAfterMs = parseRetryAfter(answer.retryAfter, answer.nowMs);
  return {
    kind: 'failed',
    problem: {
      message: describeStatus(answer, refusal),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(refusal.cause === undefined ? {} : { isExplained: true }),
    },
  };
}

export function failed(message: string): LeaseAnswer {
  return { kind: 'failed', problem: { message } };
}

const CHECK_ADDRESS = 'check the address of the API server and what stands in front of it';

function describeStatus({ operation, status, leaseName }: RawAnswer, { reason, cause }: Refusal): string {
  const name = reason === undefined ? leaseName : `${leaseName} (${reason})`;
  const what = `the API server answered ${status} to ${operation} of lease ${name}`;
  if (cause !== undefined && cause !== ROLE_CAUSE) return `${what}: ${cause}`;
  switch (status) {
    case 401:
      return `${what}: the service account's token is not accepted, check tokenFile and that the account exists`;
    case 403:
      return (
        `${what}: the role must allow ${operation} of leases (coordination.k8s.io) in this namespace` +
        (reason === undefined || cause === ROLE_CAUSE ? '' : ', and no admission policy may refuse it')
      );
    case 404:
      return `${what}: check that the namespace exists`;
    case 429:
      return `${what}: it is overloaded`;
    default:
      return status >= 500 || reason !== undefined ? what : `${what}: ${CHECK_ADDRESS}`;
  }
}
