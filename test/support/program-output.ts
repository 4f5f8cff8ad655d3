import { isJsonObject, type JsonObject, parseJson } from '../../src/core/wire/json.ts';

/** What a run of the program has written so far, and a way to wait for more of it. */
export class ProgramOutput {
  readonly #lines: JsonObject[] = [];
  readonly #waiters = new Set<() => void>();
  #hasEnded = false;
  #stdout = '';
  #rest = '';
  #stderr = '';

  get stdout(): string {
    return this.#stdout;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The JSON lines of standard output so far. */
  get lines(): readonly JsonObject[] {
    return this.#lines;
  }

  linesOf(event: string, fits: (line: JsonObject) => boolean = () => true): readonly JsonObject[] {
    return this.#lines.filter((line) => line['event'] === event && fits(line));
  }

  /** The first line that fits, as soon as there is one; rejects when the program ends without it. */
  untilLine(fits: (line: JsonObject) => boolean): Promise<JsonObject> {
    return this.#until(() => this.#lines.find(fits));
  }

  /** Standard output, as soon as it fits; rejects when the program ends before. */
  untilText(fits: (stdout: string) => boolean): Promise<string> {
    return this.#until(() => (fits(this.#stdout) ? this.#stdout : undefined));
  }

  /** The first `count` lines of an event, as soon as there are so many. */
  async untilLines(
    event: string,
    count: number,
    fits: (line: JsonObject) => boolean = () => true,
  ): Promise<readonly JsonObject[]> {
    await this.untilLine(() => this.linesOf(event, fits).length >= count);
    return this.linesOf(event, fits).slice(0, count);
  }

  takeOut(text: string): void {
    this.#stdout += text;
    const pieces = `${this.#rest}${text}`.split('\n');
    this.#rest = pieces.pop() ?? '';
    const parsed = pieces.map((piece) => parseJson(piece)).filter(isJsonObject);
    this.#lines.push(...parsed);
    if (pieces.length > 0) this.#wake();
  }

  takeErr(text: string): void {
    this.#stderr += text;
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  async #until<T>(find: () => T | undefined): Promise<T> {
    let found = find();
    while (found === undefined) {
      if (this.#hasEnded) throw new Error(`the program ended before; it said: ${this.#stderr}`);
      await new Promise<void>((wake) => this.#waiters.add(wake));
      found = find();
    }
    return found;
  }

  #wake(): void {
    for (const waiter of this.#waiters) waiter();
    this.#waiters.clear();
  }
}

/** Times of two log lines, in milliseconds between them. */
export function msBetween(earlier: JsonObject, later: JsonObject): number {
  return timeOf(later) - timeOf(earlier);
}

/** A moment in a field of a log line, `time` when not named; wall time in milliseconds. */
export function timeOf(line: JsonObject, field = 'time'): number {
  const value = line[field];
  const timeMs = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(timeMs)) throw new Error(`no moment in ${field} of ${JSON.stringify(line)}`);
  return timeMs;
}
