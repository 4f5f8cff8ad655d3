import { SecretText } from '../../src/core/secret-text.ts';
import type { TokenResponse } from '../../src/providers/provider.ts';

export const SENT_AT_MS = Date.UTC(2026, 10, 21, 12);

export interface HandMadeResponse {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON, text as it is. */
  readonly body?: object | string;
  readonly clockSkewMs?: number;
}

/** A token endpoint's answer that never crossed a network: 200, 80 ms after {@link SENT_AT_MS}. */
export function handMadeResponse(made: HandMadeResponse = {}): TokenResponse {
  const { status = 200, headers = {}, body = {}, clockSkewMs = 0 } = made;
  return {
    status,
    headers: new Map(Object.entries(headers)),
    body: new SecretText(typeof body === 'string' ? body : JSON.stringify(body)),
    call: 'POST https://api.example.com/token',
    sentAtMs: SENT_AT_MS,
    sentAtMonotonicMs: 1_000,
    receivedAtMs: SENT_AT_MS + 80,
    clockSkewMs,
  };
}
