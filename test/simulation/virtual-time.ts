import type { VirtualProcess } from './virtual-process.ts';

/** Something that happens at a moment of virtual time. */
export interface Happening {
  readonly atMs: number;
  /** Whose process runs it; `undefined`: the outside world. */
  readonly process: VirtualProcess | undefined;
  readonly run: () => void;
  isCancelled: boolean;
  /** A timer of the process itself, not an answer from outside. */
  readonly isTimer: boolean;
  /** Decides between happenings of the same moment: see {@link VirtualTime.schedule}. */
  readonly order: number;
}

/** A turn of the real event loop: all microtasks that a happening has set off run before it ends. */
const passTurn = (resolve: () => void): void => void setImmediate(resolve);

/**
 * True time, which no process sees: a queue of happenings that are run one after the other.
 *
 * Guarantee: the same happenings in the same order yield the same run. After each one everything that it set off has
 * run before the next begins, so that all code that runs belongs to one process: {@link VirtualTime.running}.
 */
export class VirtualTime {
  nowMs: number;
  /** The process whose code runs now; `undefined` while the outside world acts. */
  running: VirtualProcess | undefined;
  happened = 0;
  readonly #heap: Happening[] = [];
  #scheduled = 0;

  constructor(startMs: number) {
    this.nowMs = startMs;
  }

  /** Of several happenings at one moment, those of a process come in the order of processes, then first come. */
  schedule(
    afterMs: number,
    process: VirtualProcess | undefined,
    run: () => void,
    isTimer = false,
  ): Happening {
    this.#scheduled += 1;
    const atMs = this.nowMs + Math.max(0, Math.ceil(afterMs));
    const order = (process?.order ?? 0) * 1e12 + this.#scheduled;
    const happening: Happening = { atMs, process, run, isCancelled: false, isTimer, order };
    this.#push(happening);
    return happening;
  }

  /** Runs what happens until `endMs`, or until `isOver` says so. */
  async runUntil(endMs: number, isOver: () => boolean): Promise<void> {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= endMs; next = this.#heap[0]) {
      this.#pop();
      if (next.isCancelled) continue;
      this.nowMs = next.atMs;
      const { process } = next;
      if (process === undefined) {
        // The outside world waits for nothing, so there is nothing to let run.
        next.run();
      } else if (process.isPaused) {
        process.hold(next);
      } else if (!process.isDead) {
        this.running = process;
        next.run();
        await new Promise<void>(passTurn);
        this.running = undefined;
      }
      this.happened += 1;
      if (isOver()) return;
    }
    this.nowMs = endMs;
  }

  #push(happening: Happening): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(happening);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(happening, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = happening;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const leftIndex = 2 * index + 1;
      const left = heap[leftIndex];
      if (left === undefined) break;
      const right = heap[leftIndex + 1];
      const isRight = right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = isRight ? leftIndex + 1 : leftIndex;
    }
    heap[index] = last;
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}
