/**
 * A simulated API as the sandbox lists it: what a client logs in with, how long its tokens live, and how it answers. A new
 * one is a file with a `defineUpstream`, a line in `upstream-list.ts` and an entry of its name in `config/sandbox.yaml`.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock, Random } from '../../core/ports.ts';
import type { JsonObject } from '../../core/wire/json.ts';
import { type Grant, type TokenClaims, TokenLedger } from './token-ledger.ts';
import { answerJson, readTokenRequest } from './token-request.ts';
import type { ErrorDetail, Upstream, UpstreamRequest, UpstreamResponse } from './upstream.ts';

/** In the place of a text's beginning: the PEM of the sandbox's RSA key. */
export const PRIVATE_KEY = Symbol('private key');

/** Who signs with the key of {@link PRIVATE_KEY}. */
export interface SigningClient {
  readonly clientId: string;
  readonly publicKey: KeyObject;
}

/** By name, as the kinds call them: how the text begins, of which the rest is made up. */
export type CredentialForms = Readonly<Record<string, string | typeof PRIVATE_KEY>>;

export interface UpstreamDescription<Name extends string, Forms extends CredentialForms> {
  /** Also the first part of its URLs, and the name of its entry in `config/sandbox.yaml`. */
  readonly name: Name;
  /** Upstreams with the very same object have one client between them. */
  readonly credentials: Forms;
  /** As documented, in milliseconds. */
  readonly lifetimeMs: number;
  /** The same of refresh tokens; 0 where there are none. */
  readonly refreshTokenLifetimeMs?: number;
  /** Paths that take a JSON object by POST; what else arrives is refused. Left out: `answer` looks at requests itself. */
  readonly paths?: readonly string[];
  readonly create: (deps: UpstreamDeps<keyof Forms & string>) => UpstreamAnswers;
}

export interface UpstreamDeps<Credential extends string = string> {
  readonly clock: Clock;
  readonly random: Random;
  /** The text of a credential. */
  readonly reveal: (credential: Credential) => string;
  /** Of {@link PRIVATE_KEY}. */
  readonly publicKey: KeyObject;
  /** What customers log in with, at APIs that have some. */
  readonly bindingIds: readonly string[];
  /** Lives in milliseconds: as documented, or otherwise in a time-lapse. */
  readonly lifetimeMs: number;
  readonly refreshTokenLifetimeMs: number;
  /** Told every access and refresh token as it is issued, so that a test can search for leaks. */
  readonly onSecretIssued?: ((text: string) => void) | undefined;
}

interface UpstreamAnswers {
  readonly answer: (exchange: Exchange) => UpstreamResponse;
  /** As {@link Upstream.describeError}. */
  readonly describeError: (status: number, detail?: ErrorDetail) => string;
  /** Of a request that is refused for its path, method or body; `describeError` with the reason when left out. */
  readonly describeProblem?: (status: number) => string;
}

/** One request, and what an answer to it is made with. */
export interface Exchange {
  readonly request: UpstreamRequest;
  /** Empty where there are no `paths`. */
  readonly body: JsonObject;
  /** True wall time in milliseconds. */
  readonly nowMs: number;
  /** The same by the provider's (perhaps skewed) clock. */
  readonly statedNowMs: number;
  /** Right credentials are to be treated as wrong ones. */
  readonly rejectsCredentials: boolean;
  /** Issues an access token. @param mint makes its text */
  readonly grant: (owner: string, mint: (claims: TokenClaims) => string) => Grant;
  /** Says that a text is a refresh token from now on. @returns the text */
  readonly issue: (refreshToken: string) => string;
  /** Ends every access token of `owner` at once. */
  readonly revoke: (owner: string) => void;
  readonly reply: (
    status: number,
    body: string | JsonObject,
    headers?: Readonly<Record<string, string>>,
  ) => UpstreamResponse;
}

export interface UpstreamKind<Name extends string = string> {
  readonly name: Name;
  readonly credentials: CredentialForms;
  readonly lifetimeMs: number;
  readonly refreshTokenLifetimeMs: number;
  readonly create: (deps: UpstreamDeps) => Upstream;
}

export function defineUpstream<const Name extends string, const Forms extends CredentialForms>(
  description: UpstreamDescription<Name, Forms>,
): UpstreamKind<Name> {
  const { name, credentials, lifetimeMs, refreshTokenLifetimeMs = 0, paths } = description;
  const create = (deps: UpstreamDeps): Upstream => {
    const ledger = new TokenLedger();
    const { answer, describeError, describeProblem } = description.create(deps);
    const issue = (text: string): string => {
      deps.onSecretIssued?.(text);
      return text;
    };
    return {
      handle(request, distortion = {}) {
        const nowMs = deps.clock.now();
        const statedNowMs = nowMs + (distortion.clockSkewMs ?? 0);
        const reply: Exchange['reply'] = (status, body, headers) =>
          answerJson(status, body, statedNowMs, headers);
        const read = paths === undefined ? NO_BODY : readTokenRequest(request, paths);
        if (!read.ok) {
          const { status, reason } = read;
          return reply(status, describeProblem?.(status) ?? describeError(status, { message: reason }));
        }
        return answer({
          request,
          body: read.body,
          nowMs,
          statedNowMs,
          rejectsCredentials: distortion.rejectsCredentials ?? false,
          grant: (owner, mint) => {
            const grant = ledger.grant(owner, nowMs, deps.lifetimeMs, distortion, mint);
            issue(grant.token);
            return grant;
          },
          issue,
          revoke: (owner) => ledger.revoke(owner),
          reply,
        });
      },
      describeError,
      isValid: (token, nowMs) => ledger.isValid(token, nowMs),
    };
  };
  return { name, credentials, lifetimeMs, refreshTokenLifetimeMs, create };
}

const NO_BODY = { ok: true, body: {} } as const;
