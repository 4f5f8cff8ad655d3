/** The parts of the page above and below the tokens. What has a `data-key` is found again by it when the page changes. */

import { TOKEN_STATES } from '../core/board.ts';
import { outlookClauses } from '../core/readers-outlook.ts';
import { CAUSES } from '../core/remedies.ts';
import {
  formatCount,
  formatItems,
  formatPeriod,
  formatSeconds,
  formatTokens,
  formatUtc,
} from '../core/wire/time-text.ts';
import { isWithout, subjectOf } from './find-causes.ts';
import { type Html, html } from './html.ts';
import {
  distanceElement,
  momentElement,
  msBetween,
  nextElement,
  STATE_LABELS,
  shareOf,
  timeElement,
} from './page-text.ts';
import type {
  CauseStatus,
  MirrorCause,
  ProviderStatus,
  ReadersStatus,
  StatusDocument,
  TokenCause,
} from './status-document.ts';
import { DEFAULT_QUERY, formatStatusQuery, type StatusQuery } from './status-query.ts';

export function renderLeadership({
  leadership: { isLeader, since, leader, problem },
  at,
}: StatusDocument): Html {
  const trouble =
    problem === null ? undefined : html`<span class="problem">replicas cannot agree: ${problem}</span>`;
  const others = leader === null ? undefined : html`, ${leader} leads`;
  return isLeader
    ? html`<span class="leads">Leads</span> since ${timeElement(since, at)} UTC ${trouble}`
    : html`<span class="stands-by">Stands by</span> since ${timeElement(since, at)} UTC${others} ${trouble}`;
}

/** Tokens that are absent alarm nobody while they wait for their turn. */
function isWaiting(state: StatusQuery['state'], { trouble }: StatusDocument): boolean {
  return state === 'absent' && trouble.readers.absent === 0;
}

export function renderStates(document: StatusDocument): Html {
  const { view } = document;
  const linkTo = (state: StatusQuery['state'], label: string, count: number): Html =>
    html`<li data-key="${state ?? 'all'}"><a class="${isWaiting(state, document) ? 'unknown' : (state ?? 'all')}" href="./${formatStatusQuery({ ...view, state, page: 1 })}"${
      view.state === state ? html` aria-current="true"` : undefined
    }><b>${formatCount(count)}</b> ${label}</a></li>`;
  return html`${linkTo(null, 'All', document.tokens)}${TOKEN_STATES.filter(
    (state) => document.counts[state] > 0 || view.state === state,
  ).map((state) => linkTo(state, STATE_LABELS[state], document.counts[state]))}`;
}

/** Under the headline: until when readers are fine, and who has to act; on a stand-by, where to look. */
export function renderTrouble({ leadership, trouble: { readers }, causes, at }: StatusDocument): Html {
  const { isLeader, reach, isOurs } = leadership;
  if (isOurs === false)
    return html`<span>It may be of another installation: give each one a <code>coordination.leaseName</code> of its own. Below is what this replica read last in the store.</span>`;
  if (!isLeader)
    return html`<span>Below is what this replica read last in the store. How refreshes go, only the leader knows${
      reach === null
        ? '.'
        : html`. End any port-forward to this replica and run <code>${reach}</code>: the leader's page is then on that port.`
    }</span>`;
  if (causes.length === 0) return html``;
  const forPerson = causes.filter(({ needsPerson }) => needsPerson).length;
  const who =
    forPerson === 0
      ? 'it heals by itself once the cause is gone'
      : causes.length === 1
        ? 'a person has to act'
        : `a person has to act on ${formatCount(forPerson)} of ${formatCount(causes.length)} causes`;
  return html`${readers.tokens === 0 ? undefined : renderOutlook(readers, at)}<span class="who${forPerson > 0 ? ' person' : ''}">${who}</span>`;
}

/** Causes that are shown; the first are the worst. */
const MAX_CAUSES = 20;

export function renderCauses({ causes, providers, at }: StatusDocument): Html {
  const shown = causes.slice(0, MAX_CAUSES).map((cause) => renderCause(cause, providers, at));
  const rest = causes.length - shown.length;
  return html`${shown}${rest > 0 ? html`<li class="quiet" data-key="rest">and ${formatItems(rest, 'other cause')}</li>` : undefined}`;
}

function renderCause(cause: CauseStatus, providers: readonly ProviderStatus[], at: string): Html {
  const { since, needsPerson, message, action, runbook } = cause;
  const isMirror = cause.kind === 'mirror';
  return html`<li data-key="${keyOf(cause)}" class="${isWithout(cause) ? 'bad' : 'warn'}">
