/**
 * What people read: one line that says what is wrong where, and what is known beyond that.
 *
 * Guarantee: the texts are built from names, codes, counts, times and the messages of failures, none of which holds a
 * secret; they are bounded however many tokens are concerned.
 */
import { ALERTS, type AlertNotification, alertKey, runbookLink } from '../core/alert.ts';
import type { FailureCode } from '../core/failure.ts';
import { formatRoughly, formatUtcSeconds } from '../core/wire/time-text.ts';
import type { ConditionMember } from './alert-conditions.ts';
import type { Transition } from './alert-groups.ts';

/** Where the texts say who speaks, and where to read on. */
export interface AlertTextSettings {
  /** Name of the installation. */
  readonly source: string;
  /** URL of the runbook without a fragment; `undefined`: the file in the project. */
  readonly runbookUrl: string | undefined;
}

const MAX_NAMES = 10;
const MAX_DETAILS = 3;
const MAX_DETAIL_LENGTH = 500;
const MAX_SUMMARY_LENGTH = 300;

export function buildNotification(
  transition: Transition,
  settings: AlertTextSettings,
  nowMs: number,
): AlertNotification {
  const { occasion, alert, provider, members, startedAtMs, lastedMs } = transition;
  const isOver = isResolved(occasion);
  const tokens = members.flatMap(({ token }) => token ?? []);
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
    codes: countCodes(members),
    summary: cut(
      `${isOver ? 'recovered: ' : ''}${nameConcerned(provider, tokens)}${ALERTS[alert].meaning}`,
      MAX_SUMMARY_LENGTH,
    ),
    description: isOver ? describeEnd(transition) : describeMembers(members, nowMs),
    action: isOver ? 'nothing' : ALERTS[alert].action,
    runbook: runbookLink(settings.runbookUrl, alert),
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
    summary: 'TEST: somebody has run alert-test, nothing is wrong',
    description: `sent at ${formatUtcSeconds(nowMs)} to see whether alerts arrive`,
    action: 'nothing; close it where it stays open',
    runbook: runbookLink(settings.runbookUrl, 'AlertTest'),
    startedAtMs: nowMs,
    atMs: nowMs,
    lastedMs: 0,
  };
}

function isResolved(occasion: AlertNotification['occasion']): boolean {
  return occasion === 'recovered' || occasion === 'superseded' || occasion === 'inherited';
}

/** `acme: `, `acme/ayu: `, `acme: 214 customers: `; nothing for the program as a whole. */
function nameConcerned(provider: string | undefined, tokens: readonly string[]): string {
  if (provider === undefined) return '';
  const [first] = tokens;
  if (first === undefined) return `${provider}: `;
  return tokens.length === 1 ? `${first}: ` : `${provider}: ${tokens.length} customers: `;
}

function describeEnd({ occasion, lastedMs }: Transition): string {
  if (occasion === 'inherited') return 'a new leader has found nothing of it';
  const lasted = `it lasted ${formatRoughly(lastedMs)}`;
  return occasion === 'superseded'
    ? `${lasted}; another alert about the same tokens has taken its place`
    : lasted;
}

function describeMembers(members: readonly ConditionMember[], nowMs: number): string {
  return [...describeReaders(members, nowMs), ...describeDetails(members), ...nameTokens(members)].join('; ');
}

/** Only of tokens that fail: of the others it does not matter. */
function describeReaders(members: readonly ConditionMember[], nowMs: number): readonly string[] {
  const failing = members.filter(({ code }) => code !== undefined);
  const expiries = failing.flatMap(({ expiresAtMs }) => expiresAtMs ?? []);
  if (expiries.length === 0) return [];
  const earliestMs = expiries.reduce((least, each) => Math.min(least, each));
  const at = formatUtcSeconds(earliestMs);
  return earliestMs > nowMs
    ? [`readers are fine until ${at} (${formatRoughly(earliestMs - nowMs)})`]
    : [`readers have seen an expired token since ${at} (${formatRoughly(nowMs - earliestMs)})`];
}

/** What was said, most frequent code first; the same text is said once. */
function describeDetails(members: readonly ConditionMember[]): readonly string[] {
  const details = new Map<string, { readonly text: string; count: number }>();
  for (const { code, detail } of members) {
    if (detail === undefined) continue;
    const known = details.get(code ?? detail);
    if (known !== undefined) known.count += 1;
    else details.set(code ?? detail, { text: code === undefined ? detail : `${code}: ${detail}`, count: 1 });
  }
  const sorted = [...details.values()].toSorted((a, b) => b.count - a.count);
  const shown = sorted.slice(0, MAX_DETAILS).map(({ text, count }) => {
    const often = members.length > 1 && sorted.length > 1 ? `${count} x ` : '';
    return `${often}${cut(text, MAX_DETAIL_LENGTH)}`;
  });
  return sorted.length > MAX_DETAILS ? [...shown, `and ${sorted.length - MAX_DETAILS} other causes`] : shown;
}

function nameTokens(members: readonly ConditionMember[]): readonly string[] {
  const tokens = members.flatMap(({ token }) => token ?? []);
  if (tokens.length < 2) return [];
  const rest = tokens.length - MAX_NAMES;
  return [`tokens: ${tokens.slice(0, MAX_NAMES).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`];
}

function countCodes(members: readonly ConditionMember[]): AlertNotification['codes'] {
  const codes: Partial<Record<FailureCode, number>> = {};
  for (const { code } of members) if (code !== undefined) codes[code] = (codes[code] ?? 0) + 1;
  return codes;
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
