/** What can be made to go wrong with the sandbox's API server. */
import type { StoreFault } from '../secrets-manager/store-fault.ts';
import { ApiRefusal } from './api-refusal.ts';

interface FaultScope {
  /** HTTP methods that are hit; all of them by default. */
  readonly methods?: readonly string[] | undefined;
  /** Resources in plural that are hit; all of them by default. */
  readonly resources?: readonly string[] | undefined;
  /** How many requests are hit before the fault is over; without it, until the faults are set again. */
  readonly times?: number | undefined;
}

export type KubernetesFault = FaultScope &
  (
    | { readonly kind: 'status'; readonly status: FaultStatus; readonly retryAfterSeconds?: number }
    /** Status 403, as if no role allowed it. */
    | { readonly kind: 'denied' }
    /** The connection is reset; nothing is carried out. */
    | { readonly kind: 'reset' }
    /** Carried out, then the connection is reset instead of the answer. */
    | { readonly kind: 'lost-answer' }
    /** Never answered; nothing is carried out. */
    | { readonly kind: 'hang' }
    /** Every answer waits, and what is asked for is carried out after that. */
    | { readonly kind: 'latency'; readonly delayMs: number }
    /** Status 200 and this text, as by something in between. */
    | { readonly kind: 'body'; readonly text: string }
  );

export type FaultStatus = keyof typeof STATUSES;

const STATUSES = {
  400: ['BadRequest', 'the server rejected our request for an unknown reason'],
  401: ['Unauthorized', 'Unauthorized'],
  403: ['Forbidden', 'admission webhook "sandbox.example" denied the request: told to'],
  404: ['NotFound', 'the server could not find the requested resource'],
  409: ['Conflict', 'the server reported a conflict'],
  410: ['Expired', 'The resourceVersion for the provided list is too old.'],
  413: ['RequestEntityTooLarge', 'etcdserver: request is too large'],
  422: ['Invalid', 'the server rejected our request due to an error in our request'],
  429: ['TooManyRequests', 'Too many requests, please try again later.'],
  500: ['InternalError', 'Internal error occurred: the sandbox was told to fail'],
  502: ['', 'Bad Gateway'],
  503: ['ServiceUnavailable', 'the server is currently unable to handle the request'],
  504: ['Timeout', 'Timeout: request did not complete within requested timeout - context deadline exceeded'],
} as const;

export function faultRefusal({
  status,
  retryAfterSeconds,
}: Extract<KubernetesFault, { readonly kind: 'status' }>): ApiRefusal {
  const [reason, message] = STATUSES[status];
  const details = retryAfterSeconds === undefined ? {} : { retryAfterSeconds };
  return new ApiRefusal(status, reason, message, details);
}

/** A fault of the store in the language of `--fault`, as it is with this store. */
export function toKubernetesFault(fault: StoreFault): KubernetesFault {
  return { ...findMeaning(fault), resources: ['secrets'], times: fault.times };
}

function findMeaning(fault: StoreFault): KubernetesFault {
  switch (fault.kind) {
    case 'throttle':
      return { kind: 'status', status: 429, retryAfterSeconds: 1 };
    case 'unavailable':
      return { kind: 'status', status: 503 };
    // Encryption at rest, whose key cannot be used.
    case 'kms':
      return { kind: 'status', status: 500 };
    case 'outage':
      return { kind: 'reset' };
    case 'denied':
    case 'lost-answer':
      return { kind: fault.kind };
    case 'latency':
      return { kind: 'latency', delayMs: fault.delayMs };
  }
}
