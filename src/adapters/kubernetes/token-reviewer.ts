/**
 * Whose a service account's token is, by TokenReview (authentication.k8s.io/v1).
 *
 * Guarantee: a token counts only for the audience that is asked for, so that one that was made for another service, or for
 * the API server, is refused; what cannot be found out is no consent. An answer holds for a minute at most and never
 * longer than the token, a refusal for ten seconds; kept are hashes of tokens, never tokens. The API server gets
 * {@link MAX_CALLS} calls at a time at most, and {@link PER_SECOND} a second in the long run about tokens that nobody knows,
 * whoever sends them; those do not displace what is known of readers. While it asks for patience (Retry-After), it gets none.
 * Non-guarantee: a token that is revoked, or whose pod is gone, counts for up to a minute longer. Whoever reaches the port
 * and sends made-up tokens without pause can keep out readers that have not reported in the last hour.
 */

import * as z from 'zod';
import { parseRetryAfter } from '../../core/limits/retry-after.ts';
import type { Clock } from '../../core/ports.ts';
import type { SecretText } from '../../core/secret-text.ts';
import { decodeJwtTimes } from '../../core/token/jwt.ts';
import { parseJson } from '../../core/wire/json.ts';
import type { ApiClient, ApiReply } from './api-client.ts';
import { describeRefusal } from './refusal.ts';

export type TokenReview =
  /** `namespace/name` of a service account. */
  | { readonly kind: 'account'; readonly account: string }
  | { readonly kind: 'refused' }
  /** Lower case, quotes nothing; for as long as the API server asks for patience, if it does. */
  | { readonly kind: 'unknown'; readonly problem: string; readonly retryAfterMs?: number }
  /** The API server is not asked about more tokens now. */
  | { readonly kind: 'busy' };

export interface TokenReviewerOptions {
  readonly client: Pick<ApiClient, 'send'>;
  readonly audience: string;
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>;
  /** Told after each call what went wrong, `undefined` when nothing did; what is kept says nothing of the API server. */
  readonly onCall?: ((problem: string | undefined) => void) | undefined;
}

const CALL_MS = 5_000;
const ACCEPTED_MS = 60_000;
const REFUSED_MS = 10_000;
/** As long as one that was accepted is asked about whatever others send. */
const REMEMBERED_MS = 3_600_000;
/** An API server that is overloaded asks for seconds. More than this is a mistake. */
const MAX_RETRY_AFTER_MS = 60_000;
/** Of accepted and of refused tokens. */
const MAX_KEPT = 1_000;
/** Each is a connection of its own. */
const MAX_CALLS = 32;
/** Readers of a large Deployment, each with a token of its own, are all new at once. */
const BURST = 200;
const PER_SECOND = 10;
const PATH = '/apis/authentication.k8s.io/v1/tokenreviews';
const ACCOUNT = /^system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})$/;

const answerSchema = z.looseObject({
  status: z.looseObject({
    authenticated: z.boolean().default(false),
    user: z.looseObject({ username: z.string().default('') }).default({ username: '' }),
    audiences: z.array(z.string()).default([]),
  }),
});

const BUSY: TokenReview = { kind: 'busy' };

interface Kept {
  readonly review: TokenReview;
  readonly untilMs: number;
  /** Longer than that: it is asked about again, without counting as unknown. */
  readonly rememberedUntilMs: number;
}

export class TokenReviewer {
  readonly #options: TokenReviewerOptions;
  readonly #closing = new AbortController();
  /** By the token's hash, the oldest first. Apart, so that made-up tokens do not displace those of readers. */
  readonly #accepted = new Map<string, Kept>();
  readonly #refused = new Map<string, Kept>();
  /** When as many unknown tokens as {@link BURST} may be asked about again. Monotonic. */
  #restedAtMs = Number.NEGATIVE_INFINITY;
  readonly #calls = new Map<string, Promise<TokenReview>>();
  /** What the API server has said when it asked for patience, and until when it is not asked. Monotonic. */
  #patience: { readonly problem: string; readonly untilMs: number } | undefined;
  /** What wait for a call to end. */
  readonly #queue = new Set<() => void>();

  constructor(options: TokenReviewerOptions) {
    this.#options = options;
  }

