/**
 * Promise 1: while provider and store answer, every read returns a token with its margin left, less half a tick and the
 * time that publishing takes.
 *
 * A late refresh is excused only while something was broken on purpose, and for as long afterwards as the longest wait
 * between two attempts takes: a stretch without any disturbance that is longer than that is a breach. What somebody else
 * wrote into a secret is not the daemon's fault; its next refresh has to be on time all the same.
 */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { Report, SecretChange, Watcher } from '../observation.ts';
import type { SimulatedToken } from '../scenario.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import { type CheckParts, findToken, grantOf, isCommand, readDocument, tokenOfSecret } from './check.ts';

interface Expected {
  /** When its margin begins. */
  readonly dueAtMs: number;
  readonly marginMs: number;
  readonly publishedAtMs: number;
  readonly process: VirtualProcess | undefined;
  /** Another process has led since, or led then already. */
  hasOtherLed: boolean;
  /**
   * When a command has published it: until when the leader, who does not hear of that, may wait all the same. It knew a
   * token that lives longer, and somebody else has deleted or overwritten that.
   */
  unawareUntilMs: number | undefined;
  /** When whoever leads has said that it fetches another one, because readers are refused with this one. */
  refusedAtMs: number | undefined;
}

const PROMISE = '1 fresh';
/** A fifteenth of a token's life is margin. */
const MARGIN_SHARE = 15;
/** Four ticks fit into a margin. */
const TICK_SHARE = 4;
/** The calls of one refresh when nothing goes wrong, and what a provider's other tokens take before it. */
const PUBLISH_MS = 3000;
const PER_TOKEN_MS = 400;
/** The longest wait between two attempts, and calls that run into their deadlines. */
const LONGEST_WAIT_MS = 61_000;
const CALLS_MS = 22_000;
/** The end of a run may come in the middle of a refresh. */
const END_SLACK_MS = 90_000;
/** What readers need of a token whose refresh is put off because versions are short, less half a tick. */
const LEAST_MARGIN_MS = 30_000 - 4_000;

export class Fresh implements Watcher {
  refreshes = 0;
  excused = 0;
  readonly #parts: CheckParts;
  readonly #expected = new Map<string, Expected>();
  /** Tokens whose secret was last written by somebody else. */
  readonly #meddled = new Set<string>();
  /** Who began the last term. */
  #leader: VirtualProcess | undefined;

