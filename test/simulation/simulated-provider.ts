/** The provider APIs and what is true about their tokens. */
import type { Failure } from '../../src/core/failure.ts';
import { Consents } from './consents.ts';
import type { Fetch, Grant } from './observation.ts';
import type { SimulatedToken } from './scenario.ts';
import type { World } from './world.ts';

/** What a provider answers to one call. */
export type ProviderAnswer =
  | { readonly kind: 'token'; readonly grant: Grant; readonly expiresInMs: number }
  /** The refresh token of `grant` is in the answer, and nothing else that is of use. */
  | { readonly kind: 'salvageable'; readonly grant: Grant; readonly failure: Failure }
  | { readonly kind: 'refusal'; readonly failure: Failure; readonly isAmbiguous: boolean };

/** What a provider knows about one token's chain. */
interface Chain {
  newest: Grant | undefined;
  /** The one before, while nobody has used the newest. */
  former: string | undefined;
  readonly spent: Set<string>;
}

export class SimulatedProviders {
  /** By access token. */
  readonly grants = new Map<string, Grant>();
  /** By refresh token. */
  readonly grantsByRefreshToken = new Map<string, Grant>();
  readonly consents = new Consents();
  /** Access tokens that nobody accepts any more. */
  readonly revoked = new Set<string>();
  readonly #world: World;
  readonly #chains = new Map<string, Chain>();
  readonly #newest = new Map<string, Grant>();
  #issued = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Handles a request that has arrived. @param credential the one that the daemon saw when it sent the request */
  handle(token: SimulatedToken, fetch: Fetch, credential: number): ProviderAnswer {
    const answer = this.#decide(token, fetch, credential);
    fetch.grant = answer.kind === 'refusal' ? undefined : answer.grant;
    fetch.failure = answer.kind === 'token' ? undefined : answer.failure;
    const said = answer.kind === 'token' ? answer.grant.accessToken : answer.failure.code;
    const chain = fetch.grant?.refreshToken;
    this.#world.tell(
      'provider',
      token.name,
      `${fetch.process.name} presents ${fetch.presented ?? 'nothing'}, gets ${said}${chain === undefined ? '' : ` and ${chain}`}`,
    );
    this.#world.watch((watcher) => watcher.fetchHandled?.(fetch));
    return answer;
  }

  /** The refresh token was used up by a fetch that was answered, or replaced by a newer chain. */
  isSpent(token: string, refreshToken: string): boolean {
    return this.#chain(token).spent.has(refreshToken);
  }

  /** A human makes the provider take a refresh token again. */
  rebind(token: string, refreshToken: string | undefined): void {
    const chain = this.#chain(token);
    const grant = refreshToken === undefined ? undefined : this.grantsByRefreshToken.get(refreshToken);
    if (grant === undefined) return;
    chain.spent.delete(grant.refreshToken ?? '');
    chain.newest = { ...grant, chainEndsAtMs: undefined };
  }

  #decide(token: SimulatedToken, fetch: Fetch, credential: number): ProviderAnswer {
    const { provider } = token;
    const state = this.#world.weather.provider(provider.name);
    switch (state.weather) {
      case 'unavailable':
        return refuse('provider-unavailable', 'backoff', 'answered 503');
      case 'rate-limited':
        return refuse('rate-limited', 'backoff', 'answered 429', state.retryAfterMs);
      case 'fine':
      case 'malformed':
      case 'hang':
      case 'unreachable':
        break;
    }
    if (credential !== state.accepted) return refuse('credentials-rejected', 'needs-human', 'answered 401');
    if (provider.hasSeed && fetch.presented === undefined)
      return refuse('request-rejected', 'needs-human', 'answered 400 invalid_request');
    if (provider.hasChain && fetch.presented !== undefined) {
      const refusal = this.#spend(token, fetch.presented);
      if (refusal !== undefined) return refusal;
    }
    const grant = this.#grant(token, state.lifeMs, state.isRepeating);
    if (provider.hasSeed && fetch.presented !== undefined && grant.refreshToken !== undefined)
      this.consents.extend(fetch.presented, grant.refreshToken);
    if (state.weather !== 'malformed')
      return { kind: 'token', grant, expiresInMs: grant.diesAtMs - this.#world.time.nowMs };
    const failure: Failure = {
      code: 'response-malformed',
      retry: 'backoff',
      message: 'no token in the answer',
    };
    return provider.hasChain && grant.index % 2 === 0
      ? { kind: 'salvageable', grant, failure }
      : { kind: 'refusal', failure, isAmbiguous: true };
  }

  /** @returns why the refresh token is not taken */
  #spend(token: SimulatedToken, presented: string): ProviderAnswer | undefined {
    const chain = this.#chain(token.name);
    if (token.provider.hasSeed) {
      if (!this.consents.spend(presented, token.provider.isForgiving)) return BROKEN;
      chain.spent.add(presented);
      return undefined;
    }
    const nowMs = this.#world.time.nowMs;
    const isNewest = chain.newest?.refreshToken === presented;
    const isAlive = (chain.newest?.chainEndsAtMs ?? Number.POSITIVE_INFINITY) > nowMs;
    const isForgiven = token.provider.isForgiving && chain.former === presented;
    if ((isNewest && isAlive) || isForgiven) {
      if (this.grantsByRefreshToken.has(presented)) chain.spent.add(presented);
      chain.former = presented;
      return undefined;
    }
    return BROKEN;
  }

  #grant(token: SimulatedToken, lifeMs: number, isRepeating: boolean): Grant {
    const { nowMs } = this.#world.time;
    const former = this.#newest.get(token.name);
    const isRepeated = isRepeating && former !== undefined && former.diesAtMs > nowMs + 2000;
    this.#issued += 1;
    const index = this.#issued;
    const { hasChain, chainLifeMs } = token.provider;
    const grant: Grant = {
      token: token.name,
      index,
      accessToken: isRepeated ? former.accessToken : `access-${index}`,
      diesAtMs: isRepeated ? former.diesAtMs : nowMs + lifeMs,
      lifeMs: isRepeated ? former.diesAtMs - nowMs : lifeMs,
      refreshToken: hasChain ? `refresh-${index}` : undefined,
      chainEndsAtMs: chainLifeMs === undefined ? undefined : nowMs + chainLifeMs,
    };
    if (!isRepeated) this.grants.set(grant.accessToken, grant);
    this.#newest.set(token.name, grant);
    if (grant.refreshToken !== undefined) this.grantsByRefreshToken.set(grant.refreshToken, grant);
    if (grant.refreshToken !== undefined && !token.provider.hasSeed) {
      const chain = this.#chain(token.name);
      const { newest } = chain;
      // A new login ends the chain before it.
      if (newest?.refreshToken !== undefined) chain.spent.add(newest.refreshToken);
      if (newest?.refreshToken !== chain.former) chain.former = undefined;
      chain.newest = grant;
    }
    return grant;
  }

  #chain(token: string): Chain {
    const known = this.#chains.get(token);
    if (known !== undefined) return known;
    const chain: Chain = { newest: undefined, former: undefined, spent: new Set() };
    this.#chains.set(token, chain);
    return chain;
  }
}

const BROKEN = refuse('chain-broken', 'needs-human', 'answered 400 invalid_grant');

function refuse(
  code: Failure['code'],
  retry: Failure['retry'],
  message: string,
  retryAfterMs?: number,
): ProviderAnswer {
  const failure: Failure = { code, retry, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  return { kind: 'refusal', failure, isAmbiguous: false };
}
