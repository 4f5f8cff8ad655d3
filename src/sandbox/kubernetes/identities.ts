/**
 * Who sends a request: bearer tokens of service accounts and of people. What a real token says in its signed claims
 * (account, audiences, end) is kept beside it here; the token itself is an opaque text.
 */
import type { Clock, Random } from '../../core/ports.ts';
import { SecretText } from '../../core/secret-text.ts';

export interface User {
  /** `system:serviceaccount:payments:token-refresher` */
  readonly username: string;
  readonly uid: string;
  readonly groups: readonly string[];
}

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

export interface TokenRequest extends ServiceAccount {
  /** Who the token is for; the API server itself by default. */
  readonly audiences?: readonly string[];
  /** Wall time in milliseconds; never by default. */
  readonly expiresAtMs?: number;
  /** A text of the caller's choice instead of one that is drawn. */
  readonly text?: string;
}

interface Issued {
  /** `undefined`: of somebody who is no service account. */
  readonly account?: ServiceAccount;
  readonly user: User;
  readonly audiences: readonly string[];
  readonly expiresAtMs?: number | undefined;
}

/** The audience of the API server itself. */
export const API_AUDIENCE = 'https://kubernetes.default.svc.cluster.local';
/** The oldest tokens are forgotten beyond so many. */
const MAX_TOKENS = 10_000;

const ADMIN: User = {
  username: 'kubernetes-admin',
  uid: '',
  groups: ['system:masters', 'system:authenticated'],
};

export type Authentication =
  | { readonly ok: true; readonly user: User; readonly audiences: readonly string[] }
  /** As TokenReview words it. */
  | { readonly ok: false; readonly error: string };

export interface IdentitiesOptions {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Pick<Random, 'uuid'>;
  /** The account's uid; `undefined` when there is no such account (any more). */
  readonly findAccount: (account: ServiceAccount) => string | undefined;
}

export class Identities {
  readonly #options: IdentitiesOptions;
  readonly #tokens = new Map<string, Issued>();

  constructor(options: IdentitiesOptions) {
    this.#options = options;
  }

  issue({ namespace, name, audiences = [API_AUDIENCE], expiresAtMs, text }: TokenRequest): SecretText {
    const user: User = {
      username: `system:serviceaccount:${namespace}:${name}`,
      uid: this.#options.findAccount({ namespace, name }) ?? '',
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    };
    return this.#keep(text, { account: { namespace, name }, user, audiences, expiresAtMs });
  }

  /** A token of somebody who may do everything. */
  issueAdmin(text?: string): SecretText {
    return this.#keep(text, { user: ADMIN, audiences: [API_AUDIENCE] });
  }

  revoke(token: SecretText): void {
    this.#tokens.delete(token.reveal());
  }

  revokeAll(): void {
    this.#tokens.clear();
  }

  /** @param audiences of which one has to be among those of the token; the server's own when there is none */
  authenticate(text: string, audiences: readonly string[] = []): Authentication {
    const issued = this.#tokens.get(text);
    if (issued === undefined) return { ok: false, error: 'invalid bearer token' };
    const { account, user, expiresAtMs } = issued;
    if (expiresAtMs !== undefined && this.#options.clock.now() >= expiresAtMs)
      return { ok: false, error: '[invalid bearer token, service account token has expired]' };
    if (account !== undefined && this.#options.findAccount(account) !== user.uid)
      return { ok: false, error: `[invalid bearer token, serviceaccounts "${account.name}" not found]` };
    const wanted = audiences.length === 0 ? [API_AUDIENCE] : audiences;
    const common = wanted.filter((audience) => issued.audiences.includes(audience));
    if (common.length === 0) {
      const [given, target] = [issued.audiences, wanted].map((list) =>
        list.map((name) => JSON.stringify(name)).join(' '),
      );
      const slip = `token audiences [${given}] is invalid for the target audiences [${target}]`;
      return { ok: false, error: `[invalid bearer token, ${slip}]` };
    }
    return { ok: true, user, audiences: common };
  }

  #keep(text: string | undefined, issued: Issued): SecretText {
    const token = text ?? `token-${this.#options.random.uuid()}`;
    this.#tokens.set(token, issued);
    const [oldest = ''] = this.#tokens.keys();
    if (this.#tokens.size > MAX_TOKENS) this.#tokens.delete(oldest);
    return new SecretText(token);
  }
}
