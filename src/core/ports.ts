/**
 * The seams between the rooms. `refresh/` is written against these; `providers/`, `adapters/` and the tests implement
 * them; `wiring/` connects them.
 *
 * The words of the program, each with one meaning and no synonym (the same table is in docs/development.md):
 * - **provider**: a configured API that hands out access tokens: it has one token, or one for each **customer**
 * - **kind**: how a token is requested and the answer read: `oauth2`, `http`, `snap` or a preset; its **description** is data, no code
 * - **token**: one access token that the daemon manages
 * - **lifetime**: from `issuedAt`, measured just before the request is sent, to `expiresAt`
 * - **fetch**: ask the provider for a new token
 * - **publish**: write a token to its secret
 * - **refresh**: fetch, then publish
 * - **store**: where tokens are published
 * - **place**: a named store of the configuration; the **authority** is written first and read after a restart, a **mirror** is written after it
 * - **secret**: what holds one token in a store
 * - **document**: the JSON in a secret
 * - **reader**: a workload that reads a secret
 * - **staleness**: how old a copy that a reader uses may be
 * - **published**: what readers see; what was fetched and is not there yet is **pending**
 * - **managed**: in the care of this replica
 * - **margin**: life left on the published token when its refresh is due
 * - **tick**: one firing of a cron task of a provider
 * - **due**: its refresh time is nearer to this tick than to the next
 * - **chain**: a sequence of refresh tokens: each fetch spends one and brings the next
 * - **leader**: the one replica that may refresh; all others are **standby**
 * - **term**: a stretch of leadership; it ends before another replica can lead
 * - **cool-down**: a time in which the provider must not be called for a token
 * - **quota**: how many calls or versions a provider or the store allows in a window
 * - **sink**: a receiver of alerts
 * - **rejection**: a reader's report that an API refused the published token
 */
import type { AlertNotification, Occasion } from './alert.ts';
import type { RefreshEvent } from './events.ts';
import type { FailureCode } from './failure.ts';
import type { CallSpan } from './limits/sliding-window-counter.ts';
import type { Result } from './result.ts';
import type { SecretText } from './secret-text.ts';
import type { ChainState } from './token/chain-state.ts';
import type { SecretTag } from './token/secret-tag.ts';
import type { FetchedToken, RefreshTokenGrant } from './token/token.ts';

/**
 * Time, waiting included. Nothing else in the program reads a clock or waits.
 * Expiry is wall time; timeouts, back-off and leases are monotonic time.
 */
export interface Clock {
  /** Wall time in milliseconds since the Unix epoch. May jump. */
  now(): number;
  /** Milliseconds since an arbitrary moment. Never jumps. */
  monotonicMs(): number;
  /** Resolves after `delayMs` of monotonic time; rejects with the signal's reason as soon as `signal` is aborted. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

/** Chance. Seeded in tests. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** A fresh version-4 UUID (36 characters). */
  uuid(): string;
}

/** What a provider answered to one fetch, with what was measured on the way. */
export interface FetchReport {
  readonly result: Result<FetchedToken>;
  /** Provider's clock minus ours, from its `Date` header; `undefined` when it sent none. */
  readonly clockSkewMs: number | undefined;
  /** The new refresh token of an answer that is of no use otherwise: the one that was presented is spent for it. */
  readonly rotatedRefreshToken?: RefreshTokenGrant | undefined;
  /** True when the provider may have handled the request although no usable answer came: what it spent is unknown. */
  readonly isAmbiguous?: boolean;
  /** True when nothing was sent at all: the credentials could not be read or have the wrong form, or it was too late. */
  readonly wasNotSent?: boolean;
  /** True when the credentials differ from those of the last fetch: what those have met says nothing about these. */
  readonly hasNewCredentials?: boolean;
}

/** The provider side of one token: credentials, request, HTTP call and answer in one call. */
export interface TokenSource {
  /**
   * Reads the refresh token among the credentials, as they are now; `undefined` when there is none. The fetch that
   * follows uses what was read here. Fails as a fetch does that cannot read its credentials.
   */
  readSeed(signal: AbortSignal): Promise<Result<SecretText | undefined>>;
  /**
   * Fetches one token. Never throws for what a network or a provider can do: that is a `Failure`.
   * @param chain the refresh token to present, which may be the seed; `undefined`: none, not even a seed
   * @param isOver asked right before the request is sent: reading credentials and signing take their time, and a process
   *   that was paused meanwhile may not have been told yet by `signal` that its term has ended
   * @param publishedFingerprint of the token that readers see: handed out again it is no fault, however little is left
   */
  fetch(
    chain: ChainState | undefined,
    signal: AbortSignal,
    isOver?: () => boolean,
    publishedFingerprint?: string,
  ): Promise<FetchReport>;
  /** Resolves as soon as a credential differs from the one that the last fetch used; rejects when aborted. */
  waitForCredentialChange(signal: AbortSignal): Promise<void>;
  /** Whether the credentials can be read and have the right form, without asking the provider. */
  verifyCredentials(signal: AbortSignal): Promise<Result<void>>;
}

