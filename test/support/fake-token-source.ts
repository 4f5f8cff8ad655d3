import type { Failure } from '../../src/core/failure.ts';
import type { Clock, FetchReport, TokenSource } from '../../src/core/ports.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import type { ChainState } from '../../src/core/token/chain-state.ts';
import type { FetchedToken } from '../../src/core/token/token.ts';
import { HeldStep } from './held-step.ts';
import { buildFailure } from './sample-events.ts';
import { buildToken } from './token-builder.ts';

export interface RecordedFetch {
  /** Text of the refresh token that was presented. */
  readonly presented: string | undefined;
  /** Wall time. */
  readonly atMs: number;
  readonly atMonotonicMs: number;
}

type Step =
  | { readonly kind: 'fail'; readonly failure: Failure; readonly report?: Partial<FetchReport> }
  | { readonly kind: 'answer'; readonly changes: Partial<FetchedToken> };

/** A provider that hands out `token-1`, `token-2`, … unless a test tells it what to answer next. */
export class FakeTokenSource implements TokenSource {
  readonly fetches: RecordedFetch[] = [];
  /** Monotonic time at which each token that was handed out really dies, whatever any clock says. */
  readonly deathsMonotonicMs = new Map<string, number>();
  /** Life of the tokens to come. */
  lifetimeMs: number;
  /** Time that an answer takes. */
  delayMs = 0;
  /** What every fetch fails with, for as long as it is set and no scripted step is left. */
  outage: Failure | undefined;
  /** The refresh token among the credentials. */
  seed: string | undefined;
  /** What reading that fails with, for as long as it is set. */
  seedFailure: Failure | undefined;
  mostInFlight = 0;
  #flicker: (() => Failure | undefined) | undefined;
  readonly #clock: Clock;
  readonly #steps: Step[] = [];
  readonly #holds: HeldStep[] = [];
  readonly #credentialWaiters = new Set<() => void>();
  #inFlight = 0;
  #issued = 0;

  constructor(clock: Clock, lifetimeMs: number = 900_000) {
    this.#clock = clock;
    this.lifetimeMs = lifetimeMs;
  }

  /** The next fetch answers with a token that differs from the usual one. */
  answerWith(changes: Partial<FetchedToken>): void {
    this.#steps.push({ kind: 'answer', changes });
  }

  failWith(changes: Partial<Failure> = {}, times: number = 1): void {
    for (let time = 0; time < times; time += 1)
      this.#steps.push({ kind: 'fail', failure: buildFailure(changes) });
  }

  /** The next fetches send nothing, because their credentials cannot be read for a moment. */
  failUnasked(times: number): void {
    const failure = buildFailure({ code: 'store-unavailable' });
    for (let time = 0; time < times; time += 1)
      this.#steps.push({ kind: 'fail', failure, report: { wasNotSent: true } });
  }

  /** The provider handles the next fetches, and no answer arrives. */
  loseAnswers(times: number = 1, failure: Failure = buildFailure()): void {
    for (let time = 0; time < times; time += 1)
      this.#steps.push({ kind: 'fail', failure, report: { isAmbiguous: true } });
  }

  /** The next answer holds a refresh token, and nothing else that is of use. */
  answerUnusably(refreshToken: SecretText): void {
    const rotatedRefreshToken = {
      refreshToken,
      refreshTokenExpiresAtMs: undefined,
      issuedAtMs: this.#clock.now(),
    };
    const failure = buildFailure({ code: 'response-malformed', message: 'an answer without a token' });
    this.#steps.push({ kind: 'fail', failure, report: { rotatedRefreshToken } });
  }

  /** The next fetch has got its answer and stops there until it is released. */
  holdNext(): HeldStep {
    const hold = new HeldStep();
    this.#holds.push(hold);
    return hold;
  }

  /** Asked for each fetch without a scripted step: what it fails with, if it does. */
  flickerWith(decide: () => Failure | undefined): void {
    this.#flicker = decide;
  }

  get isFetching(): boolean {
    return this.#inFlight > 0;
  }

  changeCredential(): void {
    for (const wake of this.#credentialWaiters) wake();
  }

  /** What the latest fetch was given to ask before it sends. */
  isOver: (() => boolean) | undefined;

  get isWatchedForCredentials(): boolean {
    return this.#credentialWaiters.size > 0;
  }

  async readSeed(): Promise<Result<SecretText | undefined>> {
    if (this.seedFailure !== undefined) return fail(this.seedFailure);
    return succeed(this.seed === undefined ? undefined : new SecretText(this.seed));
  }

  async fetch(
    chain: ChainState | undefined,
    signal: AbortSignal,
    isOver?: () => boolean,
  ): Promise<FetchReport> {
    this.isOver = isOver;
    const issuedAtMs = this.#clock.now();
    const issuedAtMonotonicMs = this.#clock.monotonicMs();
    this.fetches.push({
      presented: chain?.refreshToken.reveal(),
      atMs: issuedAtMs,
      atMonotonicMs: issuedAtMonotonicMs,
    });
    this.#inFlight += 1;
    this.mostInFlight = Math.max(this.mostInFlight, this.#inFlight);
    const step = this.#steps.shift();
    const outage = this.outage ?? this.#flicker?.();
    if (this.delayMs > 0) await this.#clock.sleep(this.delayMs).catch(() => undefined);
    await this.#holds.shift()?.pass();
    this.#inFlight -= 1;
    if (signal.aborted) {
      const aborted = fail({ code: 'aborted', retry: 'soon', message: 'the call was given up' });
      return { ...report(aborted), isAmbiguous: true };
    }
    if (step?.kind === 'fail') return { ...report(fail(step.failure)), ...step.report };
    if (step === undefined && outage !== undefined) return report(fail(outage));
    this.#issued += 1;
    const token = buildToken({
      accessToken: new SecretText(`token-${this.#issued}`),
      issuedAtMs,
      issuedAtMonotonicMs,
      expiresAtMs: issuedAtMs + this.lifetimeMs,
      ...step?.changes,
    });
    const livesForMs = token.expiresAtMs - token.issuedAtMs;
    this.deathsMonotonicMs.set(token.accessToken.reveal(), issuedAtMonotonicMs + livesForMs);
    return report(succeed(token));
  }

  async verifyCredentials(): Promise<Result<void>> {
    return succeed(undefined);
  }

  async waitForCredentialChange(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      signal.throwIfAborted();
      const wake = (): void => {
        this.#credentialWaiters.delete(wake);
        resolve();
      };
      this.#credentialWaiters.add(wake);
      signal.addEventListener(
        'abort',
        () => {
          this.#credentialWaiters.delete(wake);
          reject(new Error('aborted'));
        },
        { once: true },
      );
    });
  }
}

function report(result: FetchReport['result']): FetchReport {
  return { result, clockSkewMs: undefined };
}
