/**
 * Promise 8, as people hear it: who has no usable token is told about, what is over is told to be over, and nobody is
 * told without end.
 *
 * What a process knows is taken from its events, what readers see from the store. Excused: while nobody leads, or the
 * leader has just begun, gone on after a pause or had its clock set; while the receiver was down, and for as long as the
 * attempts after that take.
 */
import type { AlertNotification } from '../../../src/core/alert.ts';
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { SecretChange, Watcher } from '../observation.ts';
import type { OpenAlert } from '../simulated-receiver.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import { AlertCount } from './alert-count.ts';
import { type CheckParts, grantOf, isCommand, podOf, readDocument, tokenOfSecret } from './check.ts';
import { ToldState } from './told-state.ts';

const PROMISE = '8 loud';
/** An expiry is told 30 s later even when nothing fails, after a window of 5 s; the rest is for a slow receiver. */
const TOLD_WITHIN_MS = 120_000;
/** Attempts of a queue whose receiver loses one of six messages, and the longest wait between two of them. */
const DELIVERY_MS = 120_000;
/** When a new leader ends what it does not hold, and what else takes a look. */
const FIRST_LOOK_MS = 65_000;
/** How long an alert stays away before it is over, by how often it began within an hour. */
const QUIET_MS = [5_000, 60_000, 300_000, 900_000] as const;
/** Clocks further apart make a token seem alive that is not, as the check of wrong clocks knows. */
const FAIR_CLOCKS_MS = 60_000;

