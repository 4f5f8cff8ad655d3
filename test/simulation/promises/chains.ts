/**
 * Promise 4: a new refresh token is journalled before anything else, saved before its token is published, and none is
 * presented again once a live process has got the answer that it was spent for.
 *
 * Excused, as the program documents it: what was lost with a process that had no journal, or whose volume was lost, or
 * that no longer leads while its journal is of no use to whoever does; a refresh command that raced with a daemon.
 */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { Fetch, SecretChange, StoreCall, Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import {
  type CheckParts,
  findToken,
  grantOf,
  isCommand,
  podOf,
  readDocument,
  readRefreshToken,
  tokenOfSecret,
} from './check.ts';

const PROMISE = '4 chains';
/** The steps of writing a file take no time unless the process is stopped. */
const JOURNALLED_MS = 5;
/** A read may show what was there before for so long. */
const UNSEEN_MS = 20_000;

interface Saved {
  readonly index: number;
  readonly atMs: number;
}

export class Chains implements Watcher {
  readonly #parts: CheckParts;
  /** The fetch that spent a refresh token. */
  readonly #spentBy = new Map<string, Fetch>();
  /** The newest refresh token that was ever saved, by token. */
  readonly #saved = new Map<string, Saved>();
  /** Answers of which the journal has to know before the process does anything else. */
  readonly #toJournal = new Map<
    string,
    { readonly process: VirtualProcess; readonly refreshToken: string }
  >();
  /** Refresh tokens that ended with a process before they were in its journal. */
  readonly #lost = new Set<string>();
  readonly #volumeLostAtMs = new Map<string, number>();
  /** When a refresh command last ran for a token. */
  readonly #commandAtMs = new Map<string, number>();

  /** Who presented a refresh token, by pod. */
  readonly #presentations = new Map<string, Fetch[]>();
  /** The fetch that brought the first refresh token of the newest consent, by token. */
  readonly #consents = new Map<string, Fetch>();
  /** Pods whose journal has failed once. */
  readonly #unreliable = new Set<string>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  volumeLost(pod: string): void {
    this.#volumeLostAtMs.set(pod, this.#parts.world.time.nowMs);
  }

  /** A journal that hangs must not keep a refresh token from the store; it is told. */
  eventSeen(process: VirtualProcess, { event }: RefreshEvent): void {
    if (event !== 'journal-failed') return;
    this.#unreliable.add(podOf(process));
    for (const [key, due] of this.#toJournal) if (due.process === process) this.#toJournal.delete(key);
  }

  /** What a process was about to journal when it was killed is lost. */
  lifeEnded(process: VirtualProcess): void {
    for (const [key, due] of this.#toJournal) {
      if (due.process !== process) continue;
      this.#toJournal.delete(key);
      if (!this.#isJournalled(process, due.refreshToken)) this.#lost.add(due.refreshToken);
    }
  }

  fetchIssued(fetch: Fetch): void {
    const { world, providers } = this.#parts;
    const { token, presented, process } = fetch;
    if (isCommand(process)) this.#commandAtMs.set(token, world.time.nowMs);
    if (presented !== undefined) this.#checkPresentations(fetch, presented);
    if (presented !== undefined) this.#checkConsent(fetch, presented);
    if (presented === undefined || !providers.isSpent(token, presented)) return;
    const spender = this.#spentBy.get(presented);
    if (
      spender?.isChainDelivered !== true ||
      (spender.settledAtMs ?? Number.POSITIVE_INFINITY) > world.time.nowMs
    )
      return;
    if (this.#isExcused(fetch, spender)) return;
    world.breaks(
      PROMISE,
      token,
      `${process.name} presents ${presented} although ${spender.process.name} got ${spender.grant?.refreshToken} for it`,
    );
  }

  fetchHandled(fetch: Fetch): void {
    if (fetch.grant !== undefined && fetch.presented !== undefined) this.#spentBy.set(fetch.presented, fetch);
  }

  fetchSettled(fetch: Fetch): void {
    const { token, process, grant, isChainDelivered } = fetch;
    const { pods, world } = this.#parts;
    this.#noteConsent(fetch);
    const hasJournal = world.scenario.pods.find(({ name }) => name === podOf(process))?.hasJournal === true;
    if (!isChainDelivered || !hasJournal || grant?.refreshToken === undefined || pods.length === 0) return;
    const key = `${process.name} ${token}`;
    const due = { process, refreshToken: grant.refreshToken };
    this.#toJournal.set(key, due);
    // Once it is there it may soon be superseded, without a call that would have shown it.
    world.time.schedule(JOURNALLED_MS, undefined, () => {
      const isDone = this.#isJournalled(process, due.refreshToken);
      if (isDone && this.#toJournal.get(key) === due) this.#toJournal.delete(key);
    });
  }

  storeCalled({ process, secret }: StoreCall): void {
    const { world } = this.#parts;
    const token = world.scenario.tokens.find((each) => each.secret === secret || each.stateSecret === secret);
    const key = `${process.name} ${token?.name}`;
    const due = this.#toJournal.get(key);
    if (due === undefined) return;
    this.#toJournal.delete(key);
    if (!this.#isJournalled(process, due.refreshToken))
      world.breaks(
        PROMISE,
        token?.name,
        `${process.name} goes on before ${due.refreshToken} is in its journal`,
      );
  }

  secretChanged(change: SecretChange): void {
    const { world } = this.#parts;
    const owner = world.scenario.tokens.find(({ stateSecret }) => stateSecret === change.secret);
    if (owner !== undefined) this.#noteSaved(owner.name, change.text);
    if (change.process === undefined) return;
    const token = tokenOfSecret(this.#parts, change.secret);
    const grant = grantOf(this.#parts, readDocument(change.text));
    if (token?.stateSecret === undefined || grant?.refreshToken === undefined) return;
    const savedIndex = this.#saved.get(token.name)?.index ?? 0;
    if (savedIndex < grant.index)
      world.breaks(
        PROMISE,
        token.name,
        `${change.process.name} published ${grant.accessToken} before ${grant.refreshToken} was saved`,
      );
  }

  /** What two processes of a pod have presented before they were killed is not presented by a third. */
  #checkPresentations(fetch: Fetch, presented: string): void {
    const { world } = this.#parts;
    const pod = podOf(fetch.process);
    const key = `${pod} ${presented}`;
    const former = this.#presentations.get(key) ?? [];
    this.#presentations.set(key, [...former, fetch]);
    const hasJournal = world.scenario.pods.find(({ name }) => name === pod)?.hasJournal === true;
    const lostAtMs = this.#volumeLostAtMs.get(pod) ?? Number.NEGATIVE_INFINITY;
    const cutOff = former.filter(
      ({ process, settledAtMs, issuedAtMs }) =>
        process !== fetch.process && process.isDead && settledAtMs === undefined && issuedAtMs > lostAtMs,
    );
    if (!hasJournal || this.#unreliable.has(pod) || cutOff.length < 2 || isCommand(fetch.process)) return;
    if (findToken(this.#parts, fetch.token).provider.fallback === 'none') return;
    world.breaks(
      PROMISE,
      fetch.token,
      `${fetch.process.name} presents ${presented}, which ${cutOff.length} processes of this pod presented before they were killed`,
    );
  }

  /** What has come of a former consent is not presented again once there is something of a newer one. */
  #checkConsent(fetch: Fetch, presented: string): void {
    const { world } = this.#parts;
    const newer = this.#consents.get(fetch.token);
    if (newer === undefined || this.#numberOf(presented) >= this.#numberOf(newer.presented)) return;
    if (this.#isExcused(fetch, newer)) return;
    world.breaks(
      PROMISE,
      fetch.token,
      `${fetch.process.name} presents ${presented} although ${newer.process.name} got ${newer.grant?.refreshToken} for ${newer.presented}`,
    );
  }

  #numberOf(refreshToken: string | undefined): number {
    return this.#parts.providers.consents.numberOf(refreshToken ?? '') ?? 0;
  }

  #noteConsent(fetch: Fetch): void {
    const former = this.#consents.get(fetch.token);
    if (fetch.isChainDelivered && this.#numberOf(fetch.presented) > this.#numberOf(former?.presented))
      this.#consents.set(fetch.token, fetch);
  }

  #isJournalled(process: VirtualProcess, refreshToken: string): boolean {
    const files = this.#parts.pods.find(({ name }) => name === podOf(process))?.files;
    return [...(files?.values() ?? [])].some((text) => text.includes(`\\"${refreshToken}\\"`));
  }

  #noteSaved(token: string, text: string | undefined): void {
    const refreshToken = readRefreshToken(text);
    const grant =
      refreshToken === undefined ? undefined : this.#parts.providers.grantsByRefreshToken.get(refreshToken);
    if (grant === undefined) return;
    const former = this.#saved.get(token);
    if (former === undefined || grant.index > former.index)
      this.#saved.set(token, { index: grant.index, atMs: this.#parts.world.time.nowMs });
  }

  #isExcused(fetch: Fetch, spender: Fetch): boolean {
    const { world } = this.#parts;
    const { nowMs } = world.time;
    const commandAtMs = this.#commandAtMs.get(fetch.token) ?? Number.NEGATIVE_INFINITY;
    const { lifeMs } = findToken(this.#parts, fetch.token).provider;
    if (nowMs - commandAtMs < 2 * lifeMs) return true;
    if (fetch.process === spender.process) return false;
    if (this.#lost.has(spender.grant?.refreshToken ?? '')) return true;
    const saved = this.#saved.get(fetch.token);
    const isSaved = saved !== undefined && saved.index >= (spender.grant?.index ?? 0);
    // Whoever read the store right before that, or was shown what was there before.
    if (isSaved) return nowMs - saved.atMs < UNSEEN_MS || nowMs - fetch.process.resumedAtMs < UNSEEN_MS;
    const pod = podOf(spender.process);
    const hasJournal = world.scenario.pods.find(({ name }) => name === pod)?.hasJournal === true;
    const isVolumeLost =
      (this.#volumeLostAtMs.get(pod) ?? Number.NEGATIVE_INFINITY) >= (spender.settledAtMs ?? 0);
    return pod !== podOf(fetch.process) || !hasJournal || isVolumeLost;
  }
}
