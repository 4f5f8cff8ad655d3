/**
 * Work on files, of which a few at a time run: a file system that hangs keeps a thread of libuv's pool for as long as it
 * hangs, whatever deadline the caller has, and the pool has four of them for files, names and signatures together.
 *
 * Guarantee: a caller is answered within {@link FILE_LIMIT_MS} of the time in which this process runs. There is never more
 * than one piece of work on one path, also not after its deadline: until the first has ended the next ones are refused. At most {@link MAX_IN_FOLDER} run
 * in one folder and {@link MAX_RUNNING} altogether, so that files of a folder that hangs leave a lane to the others,
 * and those leave a thread to everything else.
 * Non-guarantee: two folders that hang stop all work on files until one of them answers; what needs no file goes on.
 */
import { dirname } from 'node:path';
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import type { Clock } from '../../core/ports.ts';

/** Deadline for one piece of work, in milliseconds; the wait for its turn counts. */
export const FILE_LIMIT_MS = 5000;
/**
 * The deadline is counted in so many parts. While this process stands still itself (it loads its code, or gets no CPU),
 * one of them passes at most: what was read meanwhile is taken before time is up.
 */
const PARTS = 5;
const MAX_RUNNING = 3;
const MAX_IN_FOLDER = 2;
const NEVER = new AbortController().signal;

interface Piece {
  readonly path: string;
  readonly signal: AbortSignal;
  /** Never rejects. */
  run(): Promise<void>;
  refuse(): void;
}

interface Folder {
  /** By path, whether it is overdue. */
  readonly running: Map<string, boolean>;
  readonly waiting: Piece[];
}

export class FileLanes {
  readonly #clock: Pick<Clock, 'sleep'>;
  readonly #folders = new Map<string, Folder>();

  constructor(clock: Pick<Clock, 'sleep'>) {
    this.#clock = {
      sleep: async (delayMs, signal) => {
        for (let part = 0; part < PARTS; part += 1) await clock.sleep(delayMs / PARTS, signal);
      },
    };
  }

  /**
   * Runs `work` when it is its turn.
   * @param path absolute, or relative to the working directory; the work uses that file, or files beside it, alone
   * @throws what the work throws; with `ETIMEDOUT` in `code` when it does not end in time, or a former one has not yet
   */
  run<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return withDeadline(
      this.#clock,
      FILE_LIMIT_MS,
      signal,
      (limited) =>
        new Promise((resolve, reject) => {
          this.#add({
            path,
            signal: limited,
            run: () => work().then(resolve, reject),
            refuse: () => reject(new DeadlineExceeded('an earlier read of this file or folder still hangs')),
          });
        }),
    );
  }

  #add(piece: Piece): void {
    const key = dirname(piece.path);
    const folder: Folder = this.#folders.get(key) ?? { running: new Map(), waiting: [] };
    this.#folders.set(key, folder);
    folder.waiting.push(piece);
    this.#startNext();
  }

  #startNext(): void {
    for (const [key, folder] of this.#folders) {
      for (let piece = folder.waiting[0]; piece !== undefined; piece = folder.waiting[0]) {
        if (piece.signal.aborted) folder.waiting.shift();
        else if (this.#isHopeless(folder, piece.path)) {
          folder.waiting.shift();
          piece.refuse();
        } else if (this.#hasLane(folder, piece.path)) {
          folder.waiting.shift();
          void this.#start(folder, piece);
        } else break;
      }
      if (folder.waiting.length === 0 && folder.running.size === 0) this.#folders.delete(key);
    }
  }

  #isHopeless({ running }: Folder, path: string): boolean {
    const all = [...this.#folders.values()];
    return (
      running.get(path) === true ||
      countOverdue(running) >= MAX_IN_FOLDER ||
      all.reduce((sum, each) => sum + countOverdue(each.running), 0) >= MAX_RUNNING
    );
  }

  #hasLane({ running }: Folder, path: string): boolean {
    const all = [...this.#folders.values()].reduce((sum, each) => sum + each.running.size, 0);
    return all < MAX_RUNNING && running.size < MAX_IN_FOLDER && !running.has(path);
  }

  async #start({ running }: Folder, piece: Piece): Promise<void> {
    running.set(piece.path, false);
    const ended = piece.run();
    // Of its own: who asked may give up long before, which says nothing about the file.
    void withDeadline(this.#clock, FILE_LIMIT_MS, NEVER, () => ended).catch(() => {
      if (running.has(piece.path)) running.set(piece.path, true);
      this.#startNext();
    });
    await ended;
    running.delete(piece.path);
    this.#startNext();
  }
}

function countOverdue(running: ReadonlyMap<string, boolean>): number {
  return [...running.values()].filter((isOverdue) => isOverdue).length;
}
