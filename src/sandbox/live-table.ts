/**
 * What a terminal shows while the sandbox runs, drawn again in place every second. Rows and failures are what the board
 * knows, news are the events, alerts what the simulated Slack channel got.
 */
import { stripVTControlCharacters } from 'node:util';
import type { Board } from '../core/board.ts';
import type { Clock, RefreshEvents } from '../core/ports.ts';
import { textWidth } from '../core/text-columns.ts';
import { formatMoment } from '../core/wire/time-text.ts';
import { describeNews } from './live-news.ts';
import { composeScreen } from './live-screen.ts';

const REDRAW_EVERY_MS = 1000;
const MAX_NEWS = 6;
const MAX_ALERTS = 3;
const DEFAULT_COLUMNS = 80;

export interface LiveTableOptions {
  readonly board: Board;
  readonly clock: Clock;
  /** Takes text for the terminal. */
  readonly write: (text: string) => unknown;
  /** The terminal's width now; asked at every drawing. 80 when unknown. */
  readonly columns: () => number | undefined;
  /** The terminal's height now; without it nothing is left out. */
  readonly lines?: () => number | undefined;
  readonly color: boolean;
  /**
   * Resolves when each change of the screen so far was handed over: a program that was stopped wakes up past the time of its
   * next drawing, and hears only then that it goes on.
   */
  readonly changesHeard?: () => Promise<void>;
}

/** What stands around the table. */
export interface LiveTableFrame {
  /** Above it, lines with a line break each. */
  readonly introduction?: string;
  /** Below it: where to look, and which keys there are. */
  readonly footer?: string;
}

/**
 * What has become of the screen without us. `resized`: each terminal moves the lines that it shows in its own way.
 * `continued`: the program was stopped, and a shell has written below the table.
 */
export type ScreenChange = 'resized' | 'continued';

export interface LiveTable {
  readonly onEvent: RefreshEvents;
  /** @param text as a receiver of alerts shows it */
  readonly onAlert: (text: string) => void;
  /** Draws at once, on a clean screen or below what stands there. */
  readonly onScreenChange: (change: ScreenChange) => void;
  /** Draws at once and every second; resolves after a last drawing when `signal` is aborted. */
  run(signal: AbortSignal, frame?: LiveTableFrame): Promise<void>;
}

export function createLiveTable(options: LiveTableOptions): LiveTable {
  const { board, clock, write, color } = options;
  const news: string[] = [];
  const alerts: string[] = [];
  /** `undefined`: nothing is to be drawn yet, or any more. */
  let frame: LiveTableFrame | undefined;
  /** Lines that stand on the screen above the cursor and are ours. */
  let drawnLines = 0;

  return {
    onEvent: (event) => {
      const told = describeNews(event);
      if (told !== undefined) keepLatest(news, told, MAX_NEWS);
    },
    onAlert: (text) => keepLatest(alerts, text, MAX_ALERTS),
    onScreenChange: (change) => {
      if (frame === undefined) return;
      drawnLines = 0;
      if (change === 'continued') draw('\r');
      else draw(`\u001b[H\u001b[J${hasRoomForIntroduction() ? (frame.introduction ?? '') : ''}`);
    },
    run: async (signal, around = {}) => {
      frame = around;
      while (!signal.aborted) {
        draw(around.introduction);
        try {
          await clock.sleep(REDRAW_EVERY_MS, signal);
          await options.changesHeard?.();
        } catch (error) {
          if (!signal.aborted) throw error;
        }
      }
      draw();
      frame = undefined;
    },
  };

  function keepLatest(texts: string[], text: string, most: number): void {
    texts.push(`${formatMoment(clock.now(), clock.now())} ${text}`);
    if (texts.length > most) texts.shift();
  }

  function width(): number {
    return options.columns() || DEFAULT_COLUMNS;
  }

  function compose(): readonly string[] {
    return composeScreen(
      { records: [...board.tokens()], mirrors: [...board.mirrors()], alerts, news, footer: frame?.footer },
      { nowMs: clock.now(), width: width(), height: options.lines?.() || undefined, color },
    );
  }

  /** Where it would be scrolled away at once it is better left where it stands. */
  function hasRoomForIntroduction(): boolean {
    const height = options.lines?.() ?? Number.POSITIVE_INFINITY;
    const above = (frame?.introduction ?? '')
      .split('\n')
      .map((line) => Math.max(1, Math.ceil(textWidth(line) / width())));
    return above.reduce((sum, lines) => sum + lines, 0) + compose().length < height;
  }

  /** @param before what comes first where nothing of ours stands yet */
  function draw(before = ''): void {
    const shown = compose();
    const start = drawnLines === 0 ? before : `\u001b[${drawnLines}A\r`;
    // Each line is overwritten and cleared to its end, the rest of the screen at last: clearing first would flicker.
    // On a line that is full, that would clear its last character.
    const text = shown.map((line) =>
      textWidth(stripVTControlCharacters(line)) < width() ? `${line}\u001b[K\n` : `${line}\n`,
    );
    write(`${start}${text.join('')}\u001b[J`);
    drawnLines = shown.length;
  }
}
