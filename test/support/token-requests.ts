import { createHmac, createSign, randomUUID } from 'node:crypto';
import { SecretText } from '../../src/core/secret-text.ts';
import type { JsonObject } from '../../src/core/wire/json.ts';
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

/** The query of a login at the sandbox's `http`, signed at `nowMs`. */
export function signLogin(credentials: SandboxCredentials, nowMs: number) {
  const partner = revealCredential(credentials.byKind.http, 'partnerId');
  const ts = String(Math.floor(nowMs / 1000));
  const key = revealCredential(credentials.byKind.http, 'partnerKey');
  return { partner, ts, sign: createHmac('sha256', key).update(`${partner}/login${ts}`).digest('hex') };
}

/** Claims of an assertion of the sandbox's client for a minute from `nowMs` on. */
export function assertionClaims(credentials: SandboxCredentials, nowMs: number): JsonObject {
  const clientId = revealCredential(credentials.byKind.oauth2, 'clientId');
  const iat = Math.floor(nowMs / 1000);
  const aud = 'http://127.0.0.1/oauth2/token';
  return { iss: clientId, sub: clientId, aud, iat, exp: iat + 60, jti: randomUUID() };
}

/** Form fields of a client that signs these claims. */
export function signAssertion(
  credentials: SandboxCredentials,
  claims: JsonObject,
  header: JsonObject = { alg: 'RS256' },
): Readonly<Record<string, string>> {
  const privateKey = revealCredential(credentials.byKind.oauth2, 'privateKey');
  const encode = (part: JsonObject): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode(header)}.${encode(claims)}`;
  const signature = createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url');
  return {
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: `${signed}.${signature}`,
  };
}

/** A POST of form fields, as RFC 6749 has it. */
export function postForm(path: string, fields: Readonly<Record<string, string>>): UpstreamRequest {
  return {
    method: 'POST',
    path,
    headers: new Map([['content-type', 'application/x-www-form-urlencoded']]),
    body: String(new URLSearchParams(fields)),
  };
}

/** A GET without headers. */
export function get(path: string, query: Readonly<Record<string, string>>): UpstreamRequest {
  return { method: 'GET', path, query: String(new URLSearchParams(query)), headers: new Map(), body: '' };
}

/** The sandbox's binding id of a customer. */
export function bindingIdOf(credentials: SandboxCredentials, customer: string): string {
  const found = credentials.customers.find((candidate) => candidate.customer === customer);
  return revealCredential(found?.credentials ?? new Map(), 'bindingId');
}

/** Gives the sandbox's client another consent. @returns its refresh token */
export function consentAgain({ oauth2 }: Upstreams): SecretText {
  return new SecretText(oauth2.handle(postForm('/consent', {})).body);
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
    oauth2: postForm('/token', {
      grant_type: 'client_credentials',
      ...signAssertion(credentials, assertionClaims(credentials, nowMs)),
    }),
    http: get('/login', signLogin(credentials, nowMs)),
  };
}
