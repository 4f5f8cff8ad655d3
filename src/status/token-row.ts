/** One token as a row of the page's table. Roles are written out: on a phone the rows are no table to CSS any more. */

import { formatClock, formatCount, formatDistance, formatItems } from '../core/wire/time-text.ts';
import { type Html, html } from './html.ts';
import { drawDay, drawLife } from './life-picture.ts';
import { renderRunbook } from './page-regions.ts';
import { formatLifeLeft, msBetween, STATE_LABELS, timeElement, WAITING_LABEL } from './page-text.ts';
import type { TokenStatus } from './status-document.ts';

export const TOKEN_COLUMNS = ['Token', 'State', 'Life', 'Last 24 h', 'Next refresh', 'Versions'] as const;

/** The row of a token, and below it why its refreshes fail, as wide as the table. Only a leader counts versions. */
export function renderTokenRows(status: TokenStatus, at: string, isLeader: boolean): Html {
  const { failure, refusal, state } = status;
  // What fails says more of the token than what readers report.
  const why = failure?.message ?? refusal?.message;
  // What a stand-by read long ago is no news of the token.
  const token =
    state === 'unknown'
      ? { ...status, issuedAt: null, dueAt: null, expiresAt: null, nextAttemptAt: null }
      : status;
  const tone = state === 'absent' && failure === null ? 'unknown' : state;
  return html`<tr role="row" data-key="${token.token}" class="${tone}">
<th role="rowheader" scope="row"><bdi>${token.token}</bdi><small><bdi>${token.secret}</bdi></small></th>
<td role="cell" class="state">${renderState(token, at)}</td>
<td role="cell" class="life-cell">${drawLife(token, at)}${renderEnds(token, at)}</td>
<td role="cell" class="day-cell">${drawDay(token.last24Hours)}</td>
<td role="cell" class="next">${renderNext(token, at)}</td>
<td role="cell" class="versions">${isLeader ? renderVersions(token) : html`<span class="quiet">not known</span>`}</td>
</tr>${
    why === undefined
      ? undefined
      : html`<tr role="row" data-key="why ${token.token}" class="${tone} why"><td role="cell" colspan="${TOKEN_COLUMNS.length}"><span class="message">${why}</span></td></tr>`
  }`;
}

function renderState({ state, failure, refusal, generation }: TokenStatus, at: string): Html {
  const label = state === 'absent' && failure === null ? WAITING_LABEL : STATE_LABELS[state];
  const badge = html`<span class="badge">${label}</span>`;
  if (failure === null && refusal !== null) {
    return html`${badge}<span class="cause">${renderRunbook('refused', refusal.runbook)}<small>${formatItems(refusal.reports, 'report')} since ${timeElement(refusal.since, at)}</small></span>`;
  }
  if (failure === null)
    return generation === null ? badge : html`${badge}<small>generation ${formatCount(generation)}</small>`;
  return html`${badge}<span class="cause">${renderRunbook(failure.code, failure.runbook)}<small>${formatItems(failure.attempts, 'attempt')} since ${timeElement(failure.since, at)}</small></span>`;
}

function renderEnds({ state, issuedAt, expiresAt }: TokenStatus, at: string): Html {
  if (expiresAt === null)
    return html`<div class="ends"><span class="left">${state === 'unknown' ? 'not known yet' : 'no token'}</span></div>`;
  return html`<div class="ends" aria-hidden="true"><span>${issuedAt === null ? '' : formatClock(issuedAt, at)}</span><span class="left" data-left="${expiresAt}">${formatLifeLeft(msBetween(at, expiresAt))}</span><span>${formatClock(expiresAt, at)}</span></div>`;
}

function renderNext({ state, nextAttemptAt, isRefreshing, failure }: TokenStatus, at: string): Html {
  if (isRefreshing && failure === null) return html`now`;
  if (nextAttemptAt === null)
    return html`<span class="quiet">${state === 'unknown' ? 'not known yet' : 'not planned'}</span>`;
  return html`${timeElement(nextAttemptAt, at)}<small data-next="${nextAttemptAt}">${formatDistance(msBetween(at, nextAttemptAt))}</small>`;
}

function renderVersions({ versions: { last24Hours, budget } }: TokenStatus): Html {
  if (budget === null) return html`${formatCount(last24Hours)}<small>in 24 h</small>`;
  return html`${formatCount(last24Hours)} of ${formatCount(budget)}<svg class="meter" aria-hidden="true"><rect class="whole" width="100%" height="4" rx="2"/><rect class="${
    last24Hours >= budget * 0.85 ? 'used much' : 'used'
  }" width="${Math.min(100, Math.round((last24Hours / Math.max(1, budget)) * 100))}%" height="4" rx="2"/></svg>`;
}
