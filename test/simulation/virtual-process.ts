import type { Happening, VirtualTime } from './virtual-time.ts';

/** What a process and its machine are made with. */
export interface VirtualProcessOptions {
  /** `pod-2.3`: the third life of the second pod. */
  readonly name: string;
  readonly time: VirtualTime;
  /** Decides who is first when things happen to several processes at one moment; 1 or more. */
  readonly order: number;
  /** Wall clock of the machine minus true time; may change while it runs. */
  readonly clock: { skewMs: number };
}

/** One life of a replica: from its start to its end, in whatever way that comes. */
export class VirtualProcess {
  readonly name: string;
  readonly order: number;
  readonly bornAtMs: number;
  /** True while it is stopped (SIGSTOP): its timers and answers wait. */
  isPaused = false;
  /** Killed or ended: nothing of it runs any more, and nothing reaches it. */
  isDead = false;
  /** It was asked to end (SIGTERM). */
  isStopping = false;
  /** When it went on after the latest pause. */
  resumedAtMs = Number.NEGATIVE_INFINITY;
  readonly #options: VirtualProcessOptions;
  readonly #held: Happening[] = [];

  constructor(options: VirtualProcessOptions) {
    this.name = options.name;
    this.order = options.order;
    this.#options = options;
    this.bornAtMs = options.time.nowMs;
  }

  get wallMs(): number {
    return this.#options.time.nowMs + this.#options.clock.skewMs;
  }

  get monotonicMs(): number {
    return this.#options.time.nowMs - this.bornAtMs;
  }

  kill(): void {
    this.isDead = true;
    this.isPaused = false;
    this.#held.length = 0;
  }

  pause(): void {
    if (!this.isDead) this.isPaused = true;
  }

  /** For what comes due while it is paused. */
  hold(happening: Happening): void {
    this.#held.push(happening);
  }

  /** What was due meanwhile happens now, late. Node takes answers before timers, or timers first, as it falls. */
  resume(areAnswersFirst: boolean): void {
    if (!this.isPaused) return;
    const { time } = this.#options;
    this.isPaused = false;
    this.resumedAtMs = time.nowMs;
    const held = this.#held.splice(0);
    const inOrder = areAnswersFirst ? held.toSorted((a, b) => Number(a.isTimer) - Number(b.isTimer)) : held;
    for (const happening of inOrder) {
      time.schedule(0, this, () => {
        if (!happening.isCancelled) happening.run();
      });
    }
  }
}
