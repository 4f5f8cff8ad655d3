/** How the live table looks. Pure: records and the time go in, text comes out. */
import { styleText } from 'node:util';
import { nextAttemptAtMs, publishedOf, type ReadableToken, type TokenRecord } from '../core/board.ts';
import { formatRoughly } from '../core/wire/time-text.ts';

export interface LiveTableLook {
  readonly nowMs: number;
  /** Columns; no line is longer. From about 60 on every column is whole. */
  readonly width: number;
  readonly color: boolean;
}

type Style = 'green' | 'yellow' | 'red' | 'dim' | 'bold';

interface Cell {
  readonly text: string;
  readonly style: Style | undefined;
}

const GAP = '  ';
const TIME_WIDTH = 7;
/** `provider-unavailable` and `credentials-rejected`. */
const RESULT_WIDTH = 20;
const GENERATION_WIDTH = 4;
const MIN_BAR_WIDTH = 4;
const MAX_BAR_WIDTH = 24;
const MIN_NAME_WIDTH = 8;
/** Below this share of its life a token is about to be refreshed, or should have been: margins are a fifteenth. */
const LITTLE_LIFE = 0.07;

/** Lines without a newline at the end: a heading and one line per token. */
export function renderLiveTable(records: readonly TokenRecord[], look: LiveTableLook): string {
  const fixedWidth = 2 * TIME_WIDTH + RESULT_WIDTH + GENERATION_WIDTH + 4 * GAP.length;
  const longestName = Math.max('TOKEN'.length, ...records.map(({ identity }) => identity.token.length));
  const spare = look.width - fixedWidth;
  const nameWidth = Math.min(longestName, Math.max(MIN_NAME_WIDTH, spare - MIN_BAR_WIDTH - 1));
  const roomForBar = Math.min(MAX_BAR_WIDTH, spare - nameWidth - 1);
  const barWidth = roomForBar >= MIN_BAR_WIDTH ? roomForBar : 0;
  const lifeWidth = barWidth === 0 ? TIME_WIDTH : barWidth + 1 + TIME_WIDTH;

  const heading = [
    fit('TOKEN', nameWidth),
    fit(barWidth === 0 ? 'LIFE' : 'LIFE LEFT', lifeWidth),
    'NEXT'.padStart(TIME_WIDTH),
    fit('LAST RESULT', RESULT_WIDTH),
    'GEN'.padStart(GENERATION_WIDTH),
  ].map((text): Cell => ({ text, style: 'bold' }));

  const lines = records.map((record): readonly Cell[] => {
    const result = describeResult(record);
    return [
      { text: fit(record.identity.token, nameWidth), style: undefined },
      lifeCell(record.readable, look.nowMs, barWidth),
      { text: nextText(nextAttemptAtMs(record), look.nowMs).padStart(TIME_WIDTH), style: undefined },
      { ...result, text: fit(result.text, RESULT_WIDTH) },
      {
        text: String(publishedOf(record.readable)?.generation ?? '-').padStart(GENERATION_WIDTH),
        style: 'dim',
      },
    ];
  });
  return [heading, ...lines].map((cells) => joinCells(cells, look)).join('\n');
}

/** Cuts a text to `width`, with an ellipsis where something is missing, and pads it to exactly that. */
export function fit(text: string, width: number): string {
  return text.length <= width ? text.padEnd(width) : `${text.slice(0, Math.max(0, width - 1))}…`;
}

function lifeCell(readable: ReadableToken, nowMs: number, barWidth: number): Cell {
  const { share, text, style } = lifeLeft(readable, nowMs);
  const label = text.padStart(TIME_WIDTH);
  if (barWidth === 0) return { text: label, style };
  const filled = share === 0 ? 0 : Math.max(1, Math.round(share * barWidth));
  return { text: `${'█'.repeat(filled)}${'░'.repeat(barWidth - filled)} ${label}`, style };
}

function lifeLeft(readable: ReadableToken, nowMs: number) {
  if (readable.kind !== 'published') return { share: 0, text: 'none', style: 'dim' } as const;
  const { issuedAtMs = nowMs, expiresAtMs } = readable;
  const leftMs = expiresAtMs - nowMs;
  if (leftMs <= 0) return { share: 0, text: 'expired', style: 'red' } as const;
  const lifetimeMs = expiresAtMs - issuedAtMs;
  const share = lifetimeMs > 0 ? Math.min(1, leftMs / lifetimeMs) : 0;
  return { share, text: formatRoughly(leftMs), style: share < LITTLE_LIFE ? 'yellow' : 'green' } as const;
}

function nextText(attemptAtMs: number | undefined, nowMs: number): string {
  if (attemptAtMs === undefined) return '-';
  return attemptAtMs <= nowMs ? 'now' : formatRoughly(attemptAtMs - nowMs);
}

/** While attempts fail, the code says more than that the next one has begun. */
function describeResult({ readable, failure, isRefreshing }: TokenRecord): Cell {
  if (failure !== undefined) return { text: failure.code, style: 'red' };
  if (isRefreshing) return { text: 'refreshing', style: 'yellow' };
  if (readable.kind === 'unknown') return { text: 'waiting', style: 'dim' };
  if (readable.kind === 'absent') return { text: 'absent', style: 'dim' };
  return { text: readable.latest, style: readable.latest === 'refreshed' ? 'green' : undefined };
}

/** Cuts before it colours, so that no escape sequence is cut in two. */
function joinCells(cells: readonly Cell[], { width, color }: LiveTableLook): string {
  let left = width;
  let line = '';
  for (const [index, { text, style }] of cells.entries()) {
    const shown = `${index === 0 ? '' : GAP}${text}`.slice(0, left);
    left -= shown.length;
    line += color && style !== undefined ? styleText(style, shown, { validateStream: false }) : shown;
  }
  return line;
}
