/**
 * The page at `/`, made on the server: complete without its script, and without anything from elsewhere.
 *
 * Guarantee: the Content-Security-Policy lets nothing run or load but this page's own style and script.
 */
import { TOKEN_STATES } from '../core/board.ts';
import { Html, html } from './html.ts';
import { hashSource, pageHeaders } from './page-policy.ts';
import {
  renderCauses,
  renderLeadership,
  renderPager,
  renderProviders,
  renderStates,
  renderTrouble,
} from './page-regions.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';
import { describeHeadline, STATE_LABELS, timeElement } from './page-text.ts';
import type { StatusDocument } from './status-document.ts';
import { formatStatusQuery, STATUS_SORTS, type StatusSort } from './status-query.ts';
import { renderTokenRows, TOKEN_COLUMNS } from './token-row.ts';

const SORT_LABELS: Readonly<Record<StatusSort, string>> = {
  worst: 'worst first',
  life: 'least life left',
  name: 'name',
};
const SIZES = [25, 50, 100, 200];
const ICON =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 16 16%22%3E%3Ccircle cx=%228%22 cy=%228%22 r=%225%22 fill=%22none%22 stroke=%22%231b7a4a%22 stroke-width=%223%22/%3E%3C/svg%3E';

export const STATUS_PAGE_HEADERS = pageHeaders(
  `style-src ${hashSource(PAGE_STYLE)}`,
  `script-src ${hashSource(PAGE_SCRIPT)}`,
  "connect-src 'self'",
  'img-src data:',
  "form-action 'self'",
);

/** @param tag what the page's script sends to be told whether the page has changed */
export function renderPage(document: StatusDocument, tag: string): string {
  const { name, version, replica, at, view } = document;
  const { text: headline, tone } = describeHeadline(document);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${headline}, ${name}</title>
<link rel="icon" href="${new Html(ICON)}">
<style>${new Html(PAGE_STYLE)}</style>
</head>
<body data-at="${at}" data-tag="${tag}">
<a class="skip" href="#tokens">Skip to the tokens</a>
<header>
<h1>${name}${replica === name ? undefined : html` <span>${replica}</span>`}</h1>
<div id="leadership">${renderLeadership(document)}</div>
</header>
<main>
<p class="stale" id="stale" role="alert" hidden></p>
<p class="headline ${tone}" id="headline" role="status">${headline}</p>
<p class="facts" id="trouble">${renderTrouble(document)}</p>
<ul class="causes" id="causes" aria-label="Causes">${renderCauses(document)}</ul>
<h2 id="providers-heading">Providers</h2>
<ul class="providers" id="providers" aria-labelledby="providers-heading">${renderProviders(document)}</ul>
<h2 id="tokens">Tokens</h2>
<ul class="states" id="states" aria-label="Tokens by state">${renderStates(document)}</ul>
${renderForm(document)}
<p class="legend">The bar of a life goes from issue to expiry: the dot is now, the line is when the refresh is due. Last 24 hours, a stroke for each quarter: short is refreshed, medium after retries, full failed. Times are UTC; point at one for yours.</p>
<div class="table"><table role="table" aria-labelledby="tokens">
<thead role="rowgroup"><tr role="row">${TOKEN_COLUMNS.map((column) => html`<th role="columnheader" scope="col">${column}</th>`)}</tr></thead>
<tbody role="rowgroup" id="rows">${view.tokens.map((token) => renderTokenRows(token, at, document.leadership.isLeader))}</tbody>
</table>
<p class="empty" id="empty"${view.tokens.length > 0 ? html` hidden` : undefined}>No token matches.</p>
</div>
<nav class="pager" id="pager" aria-label="Pages">${renderPager(document)}</nav>
</main>
<footer>
<p class="live">As of <span id="clock">${timeElement(at, at)}</span> UTC, <span id="live"><a href="./${formatStatusQuery(view)}">reload for newer</a></span> <button id="pause" type="button" hidden>Pause</button></p>
<p>The same for programs: <a href="status.json${formatStatusQuery(view)}">status.json</a>, <a href="metrics">metrics</a>. Version ${version}.</p>
</footer>
<script>${new Html(PAGE_SCRIPT)}</script>
</body>
</html>
`.text;
}

function renderForm({ view, providers, causes }: StatusDocument): Html {
  const codes = new Set([
    ...causes.flatMap((cause) => (cause.kind === 'refresh' ? (cause.code ?? []) : [])),
    ...(view.code === null ? [] : [view.code]),
  ]);
  return html`<form action="./" method="get" role="search" aria-label="Tokens">
<label class="grow">Name or secret<input type="search" name="q" value="${view.text}" maxlength="200" autocomplete="off" spellcheck="false"></label>
<label>Provider<select name="provider">${renderOption('', 'all', view.provider === null)}${providers.map(({ name }) => renderOption(name, name, name === view.provider))}</select></label>
<label>State<select name="state">${renderOption('', 'all', view.state === null)}${TOKEN_STATES.map((state) => renderOption(state, STATE_LABELS[state], state === view.state))}</select></label>
<label>Cause<select name="code">${renderOption('', 'all', view.code === null)}${[...codes].map((code) => renderOption(code, code, code === view.code))}</select></label>
<label>Order<select name="sort">${STATUS_SORTS.map((sort) => renderOption(sort, SORT_LABELS[sort], sort === view.sort))}</select></label>
<label>On a page<select name="size">${[...new Set([...SIZES, view.size])].toSorted((a, b) => a - b).map((size) => renderOption(String(size), String(size), size === view.size))}</select></label>
<button type="submit">Show</button>
</form>`;
}

function renderOption(value: string, label: string, isSelected: boolean): Html {
  return html`<option value="${value}"${isSelected ? html` selected` : undefined}>${label}</option>`;
}
