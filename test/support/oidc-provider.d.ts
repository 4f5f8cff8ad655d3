/** As much of oidc-provider's interface as the tests use: the package ships no types. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface Context {
    readonly req: IncomingMessage;
  }

  export interface Client {
    readonly clientId: string;
  }

  interface Grant {
    addOIDCScope(scope: string): void;
    save(): Promise<string>;
  }

  interface RefreshToken {
    save(): Promise<string>;
  }

  export default class Provider {
    constructor(issuer: string, configuration: object);
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    on(event: 'server_error', listener: (context: Context, error: Error) => void): this;
    readonly Client: { find(id: string): Promise<Client | undefined> };
    readonly Grant: new (values: {
      readonly accountId: string;
      readonly clientId: string;
    }) => Grant;
    readonly RefreshToken: new (
      values: object,
    ) => RefreshToken;
  }
}
