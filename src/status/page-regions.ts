/** The parts of the page above and below the tokens. What has a `data-key` is found again by it when the page changes. */

import { TOKEN_STATES } from '../core/board.ts';
import { outlookClauses } from '../core/readers-outlook.ts';
import { CAUSES } from '../core/remedies.ts';
import { formatCount, formatPeriod, formatTokens, formatUtc } from '../core/wire/time-text.ts';
import { isWithout } from './find-causes.ts';
import { type Html, html } from './html.ts';
import {
  distanceElement,
  momentElement,
  nextElement,
  STATE_LABELS,
  shareOf,
  timeElement,
} from './page-text.ts';
import type { CauseStatus, ProviderStatus, ReadersStatus, StatusDocument } from './status-document.ts';
import { DEFAULT_QUERY, formatStatusQuery, type StatusQuery } from './status-query.ts';

/** As the form and the links of the page would ask for it again. */
export function queryOf({ view }: StatusDocument): StatusQuery {
  const { provider, state, code, text, sort, size, page } = view;
  return {
    provider: provider ?? undefined,
    state: state ?? undefined,
    code: code ?? undefined,
    text,
    sort,
    size,
    page,
  };
}

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
  const query = queryOf(document);
  const linkTo = (state: StatusQuery['state'], label: string, count: number): Html =>
    html`<li data-key="${state ?? 'all'}"><a class="${isWaiting(state, document) ? 'unknown' : (state ?? 'all')}" href="/${formatStatusQuery({ ...query, state, page: 1 })}"${
      query.state === state ? html` aria-current="true"` : undefined
    }><b>${formatCount(count)}</b> ${label}</a></li>`;
  return html`${linkTo(undefined, 'All', document.tokens)}${TOKEN_STATES.filter(
    (state) => document.counts[state] > 0 || query.state === state,
  ).map((state) => linkTo(state, STATE_LABELS[state], document.counts[state]))}`;
}

/** Under the headline: until when readers are fine, and who has to act; on a stand-by, where to look. */
export function renderTrouble({ leadership, trouble: { readers }, causes, at }: StatusDocument): Html {
  const { isLeader, reach } = leadership;
  if (!isLeader)
    return html`<span>Below is what this replica read last in the store. How refreshes go, only the leader knows${
      reach === null ? '.' : html`: <code>${reach}</code>, then its page on that port.`
    }</span>`;
  if (readers.tokens === 0) return html``;
  const forPerson = causes.filter(({ needsPerson }) => needsPerson).length;
  const who =
    forPerson === 0
      ? 'it heals by itself once the cause is gone'
      : causes.length === 1
        ? 'a person has to act'
        : `a person has to act on ${formatCount(forPerson)} of ${formatCount(causes.length)} causes`;
  return html`${renderOutlook(readers, at)}<span class="who${forPerson > 0 ? ' person' : ''}">${who}</span>`;
}

/** Causes that are shown; the first are the worst. */
const MAX_CAUSES = 20;

export function renderCauses({ causes, providers, at }: StatusDocument): Html {
  const shown = causes.slice(0, MAX_CAUSES).map((cause) => renderCause(cause, providers, at));
  const rest = causes.length - shown.length;
  return html`${shown}${rest > 0 ? html`<li class="quiet" data-key="rest">and ${formatCount(rest)} other causes</li>` : undefined}`;
}

