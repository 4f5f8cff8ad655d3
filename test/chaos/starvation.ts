import { readFileSync } from 'node:fs';

/** A look at a process. */
export interface CpuSample {
  readonly atMs: number;
  /** How long it has waited for a CPU since its start, wanting to run. */
  readonly waitedMs: number;
}

/** Within a lease's renew deadline: whoever waits for so much of it may not renew in time, whatever the API server does. */
const WINDOW_MS = 1000;
const NOTEWORTHY_SHARE = 0.5;

/** Notices that the machine kept a process from running, from one look at it to the next. */
export class Starvation {
  #first: CpuSample | undefined;

  /** @returns the time since an earlier look, when the process waited through half of it or more */
  look(sample: CpuSample): { readonly fromMs: number; readonly toMs: number } | undefined {
    const first = this.#first;
    // Another process of that name counts from zero.
    if (first === undefined || sample.waitedMs < first.waitedMs) {
      this.#first = sample;
      return undefined;
    }
    const tookMs = sample.atMs - first.atMs;
    if (tookMs < WINDOW_MS) return undefined;
    this.#first = sample;
    const isStarved = sample.waitedMs - first.waitedMs >= tookMs * NOTEWORTHY_SHARE;
    return isStarved ? { fromMs: first.atMs, toMs: sample.atMs } : undefined;
  }
}

/** `undefined`: the process is gone, or this system does not say. */
export function readCpuWait(pid: number): number | undefined {
  try {
    const waitedNs = Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]);
    return Number.isFinite(waitedNs) ? waitedNs / 1e6 : undefined;
  } catch {
    return undefined;
  }
}
