import { createSign } from 'node:crypto';
import type { JsonObject } from '../../src/core/json.ts';
import {
  revealCredential,
  type SandboxCredentials,
} from '../../src/sandbox/upstreams/sandbox-credentials.ts';
import type { UpstreamRequest } from '../../src/sandbox/upstreams/upstream.ts';
import type { Upstreams } from '../../src/sandbox/upstreams/upstreams.ts';

export type RequestHeaders = Readonly<Record<string, string>>;

/** A POST of JSON as the provider's page documents it. Written by hand, apart from the code that the daemon uses. */
export function post(path: string, body: JsonObject, headers: RequestHeaders = {}): UpstreamRequest {
  return {
    method: 'POST',
    path,
    headers: new Map(Object.entries({ 'content-type': 'application/json', ...headers })),
    body: JSON.stringify(body),
  };
}

/** SNAP's headers for the sandbox's client, signed at `nowMs`. */
export function signSnapHeaders(credentials: SandboxCredentials, nowMs: number): RequestHeaders {
  const clientId = revealCredential(credentials.byKind['pivot-b2b'], 'clientId');
  const privateKey = revealCredential(credentials.byKind['pivot-b2b'], 'privateKey');
  const timestamp = `${new Date(nowMs + 25_200_000).toISOString().slice(0, 19)}+07:00`;
  const signature = createSign('RSA-SHA256').update(`${clientId}|${timestamp}`).sign(privateKey, 'base64');
  return { 'x-timestamp': timestamp, 'x-client-key': clientId, 'x-signature': signature };
}

/** The sandbox's binding id of a customer. */
export function bindingIdOf(credentials: SandboxCredentials, customer: string): string {
  const found = credentials.customers.find((candidate) => candidate.customer === customer);
  return revealCredential(found?.credentials ?? new Map(), 'bindingId');
}

/** The documented request for a first token of every kind. */
export function createTokenRequests(
  credentials: SandboxCredentials,
  nowMs: number,
): Readonly<Record<keyof Upstreams, UpstreamRequest>> {
  const reveal = (kind: keyof Upstreams, name: string): string =>
    revealCredential(credentials.byKind[kind], name);
  const snapHeaders = signSnapHeaders(credentials, nowMs);
  return {
    pik: post('/auth/token', { appId: reveal('pik', 'appId'), appSecret: reveal('pik', 'appSecret') }),
    'pivot-b2b': post(
      '/open-api/v1/access-token/b2b',
      { grantType: 'client_credentials', additionalInfo: {} },
      snapHeaders,
    ),
    'pivot-b2b2c': post(
      '/open-api/v1/access-token/b2b2c',
      {
        grantType: 'authorization_code',
        authCode: bindingIdOf(credentials, 'ayu'),
        refreshToken: '',
        additionalInfo: {},
      },
      snapHeaders,
    ),
    pivot: post(
      '/v1/access-token',
      { grantType: 'client_credentials' },
      {
        'x-merchant-id': reveal('pivot', 'merchantId'),
        'x-merchant-secret': reveal('pivot', 'merchantSecret'),
      },
    ),
    apimw: post('/v1/auth/token', {
      api_key: reveal('apimw', 'apiKey'),
      api_secret: reveal('apimw', 'apiSecret'),
    }),
    paysecurez: post('/api/token', {
      client_id: reveal('paysecurez', 'clientId'),
      client_secret: reveal('paysecurez', 'clientSecret'),
    }),
  };
}
