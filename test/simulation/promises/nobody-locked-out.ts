/**
 * Promise 5: rejected credentials are tried again every 15 minutes at most, or when they change; those that have worked
 * after 1, 2, 4 and 8 minutes first. `Retry-After` and `minInterval` are obeyed, across restarts too where there is a
 * journal; no failure is answered at once.
 *
 * Excused: a clock that has jumped, because whichever clock says that a wait is over is believed.
 */
import type { RefreshEvent } from '../../../src/core/events.ts';
import { isJsonObject, parseJson } from '../../../src/core/wire/json.ts';
import type { Fetch, Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import { visibleOf } from '../weather.ts';
import { type CheckParts, findToken, podOf } from './check.ts';

const PROMISE = '5 nobody is locked out';
const NEEDS_HUMAN_MS = 15 * 60_000;
const FIRST_REJECTED_MS = 60_000;
/** Never zero delay on an error. */
const SHORTEST_WAIT_MS = 250;
/** Timers take whole milliseconds. */
const ROUNDING_MS = 2;

interface Refusal {
  readonly fetch: Fetch;
  readonly atMs: number;
  /** The credential that was refused. */
  readonly credential: number;
  /** How often in a row, this time included. */
  readonly times: number;
}

interface HumanWait {
  readonly atMs: number;
  /** The credential at that time. */
  readonly visible: number;
  readonly code: string;
  readonly waitMs: number;
}

interface Demand {
  readonly token: string;
  readonly waitMs: number;
}

export class NobodyLockedOut implements Watcher {
  readonly #parts: CheckParts;
  readonly #refusals = new WeakMap<VirtualProcess, Map<string, Refusal>>();
  readonly #issued = new WeakMap<VirtualProcess, Map<string, Fetch>>();
  /** The credential that has last brought a token. */
  readonly #worked = new WeakMap<VirtualProcess, Map<string, number>>();
  /** The credential that a fetch was made with. */
  readonly #used = new WeakMap<Fetch, number>();
  /** Whose failure was told. */
  readonly #toldFetches = new WeakSet<Fetch>();
  readonly #humanWaits = new WeakMap<VirtualProcess, Map<string, HumanWait>>();
  /** What a volume held when a process began to use it. */
  readonly #demands = new WeakMap<VirtualProcess, readonly Demand[]>();
  /** The last refusal that a pod's processes were told. */
  readonly #podRefusals = new Map<string, Refusal>();

  constructor(parts: CheckParts) {
    this.#parts = parts;
  }

  lifeBegan(process: VirtualProcess): void {
    const pod = this.#parts.pods.find(({ name }) => name === podOf(process));
    const hasJournal = this.#parts.world.scenario.pods.some(
      ({ name, hasJournal: has }) => has && name === pod?.name,
    );
    this.#demands.set(process, hasJournal ? [...(pod?.files.values() ?? [])].flatMap(readDemand) : []);
  }

  fetchIssued(fetch: Fetch): void {
    const { process, token } = fetch;
    const visible = visibleOf(
      this.#parts.world.weather.provider(findToken(this.#parts, token).provider.name),
    );
    this.#used.set(fetch, visible);
    const former = this.#issued.get(process) ?? new Map<string, Fetch>();
    this.#issued.set(process, former);
    const last = former.get(token);
    former.set(token, fetch);
    if (last === undefined) this.#checkFormerLife(fetch);
    else this.#checkOwnLife(fetch, last);
  }

  /** What needs a human is tried again every 15 minutes at most, whoever refused it. */
  eventSeen(process: VirtualProcess, event: RefreshEvent): void {
    if (!('identity' in event)) return;
    const { token } = event.identity;
    const waits = this.#humanWaits.get(process) ?? new Map<string, HumanWait>();
    this.#humanWaits.set(process, waits);
    const former = waits.get(token);
    const { nowMs } = this.#parts.world.time;
    const visible = visibleOf(
      this.#parts.world.weather.provider(findToken(this.#parts, token).provider.name),
    );
    if (event.event === 'token-removed') this.#forget(process, token);
    if (event.event !== 'refresh-failed') {
      if (event.event === 'refresh-abandoned' || event.event === 'refresh-recovered') waits.delete(token);
      return;
    }
    const last = this.#issued.get(process)?.get(token);
    // A new term tells what was refused before it, and tries nothing: when it does, its fetch is looked at.
    const isRejected =
      event.failure.code === 'credentials-rejected' && last?.failure?.code === event.failure.code;
    if (isRejected && this.#toldFetches.has(last)) return;
    // It waits because others are refused: nothing of its own was tried.
    if (event.failure.code === 'credentials-rejected' && !isRejected) return;
    if (last !== undefined) this.#toldFetches.add(last);
    const sinceMs = nowMs - (former?.atMs ?? Number.NEGATIVE_INFINITY) + ROUNDING_MS;
    const waitMs = former?.waitMs ?? NEEDS_HUMAN_MS;
    if (former?.visible === visible && sinceMs < waitMs)
      this.#parts.world.breaks(
        PROMISE,
        token,
        `${process.name} tried again after ${sinceMs} ms although a human was needed (${former.code})`,
      );
    // What has changed since the last fetch wakes whoever waits, once, whatever is waited for.
    const known = (last === undefined ? undefined : this.#used.get(last)) ?? visible;
    const { code, retry } = event.failure;
    const ownWaitMs = code === 'credentials-rejected' ? this.#rejectedWaitMs(process, token) : NEEDS_HUMAN_MS;
    if (retry === 'needs-human') waits.set(token, { atMs: nowMs, visible: known, code, waitMs: ownWaitMs });
    else waits.delete(token);
  }

  fetchSettled(fetch: Fetch): void {
    const { failure, process, token } = fetch;
    const credential = this.#used.get(fetch) ?? 0;
    const refusals = this.#refusals.get(process) ?? new Map<string, Refusal>();
    this.#refusals.set(process, refusals);
    if (failure === undefined) {
      const worked = this.#worked.get(process) ?? new Map<string, number>();
      this.#worked.set(process, worked.set(token, credential));
      refusals.delete(token);
    }
    if (failure === undefined || failure.code === 'aborted') return;
    const { nowMs: atMs } = this.#parts.world.time;
    const former = refusals.get(token);
    const isRejected = failure.code === 'credentials-rejected';
    const formerTimes = former?.credential === credential ? former.times : 0;
    const refusal = { fetch, atMs, credential, times: formerTimes + (isRejected ? 1 : 0) };
    refusals.set(token, refusal);
    this.#podRefusals.set(`${podOf(process)} ${token}`, refusal);
  }

  /** How long credentials that were rejected last have to be left alone. */
  #rejectedWaitMs(process: VirtualProcess, token: string): number {
    const refusal = this.#refusals.get(process)?.get(token);
    const hasWorked = refusal !== undefined && this.#worked.get(process)?.get(token) === refusal.credential;
    return hasWorked
      ? Math.min(NEEDS_HUMAN_MS, FIRST_REJECTED_MS * 2 ** (refusal.times - 1))
      : NEEDS_HUMAN_MS;
  }

  /** Whoever comes back with a new binding may be asked for at once. */
  #forget(process: VirtualProcess, token: string): void {
    for (const each of [this.#humanWaits, this.#refusals, this.#issued, this.#worked])
      each.get(process)?.delete(token);
    const demands = this.#demands.get(process) ?? [];
    this.#demands.set(
      process,
      demands.filter((demand) => demand.token !== token),
    );
  }

  #checkOwnLife(fetch: Fetch, last: Fetch): void {
    const { process, token } = fetch;
    const { provider } = findToken(this.#parts, token);
    const jumpedMs = this.#parts.leaders.jumpsSince(podOf(process), last.issuedAtMs);
    const sinceFetchMs = fetch.issuedAtMs - last.issuedAtMs;
    if (sinceFetchMs + ROUNDING_MS < provider.minIntervalMs && jumpedMs === 0)
      this.#break(fetch, `fetches ${sinceFetchMs} ms after its last fetch`);
    const refusal = this.#refusals.get(process)?.get(token);
    if (refusal?.fetch !== last || last.failure === undefined) return;
    const sinceMs = fetch.issuedAtMs - refusal.atMs + ROUNDING_MS;
    const { code, retryAfterMs = 0 } = last.failure;
    if (sinceMs < SHORTEST_WAIT_MS) this.#break(fetch, `fetches ${sinceMs} ms after a failure`);
    if (sinceMs < retryAfterMs && jumpedMs === 0)
      this.#break(fetch, `fetches after ${sinceMs} ms, the provider had asked for ${retryAfterMs}`);
    const visible = visibleOf(this.#parts.world.weather.provider(provider.name));
    if (
      code === 'credentials-rejected' &&
      visible === refusal.credential &&
      sinceMs < this.#rejectedWaitMs(process, token)
    )
      this.#break(fetch, `tries credentials again ${sinceMs} ms after they were refused`);
  }

  #checkFormerLife(fetch: Fetch): void {
    const { process, token } = fetch;
    const demand = this.#demands.get(process)?.find((each) => each.token === token);
    const refusal = this.#podRefusals.get(`${podOf(process)} ${token}`);
    if (demand === undefined || refusal === undefined) return;
    const jumpedMs = this.#parts.leaders.jumpsSince(podOf(process), refusal.atMs);
    const sinceMs = fetch.issuedAtMs - refusal.atMs + ROUNDING_MS;
    if (sinceMs < demand.waitMs && jumpedMs === 0)
      this.#break(
        fetch,
        `fetches ${sinceMs} ms after a refusal, ${demand.waitMs} were demanded of its former life`,
      );
  }

  #break({ process, token }: Fetch, what: string): void {
    this.#parts.world.breaks(PROMISE, token, `${process.name} ${what}`);
  }
}

/** A wait that a process has left behind, other than the usual interval. */
function readDemand(text: string): readonly Demand[] {
  const json = parseJson(text);
  if (!isJsonObject(json) || typeof json['token'] !== 'string' || json['code'] === 'min-interval') return [];
  const waitMs = Date.parse(String(json['not_before'])) - Date.parse(String(json['recorded_at']));
  return Number.isNaN(waitMs) ? [] : [{ token: json['token'], waitMs }];
}
