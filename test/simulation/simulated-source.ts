/** The provider side of one token in one process: what `createTokenSource` is in the program. */

import { DeadlineExceeded, withDeadline } from '../../src/core/deadline.ts';
import type { Failure } from '../../src/core/failure.ts';
import type { Clock, FetchReport, TokenSource } from '../../src/core/ports.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import type { ChainState } from '../../src/core/token/chain-state.ts';
import type { Chance } from './chance.ts';
import type { Network, Passage } from './network.ts';
import { usualPassage } from './network.ts';
import type { Fetch } from './observation.ts';
import type { SimulatedToken } from './scenario.ts';
import type { ProviderAnswer, SimulatedProviders } from './simulated-provider.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { World } from './world.ts';

export interface SimulatedSourceParts {
  readonly world: World;
  readonly network: Network;
  readonly providers: SimulatedProviders;
  readonly process: VirtualProcess;
  readonly token: SimulatedToken;
  readonly clock: Clock;
  /** Limit for one call. */
  readonly timeoutMs: number;
  readonly isExplicit: boolean;
}

/** How often the program looks for a changed credential while a human is needed. */
const CREDENTIAL_POLL_MS = 5_000;

/** What the daemons can see of a provider's credentials. */
interface Visible {
  readonly credential: number;
  /** Number of the consent. */
  readonly seed: number;
}

function nameOf({ credential, seed }: Visible): string {
  return `${credential}/${seed}`;
}

export class SimulatedSource implements TokenSource {
  readonly #parts: SimulatedSourceParts;
  readonly #chance: Chance;
  /**
   * The credential that the last fetch used, or that was noticed since; `undefined`: there was none yet, or it did its
   * duty, and whoever waits then (the store is denied, say) is woken only by what changes from then on, as in the program.
   */
  #used: string | undefined;
  /** The credential of the last fetch, whatever came of it. */
  #last: string | undefined;
  /** Read for its seed: what the fetch that follows uses. */
  #ahead: Visible | undefined;

  constructor(parts: SimulatedSourceParts) {
    this.#parts = parts;
    this.#chance = parts.world.chance.fork(`source ${parts.process.name} ${parts.token.name}`);
  }

  async fetch(chain: ChainState | undefined, signal: AbortSignal): Promise<FetchReport> {
    const former = this.#last;
    const fetched = await this.#fetch(chain, signal);
    const hasNewCredentials = former !== undefined && former !== this.#last;
    return hasNewCredentials ? { ...fetched, hasNewCredentials } : fetched;
  }

