/**
 * What people read: one line that says what is wrong where, and what is known beyond that.
 *
 * Guarantee: the texts are built from names, codes, counts, times and the messages of failures, none of which holds a
 * secret; they are bounded however many tokens are concerned.
 */
import { ALERTS, type AlertNotification, alertKey, type Occasion, runbookLink } from '../core/alert.ts';
import type { Board, FailureRecord, TokenRecord } from '../core/board.ts';
import { type FailureCode, needsPerson } from '../core/failure.ts';
import { assessReaders, describeOutlook } from '../core/readers-outlook.ts';
import { REMEDIES } from '../core/remedies.ts';
import {
  formatCount,
  formatDistance,
  formatItems,
  formatMoment,
  formatRoughly,
  formatTokens,
} from '../core/wire/time-text.ts';
import type { ConditionMember } from './alert-conditions.ts';
import type { Transition } from './alert-groups.ts';

/** Where the texts say who speaks, and where to read on. */
export interface AlertTextSettings {
  /** Name of the installation. */
  readonly source: string;
  /** URL of a runbook without a fragment; `undefined`: the daemon's own pages. */
  readonly runbookUrl: string | undefined;
  /** Where people reach the daemon's own pages, without a slash at the end. */
  readonly ownUrl: string;
  /** What has to be done before a link to these pages works; `undefined`: nothing. */
  readonly ownUrlHint: string | undefined;
}

const RESOLVED: ReadonlySet<Occasion> = new Set(['recovered', 'superseded', 'inherited']);
const MAX_NAMES = 10;
const MAX_DETAILS = 3;
const MAX_DETAIL_LENGTH = 500;
const MAX_SUMMARY_LENGTH = 300;

/** @param board as it is now: until when readers are fine, also when the alert is over */
export function buildNotification(
  transition: Transition,
  settings: AlertTextSettings,
  board: Board,
  nowMs: number,
): AlertNotification {
  const { occasion, alert, provider, members, startedAtMs, lastedMs } = transition;
  const isOver = RESOLVED.has(occasion);
  const failures = members.flatMap(({ failure }) => failure ?? []);
  const tokens = members.flatMap(({ token }) => token ?? []);
  const concerned = findConcerned(transition, board);
  const readers = describeReaders(transition, concerned, board, nowMs);
  return {
    occasion,
    status: isOver ? 'resolved' : 'firing',
    key: alertKey(settings.source, provider, alert),
    alert,
    severity: ALERTS[alert].severity,
    source: settings.source,
    provider,
    tokenCount: tokens.length,
    tokens: tokens.slice(0, MAX_NAMES),
    codes: Object.fromEntries(byCode(failures).map(([code, { length }]) => [code, length])),
    // Until when readers are fine is what must not be lost.
    summary:
      cut(summarize(transition, board, concerned.length), MAX_SUMMARY_LENGTH - readers.length) + readers,
    description: isOver
      ? describeEnd(transition)
      : [
          // Since when and until when it is tried, what was said, and by which tokens: a line each.
          ...describeEffort(failures, nowMs),
          ...describeDetails(members, failures),
          ...nameTokens(members),
          ...hintOf(settings),
        ].join('\n'),
    action: isOver ? 'nothing' : decideAction(transition, failures),
    runbook: runbookLink(settings.runbookUrl, alert, settings.ownUrl),
    startedAtMs,
    atMs: nowMs,
    lastedMs: Math.round(lastedMs),
  };
}

/** What `alert-test` sends. */
export function buildTestNotification(settings: AlertTextSettings, nowMs: number): AlertNotification {
  return {
    occasion: 'test',
    status: 'firing',
    key: alertKey(settings.source, undefined, 'AlertTest'),
    alert: 'AlertTest',
    severity: 'warning',
    source: settings.source,
    provider: undefined,
    tokenCount: 0,
    tokens: [],
    codes: {},
    summary: 'TEST: alert-test was run, nothing is wrong',
    description: [
      `sent at ${formatMoment(nowMs, nowMs)} to see whether alerts arrive`,
      ...hintOf(settings),
    ].join('\n'),
    action: 'nothing; close it where it stays open',
    runbook: runbookLink(settings.runbookUrl, 'AlertTest', settings.ownUrl),
    startedAtMs: nowMs,
    atMs: nowMs,
    lastedMs: 0,
  };
}

function hintOf({ runbookUrl, ownUrlHint }: AlertTextSettings): readonly string[] {
  return runbookUrl === undefined && ownUrlHint !== undefined ? [ownUrlHint] : [];
}

/** The tokens as they are now; all of the provider, or of the program, when it is concerned as a whole. */
function findConcerned({ alert, provider, members }: Transition, board: Board): readonly TokenRecord[] {
  // Refreshes go well: what readers of the mirror have is another matter.
  if (alert === 'MirrorFailing') return [];
  if (members.every(({ token }) => token !== undefined))
    return members.flatMap(({ token = '' }) => board.token(token) ?? []);
  return [...board.tokens()].filter(
    ({ identity }) => provider === undefined || identity.provider === provider,
  );
}

