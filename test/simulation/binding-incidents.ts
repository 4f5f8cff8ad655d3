/** Customers that come and go in the course of a run, and lists of them that fail or are not complete. */
import { BINDING_TAG, type Bindings } from './bindings.ts';
import type { Chance } from './chance.ts';
import type { SimulatedStore } from './simulated-store.ts';
import type { ListingWeather } from './weather.ts';
import type { World } from './world.ts';

export interface BindingIncidentParts {
  readonly world: World;
  readonly bindings: Bindings;
  readonly store: SimulatedStore;
}

type DiscoveredToken = Bindings['tokens'][number];

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const INCIDENTS_PER_HOUR = 14;
/** Of the customers, when a run begins. */
const BOUND_AT_FIRST = 0.7;

export class BindingIncidents {
  readonly #parts: BindingIncidentParts;
  readonly #chance: Chance;
  /** How a customer's binding comes back; `undefined`: there is none, and there was none. */
  readonly #returns = new Map<string, () => boolean>();
  #requests = 0;

  constructor(parts: BindingIncidentParts) {
    this.#parts = parts;
    this.#chance = parts.world.chance.fork('bindings');
  }

  /** Binds the first customers, and puts all incidents into the queue. */
  schedule(): void {
    const { world, bindings } = this.#parts;
    if (bindings.tokens.length === 0) return;
    for (const token of bindings.tokens) if (this.#chance.happens(BOUND_AT_FIRST)) this.#bind(token);
    const { startMs, quietFromMs } = world.scenario;
    const spanMs = quietFromMs - startMs;
    const kinds = [
      { name: 'binding added', begin: () => this.#add() },
      { name: 'binding added', begin: () => this.#add() },
      { name: 'binding removed', begin: () => this.#remove() },
      { name: 'binding removed', begin: () => this.#remove() },
      { name: 'list fault', begin: () => this.#breakList() },
      { name: 'incomplete list', begin: () => this.#leaveOut(this.#chance.pick(bindings.tokens)) },
      { name: 'incomplete list', begin: () => this.#leaveOut(this.#chance.pick(bindings.tokens)) },
    ];
    const count = Math.ceil((INCIDENTS_PER_HOUR * spanMs) / HOUR_MS);
    for (let nth = 0; nth < count; nth += 1) {
      const { name, begin } = this.#chance.pick(kinds);
      const afterMs = this.#chance.between(5 * SECOND_MS, Math.max(10 * SECOND_MS, spanMs - MINUTE_MS));
      world.time.schedule(afterMs, undefined, () => {
        world.countFault(name);
        begin();
      });
    }
    world.time.schedule(spanMs, undefined, () => {
      world.weather.listing = 'fine';
      world.weather.leftOut.clear();
    });
  }

  #add(): void {
    const { bindings } = this.#parts;
    const token = bindings.tokens.find(({ name }) => !bindings.isBound(name));
    if (token === undefined) return;
    // A list is behind at first, now and then.
    if (this.#chance.happens(0.5)) this.#leaveOut(token);
    this.#bind(token);
  }

  #remove(): void {
    const { bindings, store } = this.#parts;
    const token = this.#chance.pick(bindings.tokens);
    if (!bindings.isBound(token.name)) return;
    const secret = { SecretId: token.binding };
    switch (this.#chance.pick(['deleted', 'scheduled', 'untagged'] as const)) {
      case 'deleted':
        store.meddle('DeleteSecret', { ...secret, ForceDeleteWithoutRecovery: true });
        this.#returns.delete(token.name);
        break;
      case 'scheduled':
        store.meddle('DeleteSecret', { ...secret, RecoveryWindowInDays: 7 });
        this.#returns.set(token.name, () => store.meddle('RestoreSecret', secret));
        break;
      case 'untagged':
        store.meddle('UntagResource', { ...secret, TagKeys: [BINDING_TAG.Key] });
        this.#returns.set(token.name, () => store.meddle('TagResource', { ...secret, Tags: [BINDING_TAG] }));
        break;
    }
    bindings.note(token.name, false);
    if (this.#chance.happens(0.6)) this.#later(SECOND_MS, 8 * MINUTE_MS, () => this.#bind(token));
  }

  #breakList(): void {
    const { world } = this.#parts;
    if (world.weather.listing !== 'fine') return;
    const kinds: readonly ListingWeather[] = ['throttle', 'unavailable', 'denied', 'hang'];
    world.weather.listing = this.#chance.pick(kinds);
    world.tell('world', undefined, `lists of secrets: ${world.weather.listing}`);
    this.#later(5 * SECOND_MS, 5 * MINUTE_MS, () => {
      world.weather.listing = 'fine';
      world.tell('world', undefined, 'secrets can be listed again');
    });
  }

  #leaveOut({ name, binding }: DiscoveredToken): void {
    const { world } = this.#parts;
    world.weather.leftOut.add(binding);
    world.tell('world', name, 'lists leave its binding out');
    this.#later(SECOND_MS, 3 * MINUTE_MS, () => {
      world.weather.leftOut.delete(binding);
      world.tell('world', name, 'lists have its binding again');
    });
  }

  #bind({ name, binding }: DiscoveredToken): void {
    const { bindings, store } = this.#parts;
    if (bindings.isBound(name)) return;
    this.#requests += 1;
    const create = (): boolean =>
      store.meddle('CreateSecret', {
        Name: binding,
        SecretString: '{"bindingId":"binding"}',
        ClientRequestToken: `bindings-${String(this.#requests).padStart(32, '0')}`,
        Tags: [BINDING_TAG],
      });
    const comeBack = this.#returns.get(name) ?? create;
    if (comeBack()) bindings.note(name, true);
  }

  /** Not after everything has healed. */
  #later(leastMs: number, mostMs: number, run: () => void): void {
    const { world } = this.#parts;
    const latestMs = Math.max(1, world.scenario.quietFromMs - world.time.nowMs);
    world.time.schedule(Math.min(this.#chance.between(leastMs, mostMs), latestMs), undefined, run);
  }
}