export class LoudAlerts implements Watcher {
  readonly #parts: CheckParts;
  readonly #states = new Map<VirtualProcess, ToldState>();
  readonly #count: AlertCount;
  /** When the receiver last did not take a message: the beginnings that waited then may never be seen. */
  readonly #untakenAtMs = new WeakMap<VirtualProcess, number>();
  /** Tokens whose secret was last written by somebody else, which no daemon can know. */
  readonly #meddled = new Set<string>();
  /** Since when nothing speaks for an alert that is firing any more, by the alert's key. */
  readonly #calmSinceMs = new Map<string, number>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
    this.#count = new AlertCount(parts);
  }

  lifeBegan(process: VirtualProcess): void {
    this.#states.set(process, new ToldState(this.#parts.world.time));
  }

  lifeEnded(process: VirtualProcess): void {
    this.#states.delete(process);
    this.#count.forget(process);
  }

  eventSeen(process: VirtualProcess, event: RefreshEvent): void {
    const state = this.#states.get(process);
    state?.note(event);
    // What comes and goes between two looks makes an alert stay as well.
    for (const { key, provider } of this.#parts.receiver.open.values())
      if (provider !== undefined && state?.isConcerned(provider)) this.#calmSinceMs.delete(key);
    if (event.event === 'alert-sent' && event.failure !== undefined)
      this.#untakenAtMs.set(process, this.#parts.world.time.nowMs);
    if (event.event === 'leadership-acquired') this.#count.noteTerm(process);
  }

  secretChanged({ secret, process }: SecretChange): void {
    const token = tokenOfSecret(this.#parts, secret);
    if (token === undefined) return;
    if (process === undefined) this.#meddled.add(token.name);
    // No daemon hears of what a command has written in its place, and that may die before what was there.
    else if (!isCommand(process)) this.#meddled.delete(token.name);
  }

  alertSent(process: VirtualProcess, notification: AlertNotification): void {
    this.#count.noteSent(process, notification);
    const state = this.#states.get(process);
    const { nowMs } = this.#parts.world.time;
    // What happens at the moment of going on was decided before the pause.
    const isExcused = process.isStopping || process.resumedAtMs === nowMs || isCommand(process);
    if (notification.alert === 'NoLeader' || state?.leadsSinceMs !== undefined || isExcused) return;
    this.#break(`${process.name} tells "${notification.occasion} ${notification.key}" without leading`);
  }

  look(): void {
    const leader = this.#leader();
    if (leader === undefined) {
      this.#calmSinceMs.clear();
      return;
    }
    this.#lookForSilence(...leader);
    this.#lookForLeftovers(...leader);
  }

  /** The one process that leads, as far as it knows itself. */
  #leader(): readonly [VirtualProcess, ToldState] | undefined {
    const leading = [...this.#states].filter(
      ([process, { leadsSinceMs }]) => leadsSinceMs !== undefined && !process.isPaused && !process.isStopping,
    );
    return leading.length === 1 ? leading[0] : undefined;
  }

  #lookForSilence(leader: VirtualProcess, { leadsSinceMs = 0 }: ToldState): void {
    const { world, leaders, receiver, store, bindings } = this.#parts;
    const { tokens, foreignToken } = world.scenario;
    const { nowMs } = world.time;
    for (const { name, secret, provider, binding } of tokens) {
      if (name === foreignToken || this.#meddled.has(name)) continue;
      // The token of a customer who was given up is none of ours: its secret stays, and may expire. Whether a customer is
      // given up and taken in again in time is another check's.
      const keptSinceMs = binding === undefined ? leadsSinceMs : bindings.keptSinceMs(leader, name);
      if (keptSinceMs === undefined) continue;
      const grant = grantOf(this.#parts, readDocument(store.currentText(secret)));
      if (grant === undefined) continue;
      const bornAtMs = grant.diesAtMs - grant.lifeMs;
      const skewMs = leaders.skewSince(bornAtMs);
      if (skewMs + leaders.jumpsSince(podOf(leader), bornAtMs) > FAIR_CLOCKS_MS) continue;
      const knownSinceMs = Math.max(grant.diesAtMs + skewMs, leadsSinceMs, keptSinceMs, leader.resumedAtMs);
      const sinceMs = Math.max(knownSinceMs + TOLD_WITHIN_MS, receiver.brokenUntilMs() + DELIVERY_MS);
      const isTold = [...receiver.open.values()].some((open) => open.provider === provider.name);
      if (nowMs <= sinceMs || isTold) continue;
      const expiredForMs = nowMs - grant.diesAtMs;
      this.#break(`readers see an expired token for ${expiredForMs} ms, and nobody is told`, name);
    }
  }

  #lookForLeftovers(leader: VirtualProcess, { leadsSinceMs = 0 }: ToldState): void {
    const { world, receiver } = this.#parts;
    const { time } = world;
    for (const key of this.#calmSinceMs.keys()) if (!receiver.open.has(key)) this.#calmSinceMs.delete(key);
    for (const open of receiver.open.values()) {
      const isConcerned =
        open.provider === undefined
          ? this.#isAnyIsolated(open, leadsSinceMs)
          : this.#isConcerned(open.provider, leader);
      if (isConcerned) {
        this.#calmSinceMs.delete(open.key);
        continue;
      }
      const calmMs = this.#calmSinceMs.get(open.key) ?? time.nowMs;
      this.#calmSinceMs.set(open.key, calmMs);
      const teller = open.provider === undefined ? open.process : leader;
      const isCounted = time.nowMs - (this.#untakenAtMs.get(teller) ?? Number.NEGATIVE_INFINITY) > 3_600_000;
      const fires = !isCounted ? QUIET_MS.length : this.#count.firesWithinAnHour(teller, open.key);
      const quietMs = QUIET_MS[Math.min(Math.max(fires, 1), QUIET_MS.length) - 1] ?? 0;
      const sinceMs = Math.max(
        calmMs + quietMs,
        leadsSinceMs + FIRST_LOOK_MS,
        Math.max(leader.resumedAtMs, open.process.resumedAtMs) + quietMs,
        receiver.brokenUntilMs(),
        open.atMs,
      );
      if (time.nowMs > sinceMs + DELIVERY_MS)
        this.#break(`${open.key} is over for ${time.nowMs - calmMs} ms, and still firing at the receiver`);
    }
  }

  /** Whether anything at all speaks for an alert about a provider. */
  #isConcerned(provider: string, leader: VirtualProcess): boolean {
    const { world, store, bindings } = this.#parts;
    if (this.#states.get(leader)?.isConcerned(provider) !== false) return true;
    return world.scenario.tokens.some((token) => {
      if (token.provider.name !== provider) return false;
      // A customer who was given up is nobody's concern any more, whatever is left in the secret.
      const isGone = token.binding !== undefined && bindings.keptSinceMs(leader, token.name) === undefined;
      if (isGone) return false;
      const document = readDocument(store.currentText(token.secret));
      const grant = grantOf(this.#parts, document);
      // By the leader's own clock too, which may be wrong.
      const isExpired = document === undefined || document.expiresAtMs <= leader.wallMs;
      return grant === undefined || grant.diesAtMs <= world.time.nowMs || isExpired;
    });
  }

  /** What a process has said of itself and did not live to take back is ended by the next term. */
  #isAnyIsolated({ process, atMs }: OpenAlert, leadsSinceMs: number): boolean {
    const isLeft = process.isDead && leadsSinceMs <= atMs;
    return isLeft || [...this.#states.values()].some(({ isIsolated }) => isIsolated);
  }

  #break(what: string, token?: string): void {
    this.#parts.world.breaks(PROMISE, token, what);
  }
}