/** The text that is current in a secret, and the store's name for that version. */
export interface StoredText {
  readonly text: SecretText;
  readonly version: string;
  /** Why readers may get something else than the text, in words that follow `holds`. */
  readonly flaw?: string;
}

/**
 * One write with frozen bytes: every retry sends the very same `text` and `requestToken`, so that a write whose
 * answer was lost is recognised instead of repeated.
 */
export interface SecretWrite {
  readonly secretName: string;
  readonly text: SecretText;
  /** 32-64 characters; becomes the version's name. */
  readonly requestToken: string;
  /** The version that must still be current; `undefined` when the secret must not hold a value yet. */
  readonly expectedVersion: string | undefined;
}

/** What {@link TokenStore.read} says, by the name that was asked for. */
export type SecretTexts = ReadonlyMap<string, Result<StoredText | undefined>>;

/** Where texts of secrets come from: the store, or what has been read from it ahead. */
export type TextReader = Pick<TokenStore, 'read'>;

/**
 * Secrets with compare-and-swap. Guarantee: a `publish` succeeds only when `expectedVersion` was current, and a replay
 * of a write that has already succeeded succeeds again without a new version.
 */
export interface TokenStore {
  /** What one secret can hold. */
  readonly maxSecretBytes: number;
  /** The current text, or `undefined` when the secret does not exist or holds no value yet. */
  read(secretName: string, signal: AbortSignal): Promise<Result<StoredText | undefined>>;
  /**
   * The same for many secrets, with far fewer calls. All texts are in memory at once: bound the number of names.
   * @returns one result for each name; a failure of one secret is that secret's alone
   */
  readMany(secretNames: readonly string[], signal: AbortSignal): Promise<SecretTexts>;
  publish(write: SecretWrite, signal: AbortSignal): Promise<Result<{ readonly version: string }>>;
  /** Says whether a `publish` could succeed (exists or may be created, ours, not being deleted), without writing. */
  verifyWritable(secretName: string, signal: AbortSignal): Promise<Result<void>>;
  /**
   * Ages in milliseconds of all versions that the secret got in the last 24 hours, whoever wrote them, in any order; by
   * the store's clock, so that a wrong one here does not matter. Empty when the secret does not exist.
   */
  readVersionAges(secretName: string, signal: AbortSignal): Promise<Result<readonly number[]>>;
}

/** A secret with the tag of bindings; what it holds has to be read. */
export interface BindingSecret {
  readonly secretName: string;
  /** Wall time of the store in milliseconds. */
  readonly createdAtMs: number;
  /** The current version as far as the list knows; `undefined`: it does not say. */
  readonly version: string | undefined;
  /** Another text whenever value or tags may have changed. */
  readonly revision: string;
}

/** Finds the secrets of an account by tag. Eventually consistent, as Secrets Manager is. */
export interface BindingCatalog {
  /** All secrets with exactly that tag that are not being deleted, each once; fails rather than leave some out. */
  list(tag: SecretTag, signal: AbortSignal): Promise<Result<readonly BindingSecret[]>>;
  /**
   * Asks about one secret, after it was missing from a list.
   * @returns what continues "its secret …": `was deleted`, `no longer carries the tag …`; `undefined`: it is still there
   */
  findLoss(secretName: string, tag: SecretTag, signal: AbortSignal): Promise<Result<string | undefined>>;
}

/** A write of a chain's newest state that the store has not taken yet. */
export interface JournalEntry {
  readonly write: SecretWrite;
  /** As in {@link ChainState}. */
  readonly obtainedAtMs: number;
}

/** That a refresh token was sent to the provider, and what became of it is not known (yet). Holds no secret. */
export interface Presentation {
  readonly secretName: string;
  /** `SecretText.fingerprint` of the refresh token. */
  readonly fingerprint: string;
  /** How often, without a clear outcome; 1 or more. */
  readonly times: number;
}

/**
 * Where a refresh token that is not in the store yet survives the end of the process. One entry per secret. Nothing
 * rejects: what goes wrong is reported by the journal itself, because a chain goes on without it as well as it can.
 */
