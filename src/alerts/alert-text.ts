/**
 * What people read: what is wrong where, until when readers are fine, since when, what the provider said and what to do.
 *
 * Guarantee: the text follows the records of the tokens on the board, so that no message says of readers what another one
 * denies. It is built from names, codes, counts, times and the messages of failures, none of which holds a secret, and is
 * bounded however many tokens are concerned.
 */
import { ALERTS, type AlertName, type AlertNotification, alertKey, runbookLink } from '../core/alert.ts';
import type { Board, TokenRecord } from '../core/board.ts';
import type { FailureCode } from '../core/failure.ts';
import { describeRemedy } from '../core/failure-remedy.ts';
import { describeOutlook, type ReaderOutlook } from '../core/reader-outlook.ts';
import {
  formatCount,
  formatMoment,
  formatMomentAndDistance,
  formatRoughly,
  formatSince,
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

/** What a message is made from. */
interface Subject {
  readonly transition: Transition;
  /** Of the tokens that are concerned; of all of the provider, or of the program, when that is concerned as a whole. */
  readonly records: readonly TokenRecord[];
  /** How many tokens the provider has. */
  readonly managed: number;
  readonly outlook: ReaderOutlook;
  readonly nowMs: number;
}

const MAX_NAMES = 10;
const MAX_DETAILS = 3;
const MAX_DETAIL_LENGTH = 500;
const MAX_SUMMARY_LENGTH = 300;

export function buildNotification(
  transition: Transition,
  settings: AlertTextSettings,
  board: Board,
  nowMs: number,
): AlertNotification {
  const { occasion, alert, provider, members, startedAtMs, lastedMs } = transition;
  const isOver = isResolved(occasion);
  const tokens = members.flatMap(({ token }) => token ?? []);
  const all = [...board.tokens()].filter(
    ({ identity }) => provider === undefined || identity.provider === provider,
  );
  const records = tokens.length === 0 ? all : tokens.flatMap((token) => board.token(token) ?? []);
  const readables = records.map(({ readable }) => readable);
  const outlook = describeOutlook(readables, nowMs);
  const subject: Subject = { transition, records, managed: all.length, outlook, nowMs };
  const description = isOver ? describeEnd(subject) : describeTrouble(subject);
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
    summary: cut(`${nameConcerned(provider, tokens)}${summarize(subject)}`, MAX_SUMMARY_LENGTH),
    description: [...description, ...(isOver ? [] : hintOf(settings))].join('\n'),
    action: isOver ? 'nothing' : decideAction(subject),
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
      `Sent at ${formatMoment(nowMs, nowMs)} to see whether alerts arrive.`,
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

/** `acme: `, `acme/ayu: `; nothing for the program as a whole. */
function nameConcerned(provider: string | undefined, tokens: readonly string[]): string {
  if (provider === undefined) return '';
  return tokens.length === 1 ? `${tokens[0]}: ` : `${provider}: `;
}

function summarize(subject: Subject): string {
  const { transition, outlook } = subject;
  switch (transition.occasion) {
    case 'recovered':
      return `recovered: ${describeCalm(subject)}; ${outlook.sentence}`;
    case 'superseded':
      return `replaced by another alert: ${outlook.sentence}`;
    case 'inherited':
      return `over, as a new leader sees it; ${outlook.sentence}`;
    case 'fired':
    case 'grew':
    case 'reminder':
    case 'kept':
      break;
  }
  if (transition.isQuiet) return `not so at present, waiting whether that lasts; ${outlook.sentence}`;
  const trouble = describeAlert(subject);
  // What matters most comes first: a receiver may cut the line.
  return transition.alert === 'TokenExpiring' || transition.alert === 'TokenExpired'
    ? `${outlook.sentence}; ${trouble}`
    : `${trouble}; ${outlook.sentence}`;
}

/** What is wrong with what is concerned, without its readers. */
function describeAlert({ transition: { alert, members }, managed }: Subject): string {
  const tokens = members.filter(({ token }) => token !== undefined).length;
  const why = nameCodes(members);
  const some =
    tokens === 1
      ? 'its token'
      : tokens >= managed
        ? `all ${formatTokens(tokens)}`
        : `${formatCount(tokens)} of ${formatTokens(managed)}`;
  switch (alert) {
    case 'RefreshFailing':
      return tokens === 1 ? `refreshes fail${why}` : `refreshes of ${some} fail${why}`;
    case 'TokenExpiring':
    case 'TokenExpired':
      if (why === '') return `nothing refreshes ${tokens === 1 ? 'it' : 'them'}`;
      return tokens === 1 ? `refreshes fail${why}` : `refreshes of ${some} fail${why}`;
    case 'CredentialsRejected':
      return `credentials${tokens === 1 ? '' : ` for ${some}`} are refused or cannot be read`;
    case 'ChainBroken':
      return tokens === 1
        ? 'its refresh token is lost, and so is what could replace it'
        : `the refresh tokens of ${some} are lost, and so is what could replace them`;
    case 'StoreWriteFailing':
      return `${some} cannot be written to the store or read from it${why}`;
    case 'VersionBudgetLow':
      return tokens === 1
        ? 'its secret has nearly used up its versions of 24 hours'
        : `the secrets of ${some} have nearly used up their versions of 24 hours`;
    case 'ClockSkew':
      return tokens === 0
        ? "our clock and the provider's differ"
        : `the clocks differ, refreshes${tokens === 1 ? '' : ` of ${some}`} fail${why}`;
    case 'NoLeader':
      return 'this replica neither leads nor sees who does; if no replica can, nothing is refreshed';
  }
}

/** What is right again. */
function describeCalm({ transition: { alert, members } }: Subject): string {
  const tokens = members.filter(({ token }) => token !== undefined).length;
  switch (alert) {
    case 'TokenExpired':
    case 'TokenExpiring':
    case 'RefreshFailing':
    case 'CredentialsRejected':
    case 'ChainBroken':
    case 'StoreWriteFailing':
      return tokens > 1 ? `${formatTokens(tokens)} refreshed again` : 'refreshed again';
    case 'VersionBudgetLow':
      return 'there is room for versions again';
    case 'ClockSkew':
      return 'the clocks agree again';
    case 'NoLeader':
      return 'a replica leads, or this one sees who does';
  }
}

function describeEnd({ transition: { occasion, startedAtMs, lastedMs }, nowMs }: Subject): readonly string[] {
  if (occasion === 'inherited') return ['A new leader has looked at all tokens and found nothing of it.'];
  const lasted = `It lasted ${formatRoughly(lastedMs)}, from ${formatMoment(startedAtMs, nowMs)} on.`;
  return occasion === 'superseded'
    ? [lasted, 'The alert that has taken its place is about the same tokens.']
    : [lasted];
}

function describeTrouble(subject: Subject): readonly string[] {
  const { transition, records, managed, nowMs } = subject;
  const { members, lastedMs, occasion, alert } = transition;
  const failures = records.flatMap(({ failure }) => failure ?? []);
  if (transition.isQuiet) return ['The alert ends when it has been quiet for long enough.'];
  const sinceMs = leastOf(failures.map((failure) => failure.sinceMs)) ?? transition.startedAtMs;
  const nextMs = leastOf(failures.map(({ nextAttemptAtMs }) => nextAttemptAtMs));
  const isForPerson = failures.some(({ retry }) => retry === 'needs-human');
  return [
    ...(occasion === 'reminder' ? [`Still so after ${formatRoughly(lastedMs)}.`] : []),
    ...nameTokens(members, managed, alert === 'NoLeader'),
    `${failures.length > 0 ? 'Failing since' : 'Since'} ${formatSince(sinceMs, nowMs)}.`,
    ...describeDetails(members),
    ...(nextMs === undefined
      ? []
      : [
          `Next attempt ${nextMs > nowMs ? formatMomentAndDistance(nextMs, nowMs) : 'now'}` +
            `${isForPerson ? ', or as soon as a credential changes' : ''}.`,
        ]),
  ];
}

/** One thing that a person can do, by the code that most tokens fail with. */
function decideAction({ transition: { alert, members, isQuiet }, records, outlook }: Subject): string {
  if (isQuiet) return 'nothing, unless it comes back';
  switch (alert) {
    case 'VersionBudgetLow':
      return `find out what else writes ${records[0]?.identity.secret ?? 'the secret'} (CloudTrail: PutSecretValue), and stop it`;
    case 'NoLeader':
      return "check whether the Kubernetes API server answers, and lets the daemon's service account update the Lease";
    case 'RefreshFailing':
    case 'TokenExpiring':
    case 'TokenExpired':
    case 'CredentialsRejected':
    case 'ChainBroken':
    case 'StoreWriteFailing':
    case 'ClockSkew':
      break;
  }
  const [code] = codesByCount(members);
  const alike = records.filter(({ failure }) => failure !== undefined && failure.code === code);
  const [first] = alike;
  if (first?.failure === undefined) return decideActionWithoutFailure(alert, members);
  const { actor, action } = describeRemedy(first.failure, first.identity);
  const others = alike.length - 1;
  const likewise =
    code?.startsWith('store-') && others > 0 ? `; likewise for ${formatCount(others)} more` : '';
  const isHopeless = outlook.severity === 'broken' && actor === 'none';
  const orders = [
    ...(action === undefined ? [] : [`${action}${likewise}`]),
    ...(isHopeless ? ['tell the owners of the readers that they have no token'] : []),
  ];
  return orders.length === 0 ? 'nothing: the next attempt goes on' : orders.join('; ');
}

/** The clock's skew, or a token that has expired though nothing fails. */
function decideActionWithoutFailure(alert: AlertName, members: readonly ConditionMember[]): string {
  if (alert === 'ClockSkew')
    return "compare the pod's clock (date -u) with the real time; if it is right, tell the operators of the provider";
  return members.some(({ detail }) => detail !== undefined)
    ? 'give each installation a coordination.leaseName of its own'
    : "delete the leader's pod, so that another replica takes over; /livez of the old one says what stands still";
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
    const often = members.length > 1 && sorted.length > 1 ? `${formatCount(count)} x ` : '';
    return `${often}${cut(text, MAX_DETAIL_LENGTH)}`;
  });
  return sorted.length > MAX_DETAILS ? [...shown, `and ${sorted.length - MAX_DETAILS} other causes`] : shown;
}