function renderCause(cause: CauseStatus, providers: readonly ProviderStatus[], at: string): Html {
  const { provider, code, tokens, since, needsPerson, nextAttemptAt, message, action, runbook } = cause;
  const all = providers.find(({ name }) => name === provider)?.tokens ?? tokens;
  const query = formatStatusQuery({
    ...DEFAULT_QUERY,
    provider,
    ...(code === null ? { state: 'expired' as const } : { code }),
  });
  const share = all === 1 ? undefined : html`<span><a href="/${query}">${shareOf(tokens, all)}</a></span>`;
  const next = nextAttemptAt === null ? html`its refresh is due` : nextElement(nextAttemptAt, at);
  return html`<li data-key="${provider} ${code ?? ''}" class="${isWithout(cause) ? 'bad' : 'warn'}">
<h2><bdi>${provider}</bdi> ${code === null ? 'has expired, and no attempt has failed' : CAUSES[code]}</h2>
<p class="facts">${share}${
    since === null ? undefined : html`<span>since ${momentElement(since, at)}</span>`
  }${renderOutlook(cause.readers, at)}<span class="who${needsPerson ? ' person' : ''}">${
    needsPerson ? 'a person has to act' : 'heals by itself'
  }, ${next}</span></p>
${message === null ? undefined : html`<p class="message">${message}</p>`}
<p class="action"><b>Do:</b> ${renderAction(action)} <span class="quiet">Runbook: ${renderRunbook(code ?? 'TokenExpired', runbook)}</span></p>
${tokens === 1 && all === 1 ? undefined : html`<ul class="worst">${cause.worst.map((each) => renderWorst(each, at))}</ul>`}
</li>`;
}

/** What stands between backticks is to be typed. */
function renderAction(action: string): Html {
  return html`${action.split('`').map((text, index) => (index % 2 === 1 ? html`<code>${text}</code>` : html`${text}`))}`;
}

function renderWorst({ token, state, expiresAt }: CauseStatus['worst'][number], at: string): Html {
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
    const index = causes.findIndex(({ provider }) => provider === name);
    return index === -1 ? causes.length : index;
  };
  return providers
    .toSorted((a, b) => rank(a) - rank(b))
    .map((provider) => renderProvider(provider, causes, at));
}

function renderProvider(provider: ProviderStatus, causes: readonly CauseStatus[], at: string): Html {
  const { name, kind, tokens, readers, schedule, calls, clockSkewSeconds, fetchBudget, discovery } = provider;
  const own = causes.filter((cause) => cause.provider === name);
  const tone = own.some(isWithout) ? 'bad' : own.length > 0 ? 'warn' : 'fine';
  const facts = [
    ...(readers.firstExpiry === null
      ? []
      : [html`first token expires ${distanceElement(readers.firstExpiry, at)}`]),
    schedule === null
      ? html`not scheduled by this replica`
      : html`refreshed every ${formatPeriod(schedule.refreshEverySeconds * 1000)}, tokens live ${formatPeriod(schedule.lifetimeSeconds * 1000)}`,
    ...(calls === null
      ? []
      : [
          html`answers in ${formatMs(calls.medianSeconds)}${calls.failed === 0 ? '' : `, ${calls.failed} of the last ${calls.recent} calls failed`}`,
        ]),
    ...(clockSkewSeconds === null || Math.abs(clockSkewSeconds) < 2
      ? []
      : [
          html`its clock is ${Math.round(Math.abs(clockSkewSeconds))} s ${clockSkewSeconds > 0 ? 'ahead' : 'behind'}`,
        ]),
    ...(fetchBudget === null || fetchBudget === 'ok' ? [] : [html`fetch budget ${fetchBudget}`]),
    ...(discovery === null
      ? []
      : [
          html`${formatCount(discovery.customers)} customers discovered${discovery.rejected === 0 ? '' : `, ${formatCount(discovery.rejected)} rejected`}`,
        ]),
  ];
  const trouble = own.map(
    ({ tokens: failing, code }) =>
      html`<span class="code">${tokens === 1 ? '' : `${formatCount(failing)}: `}${code ?? 'expired'}</span>`,
  );
  return html`<li data-key="${name}" class="${tone}"><a href="/${formatStatusQuery({ ...DEFAULT_QUERY, provider: name })}"><bdi>${name}</bdi></a> <span class="kind">${name === kind ? '' : kind}</span><span class="tally">${formatTokens(tokens)}</span>${trouble}<ul>${facts.map((fact) => html`<li>${fact}</li>`)}</ul></li>`;
}

export function renderPager(document: StatusDocument): Html {
  const { page, pages, matching, size } = document.view;
  const query = queryOf(document);
  const linkTo = (target: number, label: string): Html =>
    target < 1 || target > pages || target === page
      ? html`<span class="quiet">${label}</span>`
      : html`<a href="/${formatStatusQuery({ ...query, page: target })}">${label}</a>`;
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