export interface Journal {
  /** Resolves once the entry would survive the end of the process; replaces the former entry of the same secret. */
  write(entry: JournalEntry): Promise<void>;
  /** Forgets the entry that holds this very write (by its `requestToken`); a later one of the same secret stays. */
  remove(write: SecretWrite): Promise<void>;
  /** `unreadable`: there may be an entry, so that no older refresh token must be presented; asked again, it may be read. */
  read(secretName: string): Promise<JournalEntry | 'unreadable' | undefined>;
  /** Resolves once the note would survive the end of the process; replaces the former one of the same secret. */
  writePresentation(presentation: Presentation): Promise<void>;
  removePresentation(secretName: string): Promise<void>;
  readPresentation(secretName: string): Promise<Presentation | undefined>;
}

/** Before when a token must not be fetched, and why. Holds no secret. */
export interface FetchWait {
  /** Wall time in milliseconds. */
  readonly notBeforeMs: number;
  /** When it was demanded, wall time in milliseconds. */
  readonly recordedAtMs: number;
  readonly code: FailureCode | 'min-interval';
  /** How many processes in a row were told to wait for a human; 0 unless that is why. */
  readonly rejectedLives: number;
}

/** Waits that outlive the process, one per token. Nothing rejects, as with {@link Journal}. */
export interface FetchWaits {
  write(token: string, wait: FetchWait): Promise<void>;
  remove(token: string): Promise<void>;
  read(token: string): Promise<FetchWait | undefined>;
}

/**
 * Calls of providers, or room that was set aside for them, that outlive the process: one list per provider, in wall time.
 * Nothing rejects, as with {@link Journal}.
 */
export interface FetchCounts {
  /** Replaces the former record; it would survive the end of the process once this resolves. */
  write(provider: string, spans: readonly CallSpan[]): Promise<void>;
  /** Empty when there is none. */
  read(provider: string): Promise<readonly CallSpan[]>;
}

/** Receives every event. Must not throw and must not block. */
export type RefreshEvents = (event: RefreshEvent) => void;

/** The right to refresh. */
export interface Leadership {
  /** For waiting: aborted when the term ends. The timer that does so may fire late, see {@link Leadership.hasEnded}. */
  readonly signal: AbortSignal;
  /**
   * The look before each effect that others see. Compares the clock, so that a process that was paused finds its term
   * ended before any timer has fired; the signal is aborted when this says true.
   */
  hasEnded(): boolean;
  /** Monotonic time until which others may have led; `undefined` when nobody else ever does. */
  readonly sinceMonotonicMs: number | undefined;
}

/** What a {@link Ticker} does at the firings of a cron expression. */
export interface TickPlan {
  readonly name: string;
  readonly expression: string;
  /** Must return at once: ticks of a handler that takes its time may be dropped, or overlap. */
  readonly onTick: () => void;
  /**
   * One or more firings were dropped because the timer woke too late (a blocked event loop, a suspended machine). Called
   * once for all of them: a night's sleep is thousands of firings.
   */
  readonly onMissed: () => void;
}

export interface Ticking {
  /** Milliseconds until the next firing. */
  msToNext(): number;
  stop(): void;
}

/** Cron, in UTC. */
export interface Ticker {
  /** Does not fire at once. */
  start(plan: TickPlan): Ticking;
}

/** Hands out terms of leadership. */
export interface Coordinator {
  /** Resolves with the next term, once the one before has ended; rejects when `signal` is aborted. */
  lead(signal: AbortSignal): Promise<Leadership>;
  /** Gives leadership up, after the work has drained. */
  release(): Promise<void>;
  /** Why a restart might help: the program itself stands still. That others do not answer is no reason. */
  stuckReasons(): readonly string[];
  /** Why it has never been able to take part, so that it must not replace one that is; empty for good once it was. */
  unreadyReasons(): readonly string[];
}

/** Somewhere to tell people that something is wrong. */
export interface AlertSink {
  /** As the configuration calls it. */
  readonly name: string;
  /** What it is told: a chat wants no repetition, Alertmanager forgets what is not repeated. */
  readonly occasions: ReadonlySet<Occasion>;
  /**
   * Tells it once, within {@link ALERT_LIMIT_MS} of `alert.ts`. Never throws for what a network or a receiver can do: that is a `Failure`, whose message holds neither
   * the receiver's URL nor its key. `request-rejected` means that sending the same again is of no use.
   */
  send(notification: AlertNotification, signal: AbortSignal): Promise<Result<void>>;
}