/** Until when they are fine; begins with a semicolon, unless there is nothing to say. */
function describeReaders(
  { alert, provider }: Transition,
  concerned: readonly TokenRecord[],
  board: Board,
  nowMs: number,
): string {
  if (alert !== 'MirrorFailing')
    return concerned.length === 0 ? '' : `; ${describeOutlook(assessReaders(concerned, nowMs), nowMs)}`;
  const mirror = [...board.mirrors()].find(({ place }) => place === provider);
  if (mirror === undefined || mirror.behind === 0) return '';
  const { behind, copiesUntilMs } = mirror;
  const until =
    copiesUntilMs === undefined
      ? 'it is not known when their copies expire'
      : `the first of their copies ${copiesUntilMs <= nowMs ? 'expired' : 'expires'} ${formatMoment(copiesUntilMs, nowMs)}, ${formatDistance(copiesUntilMs - nowMs)}`;
  return `; ${formatTokens(behind)} behind, ${until}`;
}

/** What holds, and where. @param left how many of the tokens that it held for are still managed */
function summarize({ occasion, alert, provider, members }: Transition, board: Board, left: number): string {
  const { meaning, over } = ALERTS[alert];
  const where = nameConcerned(provider, members, board);
  switch (occasion) {
    case 'recovered':
      return `recovered: ${where}${left === 0 && provider !== undefined && alert !== 'MirrorFailing' ? 'not managed any more' : over}`;
    case 'superseded':
      return `changed: ${where}another alert about the same tokens takes the place of "${meaning}"`;
    case 'inherited':
      return `recovered: ${where}${over}`;
    default:
      return `${where}${meaning}`;
  }
}

/** `acme: `, `acme/ayu: `, `acme: 214 of 300 tokens: `; nothing for the program as a whole. */
function nameConcerned(
  provider: string | undefined,
  members: readonly ConditionMember[],
  board: Board,
): string {
  if (provider === undefined) return '';
  const [first] = members;
  if (first?.token === undefined) return `${provider}: `;
  if (members.length === 1) return `${first.token}: `;
  // Tokens that are not managed any more count as well: it has held for them.
  let all = members.filter(({ token = '' }) => board.token(token) === undefined).length;
  for (const { identity } of board.tokens()) if (identity.provider === provider) all += 1;
  const share = members.length < all ? `${formatCount(members.length)} of ` : 'all ';
  return `${provider}: ${share}${formatTokens(all)}: `;
}

function describeEnd({ occasion, lastedMs }: Transition): string {
  if (occasion === 'inherited') return 'a new leader has found nothing of it';
  return `it lasted ${formatRoughly(lastedMs)}`;
}

function describeEffort(failures: readonly FailureRecord[], nowMs: number): readonly string[] {
  if (failures.length === 0) return [];
  const sinceMs = leastOf(failures.map((failure) => failure.sinceMs));
  const nextMs = leastOf(failures.map((failure) => failure.nextAttemptAtMs));
  const next =
    nextMs > nowMs
      ? `next attempt ${formatMoment(nextMs, nowMs)}, ${formatDistance(nextMs - nowMs)}`
      : 'being tried again';
  return [
    `failing since ${formatMoment(sinceMs, nowMs)}, for ${formatRoughly(nowMs - sinceMs)}; ${next}; ${nameHealer(failures)}`,
  ];
}

function nameHealer(failures: readonly FailureRecord[]): string {
  const waiting = failures.filter(needsPerson).length;
  if (waiting === 0) return 'it heals by itself once the cause is gone';
  if (waiting === failures.length) return 'a person has to act';
  return `${formatTokens(waiting)} ${waiting === 1 ? 'waits' : 'wait'} for a person`;
}

/** What was said, most frequent code first; the same is said once. */
function describeDetails(
  members: readonly ConditionMember[],
  failures: readonly FailureRecord[],
): readonly string[] {
  const groups = byCode(failures);
  const ofFailures = groups.map(([code, those]) => {
    const often = groups.length > 1 ? `${formatTokens(those.length)}: ` : '';
    return `${often}${code}: ${cut(those.at(-1)?.message ?? '', MAX_DETAIL_LENGTH)}`;
  });
  const details = new Set(members.flatMap(({ detail }) => detail?.text ?? []));
  const said = [...ofFailures, ...[...details].map((text) => cut(text, MAX_DETAIL_LENGTH))];
  const rest = said.length - MAX_DETAILS;
  return rest > 0 ? [...said.slice(0, MAX_DETAILS), `and ${formatItems(rest, 'other cause')}`] : said;
}

function nameTokens(members: readonly ConditionMember[]): readonly string[] {
  const tokens = members.flatMap(({ token }) => token ?? []);
  if (tokens.length < 2) return [];
  const rest = tokens.length - MAX_NAMES;
  return [
    `tokens: ${tokens.slice(0, MAX_NAMES).join(', ')}${rest > 0 ? ` and ${formatCount(rest)} more` : ''}`,
  ];
}

/** By the code that most tokens fail with. */
function decideAction({ alert, members }: Transition, failures: readonly FailureRecord[]): string {
  const [mostFrequent] = byCode(failures);
  const own = members.find(({ detail }) => detail?.action !== undefined)?.detail?.action;
  return own ?? (mostFrequent === undefined ? ALERTS[alert].action : REMEDIES[mostFrequent[0]]);
}

/** Failures by their code, the most frequent one first. */
function byCode(failures: readonly FailureRecord[]): readonly [FailureCode, readonly FailureRecord[]][] {
  return [...Map.groupBy(failures, ({ code }) => code)].toSorted(([, a], [, b]) => b.length - a.length);
}

/** Not with `Math.min`, which takes no hundred thousand arguments. */
function leastOf(times: readonly number[]): number {
  return times.reduce((least, each) => Math.min(least, each), Number.POSITIVE_INFINITY);
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
