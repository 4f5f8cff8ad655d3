/**
 * The table that a terminal shows while the sandbox runs: one row per token, and the latest news below it, drawn again
 * in place every second. Rows are what the board knows, news are the events.
 */
import { stripVTControlCharacters } from 'node:util';
import type { Board } from '../core/board.ts';
import type { RefreshEvent } from '../core/events.ts';
import { formatFetchLimit } from '../core/limits/fetch-limit.ts';
import type { Clock, RefreshEvents } from '../core/ports.ts';
import { formatRoughly, formatUtc } from '../core/wire/time-text.ts';
import { fit, renderLiveTable } from './live-table-text.ts';

const REDRAW_EVERY_MS = 1000;
const MAX_NEWS = 6;
const DEFAULT_COLUMNS = 80;

export interface LiveTableOptions {
  readonly board: Board;
  readonly clock: Clock;
  /** Takes text for the terminal. */
  readonly write: (text: string) => unknown;
  /** The terminal's width now; asked at every drawing. 80 when unknown. */
  readonly columns: () => number | undefined;
  /** The terminal's height now; without it the table is never cut. */
  readonly lines?: () => number | undefined;
  readonly color: boolean;
}

export interface LiveTable {
  readonly onEvent: RefreshEvents;
  /** Draws at once and every second; resolves after a last drawing when `signal` is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export function createLiveTable(options: LiveTableOptions): LiveTable {
  const { board, clock, write, color } = options;
  const news: string[] = [];
  /** Lengths of the lines that are on the screen. */
  let drawnLengths: readonly number[] = [];

  return {
    onEvent: (event) => {
      const told = describeNews(event);
      if (told === undefined) return;
      news.push(`${formatUtc(clock.now()).slice(11, 19)}Z ${told.replace(/\p{Cc}+/gu, ' ')}`);
      if (news.length > MAX_NEWS) news.shift();
    },
    run: async (signal) => {
      while (!signal.aborted) {
        draw();
        try {
          await clock.sleep(REDRAW_EVERY_MS, signal);
        } catch (error) {
          if (!signal.aborted) throw error;
        }
      }
      draw();
    },
  };

  function draw(): void {
    const width = options.columns() || DEFAULT_COLUMNS;
    const look = { nowMs: clock.now(), width, color };
    const table = renderLiveTable([...board.tokens()], look).split('\n');
    const below = news.length === 0 ? [] : ['', ...news.map((line) => fit(line, width).trimEnd())];
    const shown = cutToHeight(table, below, options.lines?.(), width);
    // A terminal that became narrower has wrapped what stands there: count its lines, not ours.
    const linesUp = drawnLengths.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / width)), 0);
    // Each line is overwritten and cleared to its end, the rest of the screen at last: clearing first would flicker.
    write(
      `${linesUp === 0 ? '' : `\u001b[${linesUp}A\r`}${shown.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`,
    );
    drawnLengths = shown.map((line) => stripVTControlCharacters(line).length);
  }
}

/** News go first, the oldest of them before the others; then rows, and a line says how many. */
function cutToHeight(
  table: readonly string[],
  below: readonly string[],
  height: number | undefined,
  width: number,
): readonly string[] {
  // The cursor stands on the line below the last one.
  const room = height ? Math.max(2, height - 1) : Number.POSITIVE_INFINITY;
  if (table.length > room) {
    const kept = table.slice(0, room - 1);
    return [...kept, fit(`and ${table.length - kept.length} more`, width).trimEnd()];
  }
  const [separator, ...lines] = below;
  const roomForNews = room - table.length - 1;
  if (separator === undefined || roomForNews < 1) return table;
  return [...table, separator, ...lines.slice(Math.max(0, lines.length - roomForNews))];
}

/** One line for people, or `undefined` when the row says enough. */
function describeNews(event: RefreshEvent): string | undefined {
  switch (event.event) {
    case 'token-restored':
      return `${event.identity.token}: the store holds a fresh token, nothing to fetch`;
    case 'token-absent':
      return `${event.identity.token}: ${event.why}`;
    case 'token-refreshed':
      return `${event.identity.token}: refreshed in ${Math.round(event.durationMs)} ms, generation ${event.generation}`;
    case 'token-unchanged':
      return `${event.identity.token}: the provider handed out no newer token`;
    case 'refresh-failed':
      return event.repeated ? undefined : `${event.identity.token}: ${event.failure.message}`;
    case 'version-budget-low':
    case 'version-budget-exhausted':
    case 'version-budget-recovered':
      return `${event.identity.token}: ${event.versions} of ${event.versionBudget} versions are used`;
    case 'fetch-budget-low':
    case 'fetch-budget-exhausted':
    case 'fetch-budget-recovered':
      return `${event.provider}: ${event.calls} of ${formatFetchLimit(event.limit)} calls are used`;
    case 'provider-outage-began':
      return `${event.provider} fails for all of its tokens: one at a time asks it, ${event.waiting} wait`;
    case 'provider-outage-ended':
      return `${event.provider} answers again, after ${formatRoughly(event.failedForMs)}`;
    case 'refresh-postponed':
      return `${event.identity.token}: the refresh is put off to save versions`;
    case 'refresh-recovered':
      return `${event.identity.token}: recovered after ${formatRoughly(event.failedForMs)}`;
    case 'refresh-abandoned':
      return `${event.identity.token}: refresh given up: ${event.failure.message}`;
    case 'schedule-derived':
      return event.formerLifetimeMs === undefined
        ? undefined
        : `${event.provider}: tokens now live ${formatRoughly(event.lifetimeMs)}, refreshed every ${formatRoughly(event.refreshEveryMs)}`;
    case 'tick-missed':
      return `${event.provider}: woke up too late for a tick, made up for it`;
    case 'clock-jumped':
      return `the wall clock jumped ${event.byMs < 0 ? 'back' : 'forward'} by ${formatRoughly(Math.abs(event.byMs))}`;
    case 'leadership-lost':
      return 'this replica no longer refreshes the tokens';
    case 'chain-recovered':
      return `${event.identity.token}: found a refresh token in the journal that the store does not have`;
    case 'token-added':
      return `${event.identity.token}: the customer was found by its binding, secret ${event.bindingSecret}`;
    case 'token-removed':
      return `${event.identity.token}: no longer refreshed, because ${event.why}`;
    case 'binding-rejected':
      return `${event.provider}: secret ${event.bindingSecret} cannot be used as a binding: ${event.reason}`;
    case 'discovery-failed':
      return `${event.provider}: customers cannot be looked for: ${event.failure.message}`;
    case 'batch-read-denied':
    case 'coordination-failed':
    case 'nobody-leads':
    case 'journal-failed':
      return event.problem;
    default:
      return undefined;
  }
}
