/**
 * `@node-oauth/oauth2-server`, an authorization server that is not ours: it takes forms alone, and reads Basic as RFC 7617
 * has it, without decoding forms.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import OAuth2Server from '@node-oauth/oauth2-server';
import { type LoopbackServer, startLoopbackServer } from './loopback-server.ts';

export interface NodeOAuthClient {
  readonly id: string;
  readonly secret: string;
}

export interface NodeOAuthServer extends LoopbackServer {
  /** Access tokens that were handed out, the latest last. */
  readonly accessTokens: readonly string[];
  /** Refresh tokens that are good for one more use. */
  readonly refreshTokens: ReadonlySet<string>;
  revokeAll(): void;
}

export interface NodeOAuthOptions {
  readonly clients: readonly NodeOAuthClient[];
  readonly user: { readonly username: string; readonly password: string };
  /** A refresh token from a consent of the user. */
  readonly seed: string;
}

const GRANTS = ['client_credentials', 'password', 'refresh_token'];

export async function startNodeOAuthServer({
  clients,
  user,
  seed,
}: NodeOAuthOptions): Promise<NodeOAuthServer> {
  const accessTokens: string[] = [];
  const refreshTokens = new Set([seed]);
  const server = new OAuth2Server({
    model: {
      getClient: async (id: string, secret: string) =>
        clients.some((client) => client.id === id && client.secret === secret) && { id, grants: GRANTS },
      getUser: async (username: string, password: string) =>
        username === user.username && password === user.password && { username },
      getUserFromClient: async () => ({ username: 'nobody' }),
      validateScope: async (_user: unknown, _client: unknown, scope?: string[]) => scope ?? false,
      getAccessToken: async () => false,
      getRefreshToken: async (refreshToken: string) =>
        refreshTokens.has(refreshToken) && {
          refreshToken,
          client: { id: 'shop', grants: GRANTS },
          user,
          scope: ['read', 'write'],
        },
      revokeToken: async ({ refreshToken }: { readonly refreshToken: string }) =>
        refreshTokens.delete(refreshToken),
      saveToken: async (token: OAuth2Server.Token, client: OAuth2Server.Client, owner: OAuth2Server.User) => {
        accessTokens.push(token.accessToken);
        if (token.refreshToken !== undefined) refreshTokens.add(token.refreshToken);
        return { ...token, client, user: owner };
      },
    },
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = Object.fromEntries(new URLSearchParams(await text(request)));
    const { authorization = '', 'content-type': type = '', 'content-length': length = '' } = request.headers;
    const headers = { authorization, 'content-type': type, 'content-length': length };
    const { method = '' } = request;
    const asked = new OAuth2Server.Request({ headers, method, query: {}, body });
    const given = new OAuth2Server.Response();
    // What it rejects with stands in its answer too.
    await server.token(asked, given).catch(() => undefined);
    response.writeHead(given.status ?? 500, { 'content-type': 'application/json', ...given.headers });
    response.end(JSON.stringify(given.body));
  };
  const loopback = await startLoopbackServer((request, response) => void answer(request, response));
  return Object.assign(loopback, { accessTokens, refreshTokens, revokeAll: () => refreshTokens.clear() });
}
