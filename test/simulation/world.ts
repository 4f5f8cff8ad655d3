import type { RefreshEvent } from '../../src/core/events.ts';
import type { Chance } from './chance.ts';
import { Disturbances } from './disturbances.ts';
import type { Watcher } from './observation.ts';
import type { Scenario } from './scenario.ts';
import { Timeline } from './timeline.ts';
import type { VirtualProcess } from './virtual-process.ts';
import { VirtualTime } from './virtual-time.ts';
import { Weather } from './weather.ts';

/** A promise that was broken. */
export interface Breach {
  /** `4 chains`: number and name of the promise. */
  readonly promise: string;
  readonly atMs: number;
  readonly token: string | undefined;
  readonly what: string;
}

/** How often the checks look around without an occasion. */
const LOOK_EVERY_MS = 30_000;

/** What all parts of one simulation share. */
export class World {
  readonly time: VirtualTime;
  readonly timeline: Timeline;
  readonly disturbances = new Disturbances();
  readonly weather: Weather;
  readonly chance: Chance;
  readonly scenario: Scenario;
  readonly watchers: Watcher[] = [];
  /** How often each fault has struck, by its name. */
  readonly faults = new Map<string, number>();
  breach: Breach | undefined;

  constructor(scenario: Scenario, chance: Chance) {
    this.scenario = scenario;
    this.chance = chance;
    this.time = new VirtualTime(scenario.startMs);
    this.timeline = new Timeline(scenario.startMs);
    this.weather = new Weather(scenario);
    this.#lookAgain();
  }

  tell(who: string, token: string | undefined, text: string): void {
    this.timeline.add({ atMs: this.time.nowMs, who, token, text });
  }

  countFault(name: string): void {
    this.faults.set(name, (this.faults.get(name) ?? 0) + 1);
  }

  /** The first breach ends the simulation. */
  breaks(promise: string, token: string | undefined, what: string): void {
    if (this.breach !== undefined) return;
    this.breach = { promise, atMs: this.time.nowMs, token, what };
    this.tell('OBSERVER', token, `promise "${promise}" broken: ${what}`);
  }

  watch(tell: (watcher: Watcher) => void): void {
    for (const watcher of this.watchers) tell(watcher);
  }

  noteEvent(process: VirtualProcess, event: RefreshEvent): void {
    if (process.isDead) return;
    const { token, text } = describeEvent(event);
    this.tell(process.name, token, text);
    this.watch((watcher) => watcher.eventSeen?.(process, event));
  }

  #lookAgain(): void {
    this.time.schedule(LOOK_EVERY_MS, undefined, () => {
      this.watch((watcher) => watcher.look?.());
      this.#lookAgain();
    });
  }
}

/** An event in one line: its name and the fields that tell something. */
function describeEvent(event: RefreshEvent): { readonly token: string | undefined; readonly text: string } {
  const token = 'identity' in event ? event.identity.token : undefined;
  const failure = 'failure' in event && event.failure !== undefined ? event.failure : undefined;
  const reason = 'reason' in event ? ` (${event.reason})` : '';
  const target = 'target' in event ? ` ${event.target}` : '';
  const generation = 'generation' in event ? ` generation ${event.generation}` : '';
  const said = failure === undefined ? '' : ` ${failure.code}: ${failure.message}`;
  const problem = 'problem' in event ? ` ${event.problem}` : '';
  return { token, text: `${event.event}${reason}${target}${generation}${said}${problem}` };
}
