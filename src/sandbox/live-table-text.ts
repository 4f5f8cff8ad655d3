/** How the live table looks. Pure: records and the time go in, text comes out. */
import { styleText } from 'node:util';
import { nextAttemptAtMs, publishedOf, type ReadableToken, type TokenRecord } from '../core/board.ts';
import { cutEnd, cutMiddle, padColumns, textWidth } from '../core/text-columns.ts';
import { formatRoughly } from '../core/wire/time-text.ts';

export interface LiveTableLook {
  readonly nowMs: number;
  /** Columns; no line is longer. From about 60 on every column is whole. */
  readonly width: number;
  readonly color: boolean;
}

export type Style = 'green' | 'yellow' | 'red' | 'dim' | 'bold';

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

interface Layout {
  readonly nameWidth: number;
  /** 0: life is text alone. */
  readonly barWidth: number;
  readonly hasNext: boolean;
  readonly hasGeneration: boolean;
}

/** Lines without a newline at the end: a heading and one line per token. */
export function renderLiveTable(records: readonly TokenRecord[], look: LiveTableLook): string {
  const layout = decideLayout(records, look.width);
  const { nameWidth, barWidth, hasNext, hasGeneration } = layout;
  const lifeWidth = barWidth === 0 ? TIME_WIDTH : barWidth + 1 + TIME_WIDTH;
  const heading = [
    padColumns('TOKEN', nameWidth),
    padColumns(barWidth === 0 ? 'LIFE' : 'LIFE LEFT', lifeWidth),
    ...(hasNext ? ['NEXT'.padStart(TIME_WIDTH)] : []),
    padColumns('LAST RESULT', RESULT_WIDTH),
    ...(hasGeneration ? ['GEN'.padStart(GENERATION_WIDTH)] : []),
  ].map((text): Cell => ({ text, style: 'bold' }));

  const lines = records.map((record): readonly Cell[] => {
    const next = nextText(nextAttemptAtMs(record), look.nowMs).padStart(TIME_WIDTH);
    const result = describeResult(record);
    const generation = String(publishedOf(record.readable)?.generation ?? '-').padStart(GENERATION_WIDTH);
    return [
      { text: padColumns(cutMiddle(record.identity.token, nameWidth), nameWidth), style: undefined },
      lifeCell(record.readable, look.nowMs, barWidth),
      ...(hasNext ? [{ text: next, style: undefined }] : []),
      { ...result, text: padColumns(result.text, RESULT_WIDTH) },
      ...(hasGeneration ? [{ text: generation, style: 'dim' } as const] : []),
    ];
  });
  return [heading, ...lines].map((cells) => joinCells(cells, look)).join('\n');
}

/** Where columns are scarce, the middle of names goes first, then the bar, the generation and NEXT. */
function decideLayout(records: readonly TokenRecord[], width: number): Layout {
  const widest = Math.max('TOKEN'.length, ...records.map(({ identity }) => textWidth(identity.token)));
  const needed = TIME_WIDTH + RESULT_WIDTH + 2 * GAP.length;
  const shortest = Math.min(widest, MIN_NAME_WIDTH);
  const spareWith = (...widths: readonly number[]): number =>
    widths.reduce((left, each) => left - each - GAP.length, width - needed);
  const hasNext = spareWith(TIME_WIDTH) >= shortest;
  const hasGeneration = hasNext && spareWith(TIME_WIDTH, GENERATION_WIDTH) >= shortest;
  const spare = spareWith(...(hasNext ? [TIME_WIDTH] : []), ...(hasGeneration ? [GENERATION_WIDTH] : []));
  const nameWidth = Math.min(widest, Math.max(shortest, spare - MIN_BAR_WIDTH - 1));
  const roomForBar = Math.min(MAX_BAR_WIDTH, spare - nameWidth - 1);
  return { nameWidth, barWidth: roomForBar >= MIN_BAR_WIDTH ? roomForBar : 0, hasNext, hasGeneration };
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
function describeResult({ readable, failure, refusal, isRefreshing }: TokenRecord): Cell {
  if (failure !== undefined) return { text: failure.code, style: 'red' };
  if (isRefreshing) return { text: 'refreshing', style: 'yellow' };
  if (refusal !== undefined) return { text: 'refused', style: 'red' };
  if (readable.kind === 'unknown') return { text: 'waiting', style: 'dim' };
  if (readable.kind === 'absent') return { text: 'absent', style: 'dim' };
  return { text: readable.latest, style: readable.latest === 'refreshed' ? 'green' : undefined };
}

/** Cuts before it colours, so that no escape sequence is cut in two. */
function joinCells(cells: readonly Cell[], { width, color }: LiveTableLook): string {
  let left = width;
  let line = '';
  for (const [index, { text, style }] of cells.entries()) {
    const whole = `${index === 0 ? '' : GAP}${text}`;
    const shown = textWidth(whole) <= left ? whole : cutEnd(whole.trimEnd(), left);
    left -= textWidth(shown);
    line += paint(shown, style, color);
  }
  return line;
}

export function paint(text: string, style: Style | undefined, color: boolean): string {
  return color && style !== undefined && text !== ''
    ? styleText(style, text, { validateStream: false })
    : text;
}
