/** As much of oidc-provider's interface as the tests use: the package ships no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface Context {
    readonly req: IncomingMessage;
  }

  /** In the handler of a grant. */
  export interface GrantContext extends Context {
    readonly oidc: {
      readonly client: Client;
      readonly params: { readonly assertion?: string; readonly scope?: string };
    };
    body: object;
  }

  export const errors: { readonly InvalidGrant: new (detail: string) => Error };

  export interface Client {
    readonly clientId: string;
  }

  interface Grant {
    addOIDCScope(scope: string): void;
    save(): Promise<string>;
  }

  interface ClientCredentials {
    save(): Promise<string>;
    readonly tokenType: string;
    readonly expiration: number;
    readonly scope?: string;
  }

  interface RefreshToken {
    save(): Promise<string>;
  }

  export default class Provider {
    constructor(issuer: string, configuration: object);
    readonly issuer: string;
    registerGrantType(
      name: string,
      handler: (context: GrantContext) => Promise<void>,
      parameters: readonly string[],
    ): void;
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    on(event: 'server_error', listener: (context: Context, error: Error) => void): this;
    readonly Client: { find(id: string): Promise<Client | undefined> };
    readonly Grant: new (values: {
      readonly accountId: string;
      readonly clientId: string;
    }) => Grant;
    readonly ClientCredentials: new (
      values: object,
    ) => ClientCredentials;
    readonly RefreshToken: new (
      values: object,
    ) => RefreshToken;
  }
}