  async #fetch(chain: ChainState | undefined, signal: AbortSignal): Promise<FetchReport> {
    const { world, process, token, clock, isExplicit } = this.#parts;
    if (signal.aborted) return { ...report(fail(givenUp)), wasNotSent: true };
    const visible = this.#ahead ?? this.#look();
    this.#ahead = undefined;
    const { credential } = visible;
    this.#used = nameOf(visible);
    this.#last = this.#used;
    const issuedAtMs = clock.now();
    const issuedAtMonotonicMs = clock.monotonicMs();
    const fetch: Fetch = {
      token: token.name,
      process,
      presented: chain?.refreshToken.reveal(),
      issuedAtMs: world.time.nowMs,
      grant: undefined,
      failure: undefined,
      settledAtMs: undefined,
      isDelivered: false,
      isChainDelivered: false,
      isExplicit,
    };
    if (!process.isDead) world.watch((watcher) => watcher.fetchIssued?.(fetch));
    const answer = await this.#ask(fetch, credential, signal);
    const brought = answer.kind === 'refusal' ? undefined : answer.grant;
    if (answer.kind === 'token') this.#used = undefined;
    fetch.isDelivered = answer.kind === 'token';
    fetch.isChainDelivered = brought?.refreshToken !== undefined;
    fetch.failure = answer.kind === 'token' ? undefined : answer.failure;
    this.#settle(fetch, answer);
    const refreshToken =
      brought?.refreshToken === undefined ? undefined : new SecretText(brought.refreshToken);
    const { chainLifeMs } = token.provider;
    const refreshTokenExpiresAtMs = chainLifeMs === undefined ? undefined : issuedAtMs + chainLifeMs;
    switch (answer.kind) {
      case 'refusal':
        return { ...report(fail(answer.failure)), isAmbiguous: answer.isAmbiguous };
      case 'salvageable':
        return {
          ...report(fail(answer.failure)),
          rotatedRefreshToken:
            refreshToken === undefined ? undefined : { refreshToken, refreshTokenExpiresAtMs, issuedAtMs },
        };
      case 'token':
        return report(
          succeed({
            accessToken: new SecretText(answer.grant.accessToken),
            tokenType: 'Bearer',
            issuedAtMs,
            issuedAtMonotonicMs,
            expiresAtMs: issuedAtMs + Math.floor(answer.expiresInMs / 1000) * 1000,
            expiresInSeconds: Math.floor(answer.expiresInMs / 1000),
            refreshToken,
            refreshTokenExpiresAtMs: refreshToken === undefined ? undefined : refreshTokenExpiresAtMs,
            fields: {},
            notes: [],
          }),
        );
    }
  }

  async readSeed(): Promise<Result<SecretText | undefined>> {
    const { providers, token } = this.#parts;
    if (!token.provider.hasSeed) return succeed(undefined);
    this.#ahead = this.#look();
    return succeed(new SecretText(providers.consents.seedOf(token.name, this.#ahead.seed)));
  }

  #look(): Visible {
    const { world, token } = this.#parts;
    const { visible, seed } = world.weather.provider(token.provider.name);
    return { credential: visible, seed };
  }

  async verifyCredentials(): Promise<Result<void>> {
    return succeed(undefined);
  }

  async waitForCredentialChange(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const known = this.#used ?? nameOf(this.#look());
    do await clock.sleep(CREDENTIAL_POLL_MS, signal);
    while (nameOf(this.#look()) === known);
    this.#used = nameOf(this.#look());
  }

  /** Everything that a network can do, as an answer. */
  async #ask(fetch: Fetch, credential: number, signal: AbortSignal): Promise<ProviderAnswer> {
    const { network, providers, process, token, clock, timeoutMs } = this.#parts;
    const passage = this.#drawPassage();
    // What hangs or takes long is given up by the caller, who tells nobody here.
    if (passage.request === 'hang' || passage.answer === 'hang') {
      const { world } = this.#parts;
      const fromMs = world.time.nowMs;
      const why = 'fetch: no answer in time';
      world.disturbances.add({ fromMs, toMs: fromMs + timeoutMs, token: token.name, why });
    }
    try {
      return await withDeadline(clock, timeoutMs, signal, () =>
        network.call({
          process,
          port: 'provider',
          what: `the fetch of ${token.name}`,
          passage,
          execute: () => providers.handle(token, fetch, credential),
        }),
      );
    } catch (error) {
      if (signal.aborted && !(error instanceof DeadlineExceeded))
        return { kind: 'refusal', failure: givenUp, isAmbiguous: true };
      const isSent = passage.request !== 'reset';
      return { kind: 'refusal', failure: unreachable, isAmbiguous: isSent };
    }
  }

  #settle(fetch: Fetch, answer: ProviderAnswer): void {
    const { world, process, token } = this.#parts;
    if (process.isDead) return;
    fetch.settledAtMs = world.time.nowMs;
    world.watch((watcher) => watcher.fetchSettled?.(fetch));
    if (answer.kind === 'token') return;
    const retryAfterMs = answer.failure.retryAfterMs ?? 0;
    world.disturbances.add({
      fromMs: fetch.issuedAtMs,
      toMs: world.time.nowMs + retryAfterMs,
      token: token.name,
      why: `fetch failed: ${answer.failure.code}`,
    });
  }

  #drawPassage(): Passage {
    const { world, token } = this.#parts;
    const { weather, slowMs } = world.weather.provider(token.provider.name);
    const usual = usualPassage(this.#chance, 5, 150);
    const passage = { ...usual, answerMs: usual.answerMs + slowMs };
    if (weather === 'unreachable') return { ...passage, request: 'reset' };
    if (weather === 'hang')
      return this.#chance.happens(0.5) ? { ...passage, request: 'hang' } : { ...passage, answer: 'hang' };
    if (world.weather.isQuiet) return passage;
    const draw = this.#chance.between(1, 1000);
    if (draw > 30) return passage;
    world.countFault('provider call lost');
    if (draw <= 8) return { ...passage, request: 'reset' };
    if (draw <= 12) return { ...passage, request: 'hang' };
    return { ...passage, answer: draw <= 24 ? 'reset' : 'hang' };
  }
}

const givenUp: Failure = { code: 'aborted', retry: 'soon', message: 'the call was given up' };
const unreachable: Failure = { code: 'provider-unavailable', retry: 'backoff', message: 'no answer' };

function report(result: FetchReport['result']): FetchReport {
  return { result, clockSkewMs: undefined };
}
