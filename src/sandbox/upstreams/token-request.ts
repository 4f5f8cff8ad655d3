import { isJsonObject, type JsonObject, parseJson } from '../../core/wire/json.ts';
import type { UpstreamRequest, UpstreamResponse } from './upstream.ts';

/** Why a request never got as far as its credentials. */
export interface Problem {
  readonly status: 400 | 404 | 405 | 415;
  readonly reason: string;
}

export type ReadRequest =
  | { readonly ok: true; readonly body: JsonObject }
  | ({ readonly ok: false } & Problem);

/** Checks what every token API checks first: path, method, content type, a JSON object as body. */
export function readTokenRequest(request: UpstreamRequest, paths: readonly string[]): ReadRequest {
  if (!paths.includes(request.path)) return { ok: false, status: 404, reason: 'Not Found' };
  if (request.method !== 'POST') return { ok: false, status: 405, reason: 'Method Not Allowed' };
  const contentType = request.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (contentType !== 'application/json') return { ok: false, status: 415, reason: 'Unsupported Media Type' };
  const body = parseJson(request.body);
  if (!isJsonObject(body)) return { ok: false, status: 400, reason: 'Bad Request' };
  return { ok: true, body };
}

/** A JSON answer with the provider's `Date`. */
export function answerJson(
  status: number,
  body: string | JsonObject,
  statedNowMs: number,
  headers: Readonly<Record<string, string>> = {},
): UpstreamResponse {
  return {
    status,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      date: new Date(statedNowMs).toUTCString(),
      ...(status === 405 ? { allow: 'POST' } : {}),
      ...headers,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}
