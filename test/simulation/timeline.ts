import { createHash } from 'node:crypto';
import { formatUtc } from '../../src/core/wire/time-text.ts';

export interface TimelineLine {
  readonly atMs: number;
  /** A process or pod, `provider`, `store`, `world`. */
  readonly who: string;
  /** The token it is about; `undefined` for what concerns all. */
  readonly token: string | undefined;
  readonly text: string;
}

const MOST_LINES = 20_000;

/** What happened, in order. Keeps the newest lines, and a fingerprint of all. */
export class Timeline {
  readonly #lines: TimelineLine[] = [];
  readonly #hash = createHash('sha256');
  readonly #startMs: number;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  add(line: TimelineLine): void {
    this.#hash.update(`${line.atMs} ${line.who} ${line.token ?? '-'} ${line.text}\n`);
    this.#lines.push(line);
    if (this.#lines.length > 2 * MOST_LINES) this.#lines.splice(0, MOST_LINES);
  }

  /** The same for the same run, to the last event. To be called once. */
  fingerprint(): string {
    return this.#hash.digest('hex');
  }

  /** The last lines that concern a token, as people read them. */
  tail(token: string | undefined, count: number): readonly string[] {
    const relevant = this.#lines.filter(
      (line) => token === undefined || line.token === undefined || line.token === token,
    );
    return relevant.slice(-count).map((line) => this.#format(line));
  }

  #format({ atMs, who, token, text }: TimelineLine): string {
    const clock = formatUtc(atMs).slice(11, 23);
    const sinceStart = ((atMs - this.#startMs) / 1000).toFixed(3).padStart(10);
    return `${sinceStart} s  ${clock}  ${who.padEnd(10)} ${token ?? ''}${token === undefined ? '' : ': '}${text}`;
  }
}
