/**
 * Promises 1, 3 and 5, as they hold for readers' reports that a token was refused: nothing is fetched for the report of a
 * token that readers do not see, nor within the floor after a fetch, nor beyond the caps; otherwise the token is fetched.
 *
 * Excused, as the program documents it: what a process cannot know because another one, or somebody else, has written the
 * secret; what it fetched for reports is forgotten with the process.
 */
import type { RefreshEvent } from '../../../src/core/events.ts';
import type { RejectionVerdict } from '../../../src/core/rejection/decide-rejection.ts';
import type { Fetch, Report, SecretChange, Watcher } from '../observation.ts';
import type { VirtualProcess } from '../virtual-process.ts';
import {
  type CheckParts,
  findToken,
  podOf,
  readDocument,
  type SeenDocument,
  tokenOfSecret,
} from './check.ts';

const FRESH = '1 fresh';
const ONE = '3 one at a time';
const LOCKED = '5 nobody is locked out';
const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const FLOOR_MS = 30 * SECOND_MS;
const MAX_AN_HOUR = 4;
const MAX_IN_A_ROW = 2;
/** One that is refused later than this after it was published may have worked before; less what a publish may take. */
const WORKED_MS = 9 * MINUTE_MS;
/** And later than this it surely has. */
const SURELY_WORKED_MS = 11 * MINUTE_MS;
/** Documents state whole seconds. */
const ROUNDING_MS = 1500;
/** A write may be carried out so long before its process hears of it. */
const UNSEEN_MS = 30 * SECOND_MS;
/** What was broken so lately may still be waited for. */
const AFTERMATH_MS = 20 * MINUTE_MS;

/** What a process has been told of one token, and has done. */
interface Known {
  /** The token that it has said it replaces, until a fetch has brought another. */
  toReplace: string | undefined;
  readonly askedFor: Set<string>;
  readonly fetchesAtMs: number[];
  lastFetchAtMs: number | undefined;
  /** When it was told what became of that. */
  settledAtMs: number | undefined;
  /** What it has published last, and in place of what. */
  change: { readonly former: string; readonly accessToken: string } | undefined;
  /** How many it has published for reports, each for the one before while that was fresh: surely, and at most. */
  row:
    | { readonly accessToken: string; readonly least: number; readonly most: number; readonly atMs: number }
    | undefined;
}

export class Refused implements Watcher {
  readonly #parts: Omit<CheckParts, 'looks' | 'refused'>;
  readonly #known = new WeakMap<VirtualProcess, Map<string, Known>>();
  /** Who has last written each token's secret, and when. */
  readonly #written = new Map<
    string,
    { readonly process: VirtualProcess | undefined; readonly atMs: number }
  >();

  constructor(parts: Omit<CheckParts, 'looks' | 'refused'>) {
    this.#parts = parts;
  }

  /** Whether the process has said that it replaces the token, and has no other yet. */
  isToBeReplaced(process: VirtualProcess, token: string, accessToken: string): boolean {
    return this.#known.get(process)?.get(token)?.toReplace === accessToken;
  }

  /** Whether the process has ever said so. */
  wasAskedFor(process: VirtualProcess, token: string, accessToken: string): boolean {
    return this.#known.get(process)?.get(token)?.askedFor.has(accessToken) === true;
  }

  fetchIssued({ process, token }: Fetch): void {
    this.#knownOf(process, token).lastFetchAtMs = this.#parts.world.time.nowMs;
  }

  fetchSettled({ process, token, isDelivered }: Fetch): void {
    const known = this.#knownOf(process, token);
    known.settledAtMs = this.#parts.world.time.nowMs;
    if (isDelivered) known.toReplace = undefined;
  }

