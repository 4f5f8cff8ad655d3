/**
 * The server's side of SNAP's asymmetric signature, written from the standard and apart from the client's code, so that
 * the two check each other.
 */
import { verify } from 'node:crypto';
import { type Exchange, PRIVATE_KEY, type SigningClient } from './define-upstream.ts';
import type { Upstream } from './upstream.ts';

/** SNAP servers tolerate 2 to 5 minutes; the sandbox takes the widest. */
const MAX_SKEW_MS = 300_000;
/** `yyyy-MM-dd'T'HH:mm:ssXXX`: 25 characters, seconds, a numeric offset. */
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{2}:\d{2}$/;
const STANDARD_BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Both SNAP APIs share one client and its key, as at Pivot. */
export const SNAP_CREDENTIALS = { clientId: 'client', privateKey: PRIVATE_KEY } as const;

/** HTTP status, SNAP's case number within the service, and its message. */
export interface SnapProblem {
  readonly status: number;
  readonly caseNumber: string;
  readonly message: string;
}

export const SNAP_UNAUTHORIZED: SnapProblem = { status: 401, caseNumber: '00', message: 'Unauthorized' };

/** Checks `X-TIMESTAMP`, `X-CLIENT-KEY` and `X-SIGNATURE`; `undefined` when all is well. */
export function findSnapProblem(
  { request: { headers }, statedNowMs, rejectsCredentials }: Exchange,
  client: SigningClient,
): SnapProblem | undefined {
  const timestamp = headers.get('x-timestamp');
  const clientKey = headers.get('x-client-key');
  const signature = headers.get('x-signature');
  if (!timestamp) return missingField('X-TIMESTAMP');
  if (!clientKey) return missingField('X-CLIENT-KEY');
  if (!signature) return missingField('X-SIGNATURE');
  const sentAtMs = TIMESTAMP.test(timestamp) ? Date.parse(timestamp) : Number.NaN;
  if (!(Math.abs(sentAtMs - statedNowMs) <= MAX_SKEW_MS)) {
    return { status: 400, caseNumber: '01', message: 'Invalid Field Format X-TIMESTAMP' };
  }
  if (clientKey !== client.clientId || !STANDARD_BASE64.test(signature)) return SNAP_UNAUTHORIZED;
  // HTTP header values are bytes; Node hands them over as one character a byte.
  const signed = Buffer.from(`${clientKey}|${timestamp}`, 'latin1');
  const isAuthentic = verify('sha256', signed, client.publicKey, Buffer.from(signature, 'base64'));
  return isAuthentic && !rejectsCredentials ? undefined : SNAP_UNAUTHORIZED;
}

export function missingField(name: string): SnapProblem {
  return { status: 400, caseNumber: '02', message: `Invalid Mandatory Field ${name}` };
}

export function badField(name: string): SnapProblem {
  return { status: 400, caseNumber: '00', message: `Invalid Field Format ${name}` };
}

/** SNAP's error envelope. `service`: 73 for B2B tokens, 74 for B2B2C tokens. */
export function describeSnapProblem(
  service: '73' | '74',
  { status, caseNumber, message }: SnapProblem,
): string {
  return JSON.stringify({ responseCode: `${status}${service}${caseNumber}`, responseMessage: message });
}

/** As {@link Upstream.describeError}. */
export function describeSnapErrors(service: '73' | '74'): Upstream['describeError'] {
  return (status, { message = 'General Error' } = {}) =>
    describeSnapProblem(service, { status, caseNumber: '00', message });
}
