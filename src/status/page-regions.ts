/** The parts of the page above and below the tokens. What has a `data-key` is found again by it when the page changes. */

import { TOKEN_STATES } from '../core/board.ts';
import { formatDuration } from '../core/wire/duration.ts';
import { formatCount, formatTokens } from '../core/wire/time-text.ts';
import { type Html, html } from './html.ts';
import { STATE_LABELS, timeElement } from './page-text.ts';
import type { ProviderStatus, StatusDocument } from './status-document.ts';
import { DEFAULT_QUERY, formatStatusQuery, type StatusQuery } from './status-query.ts';

/** As the form and the links of the page would ask for it again. */
export function queryOf({ view }: StatusDocument): StatusQuery {
  const { provider, state, text, sort, size, page } = view;
  return { provider: provider ?? undefined, state: state ?? undefined, text, sort, size, page };
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
    : html`<span class="stands-by">Stands by</span> since ${timeElement(since, at)} UTC${others}; how refreshes go, only the leader sees ${trouble}`;
}

export function renderStates(document: StatusDocument): Html {
  const query = queryOf(document);
  const linkTo = (state: StatusQuery['state'], label: string, count: number): Html =>
    html`<li data-key="${state ?? 'all'}"><a class="${state ?? 'all'}" href="/${formatStatusQuery({ ...query, state, page: 1 })}"${
      query.state === state ? html` aria-current="true"` : undefined
    }><b>${formatCount(count)}</b> ${label}</a></li>`;
  return html`${linkTo(undefined, 'All', document.tokens)}${TOKEN_STATES.filter(
    (state) => document.counts[state] > 0 || query.state === state,
  ).map((state) => linkTo(state, STATE_LABELS[state], document.counts[state]))}`;
}

export function renderProvider(provider: ProviderStatus): Html {
  const { name, kind, tokens, counts, schedule, calls, clockSkewSeconds, fetchBudget, discovery } = provider;
  const trouble = counts.expired + counts.absent + counts.failing;
  const facts = [
    schedule === null
      ? html`no schedule yet`
      : html`every ${formatDuration(schedule.refreshEverySeconds * 1000)}, life ${formatDuration(schedule.lifetimeSeconds * 1000)}, tick ${formatDuration(schedule.tickSeconds * 1000)}`,
    ...(calls === null
      ? []
      : [
          html`answers in ${formatMs(calls.medianSeconds)}${calls.failed === 0 ? '' : `, ${calls.failed} of the last ${calls.recent} calls failed`}`,
        ]),
    ...(clockSkewSeconds === null || Math.abs(clockSkewSeconds) < 2
      ? []
      : [
          html`clock ${Math.round(Math.abs(clockSkewSeconds))} s ${clockSkewSeconds > 0 ? 'ahead' : 'behind'}`,
        ]),
    ...(fetchBudget === null || fetchBudget === 'ok' ? [] : [html`fetch budget ${fetchBudget}`]),
    ...(discovery === null
      ? []
      : [
          html`${formatCount(discovery.customers)} discovered${discovery.rejected === 0 ? '' : `, ${formatCount(discovery.rejected)} rejected`}`,
        ]),
  ];
  return html`<li data-key="${name}" class="${trouble > 0 ? 'trouble' : 'fine'}"><a href="/${formatStatusQuery({ ...DEFAULT_QUERY, provider: name })}"><bdi>${name}</bdi></a> <span class="kind">${name === kind ? '' : kind}</span><span class="tally">${formatTokens(tokens)}${trouble === 0 ? '' : `, ${formatCount(trouble)} in trouble`}</span><ul>${facts.map((fact) => html`<li>${fact}</li>`)}</ul></li>`;
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
