/**
 * What people read: one line that says what is wrong where, and what is known beyond that.
 *
 * Guarantee: the texts are built from names, codes, counts, times and the messages of failures, none of which holds a
 * secret; they are bounded however many tokens are concerned.
 */
import { ALERTS, type AlertNotification, alertKey, runbookLink } from '../core/alert.ts';
import type { Board, FailureRecord, TokenRecord } from '../core/board.ts';
import type { FailureCode } from '../core/failure.ts';
import { assessReaders, describeOutlook } from '../core/readers-outlook.ts';
import { REMEDIES } from '../core/remedies.ts';
import {
  formatCount,
  formatDistance,
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
  const isOver = isResolved(occasion);
  const failures = members.flatMap(({ failure }) => failure ?? []);
  const tokens = members.flatMap(({ token }) => token ?? []);
  const concerned = findConcerned(transition, board);
  const readers =
    concerned.length === 0 ? '' : `; ${describeOutlook(assessReaders(concerned, nowMs), nowMs)}`;
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
    codes: Object.fromEntries(tally(failures)),
    summary: cut(`${summarize(transition, board, concerned.length)}${readers}`, MAX_SUMMARY_LENGTH),
    description: isOver
      ? describeEnd(transition)
      : [...describeMembers(members, failures, nowMs), ...hintOf(settings)].join('\n'),
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

function isResolved(occasion: AlertNotification['occasion']): boolean {
  return occasion === 'recovered' || occasion === 'superseded' || occasion === 'inherited';
}

/** The tokens as they are now; all of the provider, or of the program, when it is concerned as a whole. */
function findConcerned({ provider, members }: Transition, board: Board): readonly TokenRecord[] {
  if (members.every(({ token }) => token !== undefined))
    return members.flatMap(({ token = '' }) => board.token(token) ?? []);
  return [...board.tokens()].filter(
    ({ identity }) => provider === undefined || identity.provider === provider,
  );
}

/** What holds, and where. @param left how many of the tokens that it held for are still managed */
function summarize({ occasion, alert, provider, members }: Transition, board: Board, left: number): string {
  const { meaning, over } = ALERTS[alert];
  const where = nameConcerned(provider, members, board);
  switch (occasion) {
    case 'recovered':
      return `recovered: ${where}${left === 0 ? 'not managed any more' : over}`;
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
  let all = 0;
  for (const { identity } of board.tokens()) if (identity.provider === provider) all += 1;
  const share = members.length < all ? `${formatCount(members.length)} of ` : 'all ';
  return `${provider}: ${share}${formatTokens(Math.max(all, members.length))}: `;
}

function describeEnd({ occasion, lastedMs }: Transition): string {
  if (occasion === 'inherited') return 'a new leader has found nothing of it';
  return `it lasted ${formatRoughly(lastedMs)}`;
}

/** Since when and until when it is tried, what was said, and by which tokens: a line each. */
function describeMembers(
  members: readonly ConditionMember[],
  failures: readonly FailureRecord[],
  nowMs: number,
): readonly string[] {
  return [...describeEffort(failures, nowMs), ...describeDetails(members, failures), ...nameTokens(members)];
}

function describeEffort(failures: readonly FailureRecord[], nowMs: number): readonly string[] {
  if (failures.length === 0) return [];
  const sinceMs = failures.reduce((least, each) => Math.min(least, each.sinceMs), Number.POSITIVE_INFINITY);
  const nextMs = failures.reduce(
    (least, { nextAttemptAtMs }) => Math.min(least, nextAttemptAtMs),
    Number.POSITIVE_INFINITY,
  );
  const next =
    nextMs > nowMs
      ? `next attempt ${formatMoment(nextMs, nowMs)}, ${formatDistance(nextMs - nowMs)}`
      : 'being tried again';
  return [
    `failing since ${formatMoment(sinceMs, nowMs)}, for ${formatRoughly(nowMs - sinceMs)}; ${next}; ${nameHealer(failures)}`,
  ];
}

function nameHealer(failures: readonly FailureRecord[]): string {
  const waiting = failures.filter(({ retry }) => retry === 'needs-human').length;
  if (waiting === 0) return 'it heals by itself once the cause is gone';
  return waiting < failures.length ? `${formatTokens(waiting)} wait for a person` : 'a person has to act';
}

/** What was said, most frequent code first; the same is said once. */
function describeDetails(
  members: readonly ConditionMember[],
  failures: readonly FailureRecord[],
): readonly string[] {
  const messages = new Map(failures.map(({ code, message }) => [code, message]));
  const ofFailures = tally(failures).map(([code, count]) => {
    const often = messages.size > 1 ? `${formatTokens(count)}: ` : '';
    return `${often}${code}: ${cut(messages.get(code) ?? '', MAX_DETAIL_LENGTH)}`;
  });
  const details = new Set(members.flatMap(({ detail }) => detail?.text ?? []));
  const said = [...ofFailures, ...[...details].map((text) => cut(text, MAX_DETAIL_LENGTH))];
  return said.length > MAX_DETAILS
    ? [...said.slice(0, MAX_DETAILS), `and ${said.length - MAX_DETAILS} other causes`]
    : said;
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
  const [mostFrequent] = tally(failures);
  const own = members.find(({ detail }) => detail?.action !== undefined)?.detail?.action;
  return own ?? (mostFrequent === undefined ? ALERTS[alert].action : REMEDIES[mostFrequent[0]]);
}

/** How many fail with which code, the most frequent one first. */
function tally(failures: readonly FailureRecord[]): readonly (readonly [FailureCode, number])[] {
  const counts = new Map<FailureCode, number>();
  for (const { code } of failures) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts].toSorted(([, a], [, b]) => b - a);
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
