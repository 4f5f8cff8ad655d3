/** oidc-provider, an authorization server that is not ours, on free ports of loopback: http, and https that asks for a certificate. */
import assert from 'node:assert/strict';
import { generateKeyPairSync, type webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { TestContext } from 'node:test';
import { TLSSocket } from 'node:tls';
import { createLocalJWKSet, jwtVerify } from 'jose';
import Provider, { type Context, errors, type GrantContext } from 'oidc-provider';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import { type CertificateAuthority, createAuthority } from './certificates.ts';
import { createMemoryAdapter } from './oidc-memory.ts';

export interface ClientRegistration {
  readonly client_id: string;
  readonly token_endpoint_auth_method: string;
  readonly token_endpoint_auth_signing_alg?: string;
  readonly client_secret?: string;
  readonly jwks?: { readonly keys: readonly webcrypto.JsonWebKey[] };
  readonly tls_client_auth_san_dns?: string;
}

export interface AuthorizationServer {
  /** `http://127.0.0.1:PORT`, the issuer. */
  readonly url: string;
  /** The same server behind TLS, which asks for a client certificate. */
  readonly tlsUrl: string;
  readonly authority: CertificateAuthority;
  /** A refresh token as a user's consent at this moment yields it. */
  consent(clientId: string): Promise<string>;
  /** What the server's introspection (RFC 7662) says about a token. */
  introspect(token: string): Promise<JsonObject>;
  /** Answer of the token endpoint to somebody else who presents a refresh token. */
  presentElsewhere(clientId: string, clientSecret: string, refreshToken: string): Promise<number>;
  /** Token requests so far. */
  readonly tokenRequests: () => number;
  /** The next answer of the token endpoint is made and thrown away: the connection is cut instead. */
  loseNextAnswer(): void;
}

/** RFC 7523, 2.1. */
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

/** The client that introspects; it gets no tokens. */
const OBSERVER = { client_id: 'observer', client_secret: 'observer-secret-0123456789' };

export const RESOURCE = 'https://api.example.com/orders';

export async function startAuthorizationServer(
  t: TestContext,
  clients: readonly ClientRegistration[],
): Promise<AuthorizationServer> {
  const authority = await createAuthority(t);
  const { key, cert } = authority.issue('subjectAltName=IP:127.0.0.1');
  let handle: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  let tokenRequests = 0;
  let losesNext = false;
  const take = (request: IncomingMessage, response: ServerResponse): void => {
    if (request.url?.startsWith('/token') === true && request.method === 'POST') {
      if (!request.url.startsWith('/token/')) tokenRequests += 1;
      if (losesNext && request.url === '/token') {
        losesNext = false;
        // The server has done its work when it ends its answer.
        response.end = () => {
          request.socket.destroy();
          return response;
        };
      }
    }
    void handle(request, response);
  };
  const url = await listen(t, createServer(take), 'http');
  const tls = createTlsServer(
    { key, cert, ca: authority.cert, requestCert: true, rejectUnauthorized: false },
    take,
  );
  const tlsUrl = await listen(t, tls, 'https');
  const provider = createProvider(url, clients);
  handle = provider.callback();

  const post = (path: string, parameters: Readonly<Record<string, string>>): Promise<Response> =>
    fetch(`${url}${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  return {
    url,
    tlsUrl,
    authority,
    tokenRequests: () => tokenRequests,
    loseNextAnswer: () => {
      losesNext = true;
    },
    consent: async (clientId) => {
      const client = await provider.Client.find(clientId);
      assert.ok(client !== undefined, clientId);
      const grant = new provider.Grant({ accountId: 'somebody', clientId });
      grant.addOIDCScope('openid offline_access');
      const grantId = await grant.save();
      const given = { accountId: 'somebody', client, grantId, scope: 'openid offline_access' };
      return new provider.RefreshToken({ ...given, gty: 'authorization_code' }).save();
    },
    introspect: async (token) => {
      const answer = await post('/token/introspection', { ...OBSERVER, token });
      const body: unknown = await answer.json();
      assert.ok(isJsonObject(body) && answer.status === 200, JSON.stringify(body));
      return body;
    },
    presentElsewhere: async (client_id, client_secret, refresh_token) => {
      const parameters = { grant_type: 'refresh_token', client_id, client_secret, refresh_token };
      const answer = await post('/token', parameters);
      await answer.arrayBuffer();
      return answer.status;
    },
  };
}

function createProvider(issuer: string, clients: readonly ClientRegistration[]): Provider {
  const own = {
    grant_types: ['client_credentials', 'refresh_token', JWT_BEARER],
    redirect_uris: [],
    response_types: [],
  };
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const provider = new Provider(issuer, {
    adapter: createMemoryAdapter(),
    clients: [
      ...clients.map((client) => ({ ...own, scope: 'openid offline_access read', ...client })),
      { ...own, ...OBSERVER, token_endpoint_auth_method: 'client_secret_post' },
    ],
    clientAuthMethods: [
      'client_secret_basic',
      'client_secret_post',
      'client_secret_jwt',
      'private_key_jwt',
      'tls_client_auth',
      'none',
    ],
    scopes: ['openid', 'offline_access', 'read'],
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig' }] },
    cookies: { keys: ['of no use here'] },
    ttl: { AccessToken: 3600, ClientCredentials: 3600, RefreshToken: 86_400, Grant: 86_400, IdToken: 3600 },
    rotateRefreshToken: true,
    findAccount: (_: unknown, id: string) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: () => ({ scope: 'read', accessTokenFormat: 'opaque' }),
      },
      mTLS: {
        enabled: true,
        tlsClientAuth: true,
        getCertificate: ({ req }: Context) => peerOf(req).getPeerX509Certificate(),
        certificateAuthorized: ({ req }: Context) => peerOf(req).authorized,
        certificateSubjectMatches: ({ req }: Context, _: string, expected: string) =>
          peerOf(req).getPeerX509Certificate()?.subjectAltName === `DNS:${expected}`,
      },
    },
  });
  const keys = new Map(clients.map(({ client_id, jwks }) => [client_id, jwks]));
  provider.registerGrantType(JWT_BEARER, (context) => grantForAssertion(provider, keys, context), [
    'assertion',
    'scope',
    'resource',
  ]);
  return provider;
}

/** The grant that oidc-provider does not have, verified by jose with the keys of the client. */
async function grantForAssertion(
  provider: Provider,
  keys: ReadonlyMap<string, ClientRegistration['jwks']>,
  context: GrantContext,
): Promise<void> {
  const { client, params } = context.oidc;
  try {
    await jwtVerify(
      params.assertion ?? '',
      createLocalJWKSet({ keys: [...(keys.get(client.clientId)?.keys ?? [])] }),
      {
        issuer: client.clientId,
        audience: `${provider.issuer}/token`,
        requiredClaims: ['exp', 'iat'],
      },
    );
  } catch {
    throw new errors.InvalidGrant('assertion is not valid');
  }
  const token = new provider.ClientCredentials({ client, scope: params.scope });
  const access_token = await token.save();
  context.body = {
    access_token,
    token_type: token.tokenType,
    expires_in: token.expiration,
    scope: token.scope,
  };
}

function peerOf({ socket }: IncomingMessage): TLSSocket {
  assert.ok(socket instanceof TLSSocket);
  return socket;
}

async function listen(t: TestContext, server: Server, protocol: 'http' | 'https'): Promise<string> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(async () => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  });
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  return `${protocol}://127.0.0.1:${address.port}`;
}
