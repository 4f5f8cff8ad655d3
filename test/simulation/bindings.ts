/** Whose binding is really there, and which customers each process keeps: the truth about discovered customers. */
import type { RefreshEvent } from '../../src/core/events.ts';
import type { Disturbance } from './disturbances.ts';
import type { Watcher } from './observation.ts';
import type { SimulatedToken } from './scenario.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { World } from './world.ts';

/** Stands for a token in disturbances that keep customers from being found, and concern no token that is kept. */
export const LISTING = 'the list of bindings';
export const BINDING_TAG = { Key: 'app', Value: 'bindings' } as const;
/** The interval's jitter. */
const LONGEST_SHARE = 1.1;
/** One look while nothing goes wrong, a call that is given up and repeated included. */
const LOOK_MS = 10_000;

interface Bound {
  /** When it last became so; before that it was the opposite, or there was nothing. */
  sinceMs: number;
  /** Nobody has to refresh its token; `undefined` while it is bound. */
  excuse: Disturbance | undefined;
}

export class Bindings implements Watcher {
  /** Tokens that come and go with a binding. */
  readonly tokens: readonly (SimulatedToken & { readonly binding: string })[];
  readonly #world: World;
  readonly #bound = new Map<string, Bound>();
  /** When each process took a token in, by its name. */
  readonly #kept = new WeakMap<VirtualProcess, Map<string, number>>();

  constructor(world: World) {
    this.#world = world;
    this.tokens = world.scenario.tokens.flatMap((token) =>
      token.binding === undefined ? [] : { ...token, binding: token.binding },
    );
    for (const { name } of this.tokens) this.note(name, false);
  }

  /** How long a look may be away after a binding has changed, and take. */
  get foundWithinMs(): number {
    const everyMs = this.#world.scenario.configuration.providers.map(
      ({ discovery }) => discovery?.everyMs ?? 0,
    );
    return Math.max(...everyMs) * LONGEST_SHARE + LOOK_MS;
  }

  /** True for a token that is listed in the configuration too. */
  isBound(token: string): boolean {
    return this.#bound.get(token)?.excuse === undefined;
  }

  /** Since when a token has been bound, or not. */
  sinceMs(token: string): number {
    return this.#bound.get(token)?.sinceMs ?? this.#world.scenario.startMs;
  }

  /** Somebody has bound a customer, or has taken the binding away. */
  note(token: string, isBound: boolean): void {
    const { disturbances, time } = this.#world;
    const former = this.#bound.get(token);
    if (former !== undefined && (former.excuse === undefined) === isBound) return;
    const { nowMs } = time;
    if (former?.excuse !== undefined) former.excuse.toMs = nowMs + this.foundWithinMs;
    const forever = {
      fromMs: nowMs,
      toMs: Number.POSITIVE_INFINITY,
      token,
      why: 'its customer is not bound',
    };
    this.#bound.set(token, { sinceMs: nowMs, excuse: isBound ? undefined : disturbances.add(forever) });
  }

  /** When the process took the token in; `undefined`: it does not keep it. */
  keptSinceMs(process: VirtualProcess, token: string): number | undefined {
    return this.#kept.get(process)?.get(token);
  }

  /** The process may not have learnt of new bindings: what it keeps it has to refresh all the same. */
  noteUnlisted(process: VirtualProcess, fromMs: number, toMs: number, why: string): void {
    const { disturbances } = this.#world;
    disturbances.add({ fromMs, toMs, token: LISTING, why });
    for (const { name } of this.tokens) {
      if (this.keptSinceMs(process, name) !== undefined) continue;
      disturbances.add({ fromMs, toMs: toMs + this.foundWithinMs, token: name, why });
    }
  }

  eventSeen(process: VirtualProcess, event: RefreshEvent): void {
    const kept = this.#kept.get(process) ?? new Map<string, number>();
    this.#kept.set(process, kept);
    if (event.event === 'token-added') kept.set(event.identity.token, this.#world.time.nowMs);
    if (event.event === 'token-removed') kept.delete(event.identity.token);
  }
}