/** How many are concerned, and which; nothing where the provider has one token, which the summary names. */
function nameTokens(
  members: readonly ConditionMember[],
  managed: number,
  isOfAll: boolean,
): readonly string[] {
  const tokens = members.flatMap(({ token }) => token ?? []);
  if (tokens.length === 0) return isOfAll ? [`Concerned: all ${formatTokens(managed)}.`] : [];
  if (managed < 2) return [];
  const rest = tokens.length - MAX_NAMES;
  const names = `${tokens.slice(0, MAX_NAMES).join(', ')}${rest > 0 ? ` and ${formatCount(rest)} more` : ''}`;
  return [`Concerned: ${formatCount(tokens.length)} of ${formatTokens(managed)}: ${names}.`];
}

/** ` (provider-unavailable)`, ` (rate-limited, store-denied and others)`; nothing without a code. */
function nameCodes(members: readonly ConditionMember[]): string {
  const codes = codesByCount(members);
  const shown = codes.slice(0, 2).join(', ');
  return codes.length === 0 ? '' : ` (${shown}${codes.length > 2 ? ' and others' : ''})`;
}

/** The most frequent first. */
function codesByCount(members: readonly ConditionMember[]): readonly string[] {
  return Object.entries(countCodes(members))
    .toSorted(([, a], [, b]) => b - a)
    .map(([code]) => code);
}

function leastOf(numbers: readonly number[]): number | undefined {
  return numbers.reduce<number | undefined>((least, each) => Math.min(least ?? each, each), undefined);
}

function countCodes(members: readonly ConditionMember[]): AlertNotification['codes'] {
  const codes: Partial<Record<FailureCode, number>> = {};
  for (const { code } of members) if (code !== undefined) codes[code] = (codes[code] ?? 0) + 1;
  return codes;
}

function cut(text: string, longest: number): string {
  return text.length <= longest ? text : `${text.slice(0, longest - 1)}…`;
}