  async review(token: SecretText): Promise<TokenReview> {
    const hash = token.fingerprint();
    const nowMs = this.#options.clock.monotonicMs();
    const known = this.#find(hash);
    if (known !== undefined) return known;
    const asked = this.#findPatience();
    if (asked !== undefined) return asked;
    const rememberedUntilMs = this.#accepted.get(hash)?.rememberedUntilMs ?? 0;
    if (nowMs >= rememberedUntilMs && !this.#takeUnknown(nowMs)) return BUSY;
    while (this.#calls.size >= MAX_CALLS) {
      if (this.#queue.size >= BURST) return BUSY;
      // Each call ends within its deadline, and then all of them look again.
      await new Promise<void>((resolve) => this.#queue.add(resolve));
      const found = this.#find(hash) ?? this.#findPatience();
      if (found !== undefined) return found;
      if (this.#options.clock.monotonicMs() - nowMs >= CALL_MS) return BUSY;
    }
    const review = this.#ask(token, hash).finally(() => this.#end(hash));
    this.#calls.set(hash, review);
    return review;
  }

  #find(hash: string): TokenReview | Promise<TokenReview> | undefined {
    const kept = this.#accepted.get(hash) ?? this.#refused.get(hash);
    const isCurrent = kept !== undefined && this.#options.clock.monotonicMs() < kept.untilMs;
    return isCurrent ? kept.review : this.#calls.get(hash);
  }

  #findPatience(): TokenReview | undefined {
    if (this.#patience === undefined) return undefined;
    const { problem, untilMs } = this.#patience;
    const retryAfterMs = untilMs - this.#options.clock.monotonicMs();
    return retryAfterMs > 0 ? { kind: 'unknown', problem, retryAfterMs } : undefined;
  }

  #end(hash: string): void {
    this.#calls.delete(hash);
    const waiting = [...this.#queue];
    this.#queue.clear();
    for (const resolve of waiting) resolve();
  }

  #takeUnknown(nowMs: number): boolean {
    const restedAtMs = Math.max(nowMs, this.#restedAtMs) + 1_000 / PER_SECOND;
    if (restedAtMs - nowMs > (BURST * 1_000) / PER_SECOND) return false;
    this.#restedAtMs = restedAtMs;
    return true;
  }

  /** Gives up the calls that still run. */
  close(): void {
    this.#closing.abort(new Error('the program stops'));
  }

  async #ask(token: SecretText, hash: string): Promise<TokenReview> {
    const { client, audience, clock, onCall } = this.#options;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenReview',
      spec: { token: token.reveal(), audiences: [audience] },
    };
    const reply = await client.send(
      { method: 'POST', path: PATH, body },
      { timeoutMs: CALL_MS, signal: this.#closing.signal },
    );
    const review = readReview(reply, audience, clock.now());
    if (!this.#closing.signal.aborted) onCall?.(review.kind === 'unknown' ? review.problem : undefined);
    if (review.kind === 'unknown' && review.retryAfterMs !== undefined)
      this.#patience = { problem: review.problem, untilMs: clock.monotonicMs() + review.retryAfterMs };
    this.#keep(token, hash, review);
    return review;
  }

  #keep(token: SecretText, hash: string, review: TokenReview): void {
    if (review.kind === 'unknown') return;
    this.#accepted.delete(hash);
    this.#refused.delete(hash);
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    const isAccepted = review.kind === 'account';
    const { expiresAtMs = Number.POSITIVE_INFINITY } = decodeJwtTimes(token);
    const keptMs = isAccepted ? Math.min(ACCEPTED_MS, expiresAtMs - clock.now()) : REFUSED_MS;
    const kept = isAccepted ? this.#accepted : this.#refused;
    kept.set(hash, {
      review,
      untilMs: nowMs + keptMs,
      rememberedUntilMs: nowMs + (isAccepted ? REMEMBERED_MS : 0),
    });
    const [oldest] = kept.keys();
    if (kept.size > MAX_KEPT && oldest !== undefined) kept.delete(oldest);
  }
}

/** @param nowMs wall time, for a `Retry-After` that is a date */
function readReview(reply: ApiReply, audience: string, nowMs: number): TokenReview {
  if (reply.kind === 'failed') return { kind: 'unknown', problem: reply.message };
  const { status, body } = reply;
  const parsed = parseJson(body);
  if (status !== 200 && status !== 201) {
    const waitMs = parseRetryAfter(reply.retryAfter, nowMs);
    const patience = waitMs === undefined ? {} : { retryAfterMs: Math.min(waitMs, MAX_RETRY_AFTER_MS) };
    return { kind: 'unknown', problem: describeStatus(status, parsed), ...patience };
  }
  const answer = answerSchema.safeParse(parsed);
  if (!answer.success) return { kind: 'unknown', problem: 'the answer to a TokenReview is no TokenReview' };
  const { authenticated, user, audiences } = answer.data.status;
  const [, namespace, name] = ACCOUNT.exec(user.username) ?? [];
  // A server that knows no audiences accepts a token for any; it says so by naming none.
  return authenticated && audiences.includes(audience) && namespace !== undefined && name !== undefined
    ? { kind: 'account', account: `${namespace}/${name}` }
    : { kind: 'refused' };
}

function describeStatus(status: number, body: unknown): string {
  const { cause, reason } = describeRefusal(body);
  const what = `the API server answered ${status}${reason === undefined ? '' : ` (${reason})`} to a TokenReview`;
  switch (status) {
    case 401:
      return `${what}: the service account's token is not accepted, check that the account exists`;
    case 403:
      return `${what}: the service account must be allowed to create tokenreviews (authentication.k8s.io), as the ClusterRole system:auth-delegator allows`;
    default:
      return cause === undefined ? what : `${what}: ${cause}`;
  }
}
