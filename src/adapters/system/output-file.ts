/**
 * Standard output or standard error.
 *
 * Guarantee: a call returns at once and never throws, whatever is behind it: what a reader has no room for waits in
 * memory, of {@link OutputFile.writeLine} no more than {@link MAX_WAITING_BYTES}; what a full disk or a reader that has
 * gone away does not take is lost, and the next text is tried again. No half line is left in front of another one.
 * Non-guarantee: a regular file is written synchronously, so a mount that hangs behind it stops the process.
 */
import { constants, fstatSync, openSync, writeSync } from 'node:fs';
import { untilAborted } from '../../core/deadline.ts';
import { errnoOf } from '../../core/file-error.ts';

/** Some thousand lines of the log: a reader that pauses for a while loses none. */
export const MAX_WAITING_BYTES = 1_048_576;
/** Between two attempts while the reader takes nothing; shorter ones first, for one that is only slow. */
const MIN_PAUSE_MS = 5;
const MAX_PAUSE_MS = 200;

export class OutputFile {
  readonly #fd: number;
  readonly #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #pauseMs = MIN_PAUSE_MS;
  #retry: NodeJS.Timeout | undefined;
  /** Part of a line was taken, and its end was lost. */
  #isTorn = false;
  /** What waits is a result, not a log alone. */
  #holdsResult = false;
  #loss: unknown;
  #emptied = Promise.withResolvers<void>();
  readonly #closed = Promise.withResolvers<void>();

  /** @param fd 1 or 2; any other open file in tests */
  constructor(fd: number) {
    this.#fd = openWithoutWaiting(fd);
  }

  /** Resolves when nobody reads any more (a pipe was closed); that is seen at the next write. */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /** Why a result was lost, at least in part; `undefined`: it was not, or nobody wanted the rest of it. */
  get loss(): unknown {
    return this.#loss;
  }

  /** Writes a text, all of which waits for a slow reader: the result of a command. */
  write(text: string): void {
    this.#holdsResult = true;
    this.#put(text);
  }

  /** Writes whole lines that may be lost: a log. @returns false when they are, because too much waits already, or by an error */
  writeLine(lines: string): boolean {
    return this.#waitingBytes < MAX_WAITING_BYTES && this.#put(lines);
  }

  /** Resolves when everything is written or lost, or when `signal` is aborted. */
  async flush(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length > 0) await untilAborted(this.#emptied.promise, signal).catch(() => undefined);
  }

  #put(text: string): boolean {
    const isAfterLoss = this.#isTorn && this.#waiting.length === 0;
    const bytes = Buffer.from(isAfterLoss ? `\n${text}` : text);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    // While others wait it is not its turn; the timer goes on with them.
    return this.#retry !== undefined || this.#writeWaiting();
  }

  /** @returns false when what waited is lost */
  #writeWaiting(): boolean {
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      let count: number;
      try {
        count = writeSync(this.#fd, first);
      } catch (error) {
        const code = errnoOf(error);
        if (code === 'EAGAIN') {
          this.#retryLater();
          return true;
        }
        if (code === 'EPIPE') this.#closed.resolve();
        else if (this.#holdsResult) this.#loss = error;
        this.#empty();
        return false;
      }
      this.#pauseMs = MIN_PAUSE_MS;
      this.#waitingBytes -= count;
      // A disk may have room for some of the bytes only; the next attempt says whether for any more.
      this.#isTorn = count < first.length;
      if (this.#isTorn) this.#waiting[0] = first.subarray(count);
      else this.#waiting.shift();
    }
    this.#empty();
    return true;
  }

  #retryLater(): void {
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#writeWaiting();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, MAX_PAUSE_MS);
  }

  #empty(): void {
    this.#holdsResult = false;
    this.#waiting.length = 0;
    this.#waitingBytes = 0;
    this.#emptied.resolve();
    this.#emptied = Promise.withResolvers();
  }
}

/**
 * A terminal that was stopped (Ctrl-S) and a pipe that nobody reads would make a write wait, and the whole program with
 * it. Opened once more the file is ours alone to set that for: its other users do not notice.
 */
function openWithoutWaiting(fd: number): number {
  if (fstatSync(fd).isFile()) return fd;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    // A socket, another user's pipe, or no Linux: Node itself sets its pipes and sockets so as soon as it is asked for them.
    void (fd === 1 ? process.stdout : process.stderr).writableLength;
    return fd;
  }
}