  secretChanged({ secret, text, formerText, process }: SecretChange): void {
    const token = tokenOfSecret(this.#parts, secret);
    if (token === undefined) return;
    const { nowMs } = this.#parts.world.time;
    this.#written.set(token.name, { process, atMs: nowMs });
    const former = readDocument(formerText)?.accessToken;
    const accessToken = readDocument(text)?.accessToken;
    if (process === undefined || former === undefined || accessToken === undefined) return;
    this.#knownOf(process, token.name).change = { former, accessToken };
  }

  eventSeen(process: VirtualProcess, event: RefreshEvent): void {
    if (event.event === 'token-removed') this.#known.get(process)?.delete(event.identity.token);
    if (event.event !== 'token-refreshed' || event.reason !== 'rejected') return;
    const known = this.#knownOf(process, event.identity.token);
    if (known.change === undefined) return;
    const { former, accessToken } = known.change;
    const { nowMs } = this.#parts.world.time;
    const row = known.row?.accessToken === former ? known.row : undefined;
    const ageMs = nowMs - (row?.atMs ?? Number.NEGATIVE_INFINITY);
    const goesOn = (before: number | undefined, withinMs: number): number =>
      ageMs < withinMs ? (before ?? 0) + 1 : 1;
    known.row = {
      accessToken,
      least: goesOn(row?.least, WORKED_MS),
      most: goesOn(row?.most, SURELY_WORKED_MS),
      atMs: nowMs,
    };
  }

  reported({ token, process, accessToken, answer }: Report): void {
    const { world, store } = this.#parts;
    const { secret, binding } = findToken(this.#parts, token);
    if (answer.kind === 'unknown' && binding === undefined)
      world.breaks(FRESH, token, `${process.name} does not know ${token} when it is reported`);
    if (answer.kind !== 'decided') return;
    const { verdict } = answer;
    if (
      verdict.kind !== 'replaced' &&
      !(verdict.retryAfterMs >= SECOND_MS && verdict.retryAfterMs <= HOUR_MS)
    )
      world.breaks(FRESH, token, `${process.name} asks a reader to wait ${verdict.retryAfterMs} ms`);
    const seen = readDocument(store.currentText(secret));
    if (verdict.kind === 'fetch') this.#checkFetch(process, token, accessToken, seen);
    else this.#checkRefusal(process, token, accessToken, seen, verdict);
  }

  #checkFetch(
    process: VirtualProcess,
    token: string,
    accessToken: string,
    seen: SeenDocument | undefined,
  ): void {
    const { world } = this.#parts;
    const { nowMs } = world.time;
    const known = this.#knownOf(process, token);
    if (seen?.accessToken !== accessToken && this.#isKnownTo(process, token))
      world.breaks(
        ONE,
        token,
        `${process.name} fetches for a report of ${accessToken}, and readers see ${seen?.accessToken ?? 'none'}`,
      );
    const sinceMs = this.#sinceFetchMs(process, token, accessToken, seen);
    if (sinceMs < this.#floorMs(token))
      world.breaks(LOCKED, token, `${process.name} fetches for a report ${sinceMs} ms after the last fetch`);
    known.fetchesAtMs.push(nowMs);
    const inHour = known.fetchesAtMs.filter((atMs) => nowMs - atMs < HOUR_MS).length;
    if (inHour > MAX_AN_HOUR)
      world.breaks(LOCKED, token, `${process.name} fetches for reports ${inHour} times in an hour`);
    const { row } = known;
    if (row?.accessToken === accessToken && row.least >= MAX_IN_A_ROW && nowMs - row.atMs < WORKED_MS)
      world.breaks(LOCKED, token, `${process.name} fetches for reports ${row.least + 1} times in a row`);
    known.toReplace = accessToken;
    known.askedFor.add(accessToken);
  }

  #checkRefusal(
    process: VirtualProcess,
    token: string,
    accessToken: string,
    seen: SeenDocument | undefined,
    verdict: Exclude<RejectionVerdict, { kind: 'fetch' }>,
  ): void {
    // What it has not seen it may take for replaced, or for nothing.
    if (verdict.kind === 'refreshing' || seen?.accessToken !== accessToken) return;
    if (!this.#isKnownTo(process, token)) return;
    const { world, leaders } = this.#parts;
    const { nowMs } = world.time;
    const isExcused =
      world.disturbances.within(token, nowMs - AFTERMATH_MS, nowMs).length > 0 ||
      leaders.jumpsSince(podOf(process), nowMs - AFTERMATH_MS) > 0;
    if (isExcused || this.#mayRefuse(process, token, accessToken, seen, verdict)) return;
    const reason = verdict.kind === 'blocked' ? verdict.reason : verdict.kind;
    world.breaks(
      FRESH,
      token,
      `${process.name} does not replace ${accessToken}, which is refused: ${reason}, for no reason that there is`,
    );
  }

  #mayRefuse(
    process: VirtualProcess,
    token: string,
    accessToken: string,
    seen: SeenDocument,
    verdict: Exclude<RejectionVerdict, { kind: 'fetch' }>,
  ): boolean {
    if (verdict.kind !== 'blocked') return false;
    const { fetchesAtMs, row, settledAtMs = Number.NEGATIVE_INFINITY } = this.#knownOf(process, token);
    switch (verdict.reason) {
      case 'cooling-down':
        return (
          Math.min(
            this.#sinceFetchMs(process, token, accessToken, seen),
            this.#parts.world.time.nowMs - settledAtMs,
          ) <
          this.#floorMs(token) + 2 * ROUNDING_MS
        );
      case 'capped':
        return verdict.cap === 'refused-again'
          ? row?.accessToken === accessToken && row.most >= MAX_IN_A_ROW
          : verdict.cap === 'an-hour' && fetchesAtMs.length >= MAX_AN_HOUR;
      default:
        return false;
    }
  }

  #floorMs(token: string): number {
    return Math.max(FLOOR_MS, findToken(this.#parts, token).provider.minIntervalMs) - ROUNDING_MS;
  }

  /** By its own last fetch, and by the document that it replaces; a clock that has jumped excuses the latter. */
  #sinceFetchMs(
    process: VirtualProcess,
    token: string,
    accessToken: string,
    seen: SeenDocument | undefined,
  ): number {
    const { world, leaders } = this.#parts;
    const { nowMs } = world.time;
    const { lastFetchAtMs = Number.NEGATIVE_INFINITY } = this.#knownOf(process, token);
    const ageMs = process.wallMs - (seen?.issuedAtMs ?? Number.NEGATIVE_INFINITY);
    const isAge =
      seen?.accessToken === accessToken &&
      ageMs >= 0 &&
      leaders.jumpsSince(podOf(process), nowMs - HOUR_MS) === 0;
    return Math.min(nowMs - lastFetchAtMs, isAge ? ageMs : Number.POSITIVE_INFINITY);
  }

  /** Nobody else has written the secret, and what it has written itself it has heard of. */
  #isKnownTo(process: VirtualProcess, token: string): boolean {
    const written = this.#written.get(token);
    return written?.process === process && this.#parts.world.time.nowMs - written.atMs > UNSEEN_MS;
  }

  #knownOf(process: VirtualProcess, token: string): Known {
    const tokens = this.#known.get(process) ?? new Map<string, Known>();
    this.#known.set(process, tokens);
    const known = tokens.get(token) ?? {
      toReplace: undefined,
      askedFor: new Set<string>(),
      fetchesAtMs: [],
      lastFetchAtMs: undefined,
      settledAtMs: undefined,
      change: undefined,
      row: undefined,
    };
    tokens.set(token, known);
    return known;
  }
}
