import type { RefreshEvent, RefreshEventName } from '../../src/core/events.ts';
import type { RefreshEvents } from '../../src/core/ports.ts';

type EventOf<Name extends RefreshEventName> = Extract<RefreshEvent, { readonly event: Name }>;

/** Keeps every event, in order. */
export class RecordedEvents {
  readonly all: RefreshEvent[] = [];
  readonly #actions: { readonly name: RefreshEventName; readonly act: () => void }[] = [];

  readonly #listeners: RefreshEvents[] = [];

  /** The port to hand to the code under test. */
  readonly record = (event: RefreshEvent): void => {
    this.all.push(event);
    for (const listener of this.#listeners) listener(event);
    const next = this.#actions.findIndex(({ name }) => name === event.event);
    if (next !== -1) this.#actions.splice(next, 1)[0]?.act();
  };

  /** Does something at the very moment of the next event of that name. */
  onNext(name: RefreshEventName, act: () => void): void {
    this.#actions.push({ name, act });
  }

  /** Hands every later event on, at its moment. */
  listen(listener: RefreshEvents): void {
    this.#listeners.push(listener);
  }

  get names(): readonly RefreshEventName[] {
    return this.all.map(({ event }) => event);
  }

  of<Name extends RefreshEventName>(name: Name): readonly EventOf<Name>[] {
    return this.all.filter((event): event is EventOf<Name> => event.event === name);
  }

  /** The last event of that name. @throws when there was none */
  last<Name extends RefreshEventName>(name: Name): EventOf<Name> {
    const found = this.of(name).at(-1);
    if (found === undefined) throw new Error(`no event ${name} among: ${this.names.join(', ')}`);
    return found;
  }
}
