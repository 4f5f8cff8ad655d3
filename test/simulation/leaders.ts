/** Who can lead, and since when nobody can: what excuses a refresh that nobody could make. */
import type { RefreshEvent } from '../../src/core/events.ts';
import type { Disturbance } from './disturbances.ts';
import type { Watcher } from './observation.ts';
import type { Pod } from './pod.ts';
import type { SimulatedLease } from './simulated-lease.ts';
import type { World } from './world.ts';

/** Reading the store and the first fetches of a term. */
const BEGIN_MS = 8_000;
/** Starting a process with one replica. */
const START_MS = 3_000;

export class Leaders implements Watcher {
  readonly #world: World;
  readonly #pods: readonly Pod[];
  readonly #lease: SimulatedLease;
  #leaderless: Disturbance | undefined;
  readonly #jumps: { readonly pod: string; readonly atMs: number; readonly byMs: number }[] = [];
  readonly #skews: { readonly atMs: number; readonly leastMs: number; readonly mostMs: number }[] = [];

  constructor(world: World, pods: readonly Pod[], lease: SimulatedLease) {
    this.#world = world;
    this.#pods = pods;
    this.#lease = lease;
    this.#noteSkews();
    this.noteChange();
  }

  /** The pod that the Lease names, or the only one. */
  podName(): string | undefined {
    if (this.#pods.length === 1) return this.#pods[0]?.name;
    const holder = this.#lease.api.spec()?.['holderIdentity'];
    return typeof holder === 'string' ? holder.split('.')[0] : undefined;
  }

  /** Milliseconds by which clocks of two pods, or of one before and after a jump, differed at most since then. */
  skewSince(sinceMs: number): number {
    const before = this.#skews.findLast(({ atMs }) => atMs <= sinceMs);
    const relevant = this.#skews.filter(({ atMs }) => atMs > sinceMs);
    const all = before === undefined ? relevant : [before, ...relevant];
    return Math.max(...all.map(({ mostMs }) => mostMs)) - Math.min(...all.map(({ leastMs }) => leastMs));
  }

  /** Milliseconds by which one pod's clock has been set forth and back at most since then. */
  jumpsSince(pod: string, sinceMs: number): number {
    const jumps = this.#jumps.filter((jump) => jump.pod === pod && jump.atMs >= sinceMs);
    return jumps.reduce((sumMs, { byMs }) => sumMs + Math.abs(byMs), 0);
  }

  /** What all steps of one pod's clock in a stretch of time come to. */
  jumpBetween(pod: string, fromMs: number, toMs: number): number {
    const jumps = this.#jumps.filter((jump) => jump.pod === pod && jump.atMs >= fromMs && jump.atMs < toMs);
    return jumps.reduce((sumMs, { byMs }) => sumMs + byMs, 0);
  }

  setSkew(pod: Pod, skewMs: number): void {
    this.#jumps.push({ pod: pod.name, atMs: this.#world.time.nowMs, byMs: skewMs - pod.clock.skewMs });
    pod.clock.skewMs = skewMs;
    this.#noteSkews();
  }

  /** Something has happened to a pod: when it led, somebody else has to take over. */
  noteHit(name: string): void {
    const { nowMs } = this.#world.time;
    const toMs = nowMs + this.#takeoverMs();
    if (this.podName() === name || this.podName() === undefined)
      this.#world.disturbances.add({ fromMs: nowMs, toMs, token: undefined, why: 'the leader was hit' });
    this.noteChange();
  }

  /** To be called after everything that decides who can lead. */
  noteChange(): void {
    const { nowMs } = this.#world.time;
    const isAble = this.#pods.some((pod) => this.#isAble(pod));
    if (!isAble && this.#leaderless === undefined) {
      const forever = Number.POSITIVE_INFINITY;
      this.#leaderless = this.#world.disturbances.add({
        fromMs: nowMs,
        toMs: forever,
        token: undefined,
        why: 'nobody could lead',
      });
    } else if (isAble && this.#leaderless !== undefined) {
      this.#leaderless.toMs = nowMs + this.#takeoverMs();
      this.#leaderless = undefined;
    }
  }

  eventSeen(_: unknown, { event }: RefreshEvent): void {
    if (event !== 'leadership-lost') return;
    const { nowMs } = this.#world.time;
    this.#world.disturbances.add({
      fromMs: nowMs,
      toMs: nowMs + this.#takeoverMs(),
      token: undefined,
      why: 'leadership was lost',
    });
  }

  lifeEnded(): void {
    this.noteChange();
  }

  lifeBegan(): void {
    this.noteChange();
  }

  #isAble({ name, process }: Pod): boolean {
    if (process === undefined || process.isPaused) return false;
    if (this.#pods.length === 1) return true;
    const { weather } = this.#world;
    return weather.lease === 'fine' && !weather.cutOff.has(name);
  }

  #takeoverMs(): number {
    if (this.#pods.length === 1) return START_MS;
    const { leaseDurationMs, retryPeriodMs } = this.#world.scenario.leaseTiming;
    return leaseDurationMs + 2 * retryPeriodMs + BEGIN_MS;
  }

  #noteSkews(): void {
    const skews = this.#pods.map(({ clock }) => clock.skewMs);
    const atMs = this.#world.time.nowMs;
    this.#skews.push({ atMs, leastMs: Math.min(...skews), mostMs: Math.max(...skews) });
  }
}