<h2>${isMirror ? html`Mirror ` : undefined}<bdi>${subjectOf(cause)}</bdi> ${describeCause(cause)}</h2>
<p class="facts">${isMirror ? renderBehind(cause) : renderShare(cause, providers)}${
    since === null ? undefined : html`<span>since ${momentElement(since, at)}</span>`
  }${isMirror ? renderCopies(cause, at) : renderOutlook(cause.readers, at)}<span class="who${needsPerson ? ' person' : ''}">${
    needsPerson ? 'a person has to act' : 'heals by itself'
  }, ${renderNext(cause, at)}</span></p>
${message === null ? undefined : html`<p class="message">${message}</p>`}
<p class="action"><b>Do:</b> ${renderAction(action)} <span class="quiet">Runbook: ${renderRunbook(runbookName(cause), runbook)}</span></p>
${
  isMirror || countAll(cause, providers) === 1
    ? undefined
    : html`<ul class="worst">${cause.worst.map((each) => renderWorst(each, at))}</ul>`
}
</li>`;
}

function keyOf(cause: CauseStatus): string {
  return `${subjectOf(cause)} ${cause.kind === 'refresh' ? (cause.code ?? '') : cause.kind}`;
}

/** What is the matter, after the name of the provider or the place. */
function describeCause(cause: CauseStatus): string {
  const isOne = cause.tokens === 1;
  switch (cause.kind) {
    case 'refresh':
      return cause.code === null
        ? `has ${isOne ? 'an expired token' : 'expired tokens'}, and no attempt has failed`
        : CAUSES[cause.code];
    case 'refused':
      return `has ${isOne ? 'a token' : 'tokens'} that readers report as refused`;
    case 'mirror':
      return 'does not get new tokens';
  }
}

function runbookName(cause: CauseStatus): string {
  if (cause.kind === 'refresh') return cause.code ?? 'TokenExpired';
  return cause.kind === 'refused' ? 'TokenRejected' : 'MirrorFailing';
}

/** Tokens of its provider, those that are well included. */
function countAll({ provider, tokens }: TokenCause, providers: readonly ProviderStatus[]): number {
  return providers.find(({ name }) => name === provider)?.tokens ?? tokens;
}

function renderShare(cause: TokenCause, providers: readonly ProviderStatus[]): Html {
  const { provider, tokens } = cause;
  const all = countAll(cause, providers);
  const query = formatStatusQuery({
    ...DEFAULT_QUERY,
    provider,
    ...(cause.kind === 'refused' ? {} : cause.code === null ? { state: 'expired' } : { code: cause.code }),
  });
  const reports =
    cause.kind === 'refused'
      ? html`<span>${formatItems(cause.reports, 'report')}, the latest of HTTP ${cause.status}</span>`
      : undefined;
  return html`${all === 1 ? undefined : html`<span><a href="./${query}">${shareOf(tokens, all)}</a></span>`}${reports}`;
}

function renderBehind({ tokens, code }: MirrorCause): Html {
  return html`<span>${formatTokens(tokens)} behind</span><span class="code">${code}</span>`;
}

function renderCopies({ copiesUntil, hasExpired }: MirrorCause, at: string): Html {
  return copiesUntil === null
    ? html`<span>not known when the copies there expire</span>`
    : html`<span>first copy there ${hasExpired ? 'expired' : 'expires'} ${momentElement(copiesUntil, at)}</span>`;
}

function renderNext(cause: CauseStatus, at: string): Html {
  const { nextAttemptAt } = cause;
  if (cause.kind !== 'refused')
    return nextAttemptAt === null ? html`its refresh is due` : nextElement(nextAttemptAt, at);
  if (nextAttemptAt === null || msBetween(at, nextAttemptAt) <= 0)
    return html`${cause.needsPerson ? 'its next refresh is due' : 'with the next report'}`;
  return html`${cause.needsPerson ? 'next refresh' : 'reports count again'} ${distanceElement(nextAttemptAt, at)}`;
}

/** What stands between backticks is to be typed. */
function renderAction(action: string): Html {
  return html`${action.split('`').map((text, index) => (index % 2 === 1 ? html`<code>${text}</code>` : html`${text}`))}`;
}

function renderWorst({ token, state, expiresAt }: TokenCause['worst'][number], at: string): Html {
  const until = expiresAt === null ? STATE_LABELS[state].toLowerCase() : distanceElement(expiresAt, at);
  return html`<li data-key="${token}" class="${state}"><bdi>${token}</bdi> ${
    expiresAt === null ? undefined : state === 'expired' ? 'expired' : 'expires'
  } ${until}</li>`;
}

function renderOutlook(readers: ReadersStatus, at: string): Html {
  const { tokens, expired, absent, unread, expiredSince, firstExpiry } = readers;
  const clauses = outlookClauses({
    tokens,
    absent,
    unread,
    expired: expiredSince === null ? undefined : { count: expired, sinceMs: Date.parse(expiredSince) },
    firstExpiryMs: firstExpiry === null ? undefined : Date.parse(firstExpiry),
  });
  return html`${clauses.map(({ text, atMs }) =>
    atMs === undefined
      ? html`<span>${text}</span>`
      : html`<span>${text} ${momentElement(formatUtc(atMs), at)}</span>`,
  )}`;
}

/** Without a configured address there is nowhere to link to. */
export function renderRunbook(code: string, runbook: string): Html {
  return /^(?:https?:\/\/|\/runbook\/)/.test(runbook)
    ? html`<a href="${runbook}" rel="noreferrer" title="runbook">${code}</a>`
    : html`<strong title="${runbook}">${code}</strong>`;
}

/** Those in trouble first. */
export function renderProviders({ providers, causes, at }: StatusDocument): readonly Html[] {
  const rank = ({ name }: ProviderStatus): number => {
    const index = causes.findIndex((cause) => isOf(name, cause));
    return index === -1 ? causes.length : index;
  };
  return providers
    .toSorted((a, b) => rank(a) - rank(b))
    .map((provider) => renderProvider(provider, causes, at));
}

function isOf(provider: string, cause: CauseStatus): cause is TokenCause {
  return cause.kind !== 'mirror' && cause.provider === provider;
}

function renderProvider(provider: ProviderStatus, causes: readonly CauseStatus[], at: string): Html {
  const { name, kind, tokens, readers, schedule, calls, clockSkewSeconds, fetchBudget, discovery } = provider;
  const own = causes.filter((cause) => isOf(name, cause));
  const tone = own.some(isWithout) ? 'bad' : own.length > 0 ? 'warn' : 'fine';
  const facts = [
    readers.firstExpiry === null
      ? undefined
      : html`first token expires ${distanceElement(readers.firstExpiry, at)}`,
    schedule === null
      ? html`not scheduled by this replica`
      : html`refreshed every ${formatPeriod(schedule.refreshEverySeconds * 1000)}, tokens live ${formatPeriod(schedule.lifetimeSeconds * 1000)}`,
    calls === null
      ? undefined
      : html`answers in ${formatMs(calls.medianSeconds)}${describeFailedCalls(calls)}`,
    clockSkewSeconds === null || Math.abs(clockSkewSeconds) < 2
      ? undefined
      : html`its clock is ${formatSeconds(Math.abs(clockSkewSeconds) * 1000)} ${clockSkewSeconds > 0 ? 'ahead' : 'behind'}`,
    fetchBudget === null || fetchBudget === 'ok' ? undefined : html`fetch budget ${fetchBudget}`,
    discovery === null
      ? undefined
      : html`${formatItems(discovery.customers, 'customer')} discovered${discovery.rejected === 0 ? '' : `, ${formatCount(discovery.rejected)} rejected`}`,
  ];
  const trouble = own.map((cause) => {
    const what = cause.kind === 'refused' ? 'refused' : (cause.code ?? 'expired');
    return html`<span class="code">${tokens === 1 ? '' : `${formatCount(cause.tokens)}: `}${what}</span>`;
  });
  return html`<li data-key="${name}" class="${tone}"><a href="./${formatStatusQuery({ ...DEFAULT_QUERY, provider: name })}"><bdi>${name}</bdi></a> <span class="kind">${name === kind ? '' : kind}</span><span class="tally">${formatTokens(tokens)}</span>${trouble}<ul>${facts.map((fact) => fact && html`<li>${fact}</li>`)}</ul></li>`;
}

function describeFailedCalls({ recent, failed }: NonNullable<ProviderStatus['calls']>): string {
  if (failed === 0) return '';
  return recent === 1 ? ', the only call so far failed' : `, ${failed} of the last ${recent} calls failed`;
}

export function renderPager({ view }: StatusDocument): Html {
  const { page, pages, matching, size } = view;
  const linkTo = (target: number, label: string): Html =>
    target < 1 || target > pages || target === page
      ? html`<span class="quiet">${label}</span>`
      : html`<a href="./${formatStatusQuery({ ...view, page: target })}">${label}</a>`;
  const first = matching === 0 ? 0 : (page - 1) * size + 1;
  return html`<span>${formatCount(first)} to ${formatCount(Math.min(page * size, matching))} of ${formatCount(matching)}</span>${
    pages === 1
      ? undefined
      : html`${linkTo(page === 1 ? 0 : 1, 'First')}${linkTo(page - 1, 'Previous')}<span>page ${formatCount(page)} of ${formatCount(pages)}</span>${linkTo(page + 1, 'Next')}${linkTo(page === pages ? 0 : pages, 'Last')}`
  }`;
}

function formatMs(seconds: number): string {
  return seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${Math.round(seconds * 10) / 10} s`;
}