  constructor(parts: CheckParts) {
    this.#parts = parts;
    const { startMs } = parts.world.scenario;
    for (const { name } of parts.world.scenario.tokens)
      this.#expected.set(name, {
        dueAtMs: startMs,
        marginMs: 0,
        publishedAtMs: startMs,
        process: undefined,
        hasOtherLed: false,
        unawareUntilMs: undefined,
        refusedAtMs: undefined,
      });
  }

  reported({ token, process, accessToken, answer }: Report): void {
    const isFetched = answer.kind === 'decided' && answer.verdict.kind === 'fetch';
    const expected = this.#expected.get(token);
    const seen = readDocument(this.#parts.store.currentText(findToken(this.#parts, token).secret));
    if (!isFetched || expected === undefined || process !== this.#leader || seen?.accessToken !== accessToken)
      return;
    expected.refusedAtMs ??= this.#parts.world.time.nowMs;
  }

  eventSeen(process: VirtualProcess, { event }: RefreshEvent): void {
    if (event !== 'leadership-acquired') return;
    this.#leader = process;
    for (const expected of this.#expected.values()) {
      if (expected.process !== process) expected.hasOtherLed = true;
      // A new term begins with what the store holds.
      expected.unawareUntilMs = undefined;
      expected.refusedAtMs = undefined;
    }
  }

  secretChanged({ secret, text, process }: SecretChange): void {
    const token = tokenOfSecret(this.#parts, secret);
    const grant = grantOf(this.#parts, readDocument(text));
    if (token !== undefined && process === undefined) this.#meddled.add(token.name);
    else if (token !== undefined) this.#meddled.delete(token.name);
    if (token === undefined || process === undefined || grant === undefined) return;
    const { nowMs } = this.#parts.world.time;
    const isLate = this.#judge(token, process);
    if (isLate) this.excused += 1;
    this.refreshes += 1;
    const usualMs = grant.lifeMs / MARGIN_SHARE;
    const isBudgeted = this.#parts.world.scenario.options.profile === 'versions';
    const former = this.#expected.get(token.name);
    const marginMs = isBudgeted ? Math.min(usualMs, LEAST_MARGIN_MS) : usualMs;
    this.#expected.set(token.name, {
      dueAtMs: grant.diesAtMs - marginMs,
      marginMs,
      publishedAtMs: nowMs,
      process,
      hasOtherLed: this.#leader !== process,
      unawareUntilMs: isCommand(process) ? (former?.unawareUntilMs ?? former?.dueAtMs) : undefined,
      refusedAtMs: undefined,
    });
  }

  look(): void {
    for (const token of this.#parts.world.scenario.tokens) this.#judge(token, undefined);
  }

  ended(): void {
    const { world, store, bindings } = this.#parts;
    for (const token of world.scenario.tokens) {
      if (token.name === world.scenario.foreignToken || !bindings.isBound(token.name)) continue;
      const document = readDocument(store.currentText(token.secret));
      const refreshAtMs = this.#meddled.has(token.name) ? document?.refreshAtMs : undefined;
      // An old version that a clock ahead of its time had written, and that somebody has put back: nobody can know that
      // it is dead before the time that it states.
      if (refreshAtMs !== undefined && refreshAtMs + END_SLACK_MS >= world.time.nowMs) continue;
      const grant = grantOf(this.#parts, document);
      const isDead = grant === undefined || grant.diesAtMs <= world.time.nowMs;
      // What somebody else wrote before the next refresh is due stays until then.
      const isDue = (this.#expected.get(token.name)?.dueAtMs ?? 0) + END_SLACK_MS < world.time.nowMs;
      if (isDead && isDue)
        world.breaks(
          PROMISE,
          token.name,
          'no usable token is published although everything has healed long ago',
        );
    }
  }

  #isTakenInAgain(name: string, { process, publishedAtMs }: Expected): boolean {
    const keptSinceMs = process === undefined ? undefined : this.#parts.bindings.keptSinceMs(process, name);
    return keptSinceMs !== undefined && keptSinceMs > publishedAtMs;
  }

  /** @returns whether the next token is late @param publisher of the next token; `undefined`: there is none yet */
  #judge({ name, provider, secret }: SimulatedToken, publisher: VirtualProcess | undefined): boolean {
    const { world, leaders, store } = this.#parts;
    const { scenario, disturbances, time } = world;
    const expected = this.#expected.get(name);
    if (expected === undefined || name === scenario.foreignToken) return false;
    const { marginMs, publishedAtMs } = expected;
    const halfTickMs = marginMs / TICK_SHARE / 2;
    const others = scenario.tokens.filter((token) => token.provider === provider).length;
    const busyMs = PUBLISH_MS + others * PER_TOKEN_MS;
    // A token that another process wrote, or the same before it forgot it, is judged by a clock that may differ. So is one
    // that had come back to its writer before it was refreshed: whoever led in between took it for fresh by their clock.
    const isHandedOver =
      expected.process?.isDead !== false ||
      publisher !== expected.process ||
      expected.hasOtherLed ||
      this.#isTakenInAgain(name, expected);
    const skewMs = isHandedOver ? leaders.skewSince(publishedAtMs) : 0;
    // What somebody else has put back may state a later end than it has.
    const document = this.#meddled.has(name) ? readDocument(store.currentText(secret)) : undefined;
    const statedAtMs = Math.max(expected.unawareUntilMs ?? 0, document?.refreshAtMs ?? 0);
    const plannedAtMs = Math.max(expected.dueAtMs, statedAtMs) + skewMs;
    const dueAtMs = Math.min(plannedAtMs, expected.refusedAtMs ?? plannedAtMs);
    const deadlineMs = dueAtMs + halfTickMs + busyMs;
    if (time.nowMs <= deadlineMs) return false;
    const recoveryMs = LONGEST_WAIT_MS + CALLS_MS + 2 * halfTickMs + busyMs + provider.minIntervalMs;
    for (const { toMs, disturbedUntilMs } of disturbances.quietStretches(
      name,
      dueAtMs - halfTickMs,
      time.nowMs,
    )) {
      const allowedMs = Math.max(deadlineMs, disturbedUntilMs + recoveryMs);
      if (toMs <= allowedMs) continue;
      const lateMs = time.nowMs - deadlineMs;
      const since =
        disturbedUntilMs === Number.NEGATIVE_INFINITY ? 'ever' : `for ${toMs - disturbedUntilMs} ms`;
      world.breaks(
        PROMISE,
        name,
        `its refresh is ${Math.round(lateMs)} ms late (margin ${Math.round(marginMs)} ms), and nothing was broken ${since}`,
      );
      break;
    }
    return true;
  }
}
