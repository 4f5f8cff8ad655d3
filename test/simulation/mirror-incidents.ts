/** What happens to the mirror alone. None of it excuses a refresh that is late. */
import type { JsonObject } from '../../src/core/wire/json.ts';
import { objectAt, textAt, withValue } from '../../src/sandbox/kubernetes/json-tree.ts';
import type { Chance } from './chance.ts';
import type { Incidents } from './incidents.ts';
import type { CopyChange, Watcher } from './observation.ts';
import { readDocument } from './promises/check.ts';
import type { SimulatedToken } from './scenario.ts';
import type { SimulatedMirror } from './simulated-mirror.ts';
import type { MirrorWeather } from './weather.ts';
import type { World } from './world.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const INCIDENTS_PER_HOUR = 9;
/** What a human is needed for is tried again this late. */
const NEEDS_HUMAN_MS = 15 * MINUTE_MS;
const OWNER_LABEL = 'app.kubernetes.io/managed-by';
const STRANGER = 'somebody-else';

export class MirrorIncidents implements Watcher {
  readonly #world: World;
  readonly #mirror: SimulatedMirror;
  readonly #incidents: Pick<Incidents, 'restoreBackup'>;
  readonly #chance: Chance;
  /** Former states of each copy. */
  readonly #backups = new Map<string, JsonObject[]>();

  constructor(world: World, mirror: SimulatedMirror, incidents: Pick<Incidents, 'restoreBackup'>) {
    this.#world = world;
    this.#mirror = mirror;
    this.#incidents = incidents;
    this.#chance = world.chance.fork('mirror incidents');
    world.watchers.push(this);
  }

  schedule(): void {
    const { startMs, quietFromMs } = this.#world.scenario;
    const spanMs = quietFromMs - startMs;
    const kinds = [
      { name: 'mirror fault', begin: () => this.#break() },
      { name: 'mirror fault', begin: () => this.#break() },
      { name: 'mirror fault', begin: () => this.#break() },
      { name: 'copy deleted', begin: () => this.#delete() },
      { name: 'copy edited', begin: () => this.#edit() },
      { name: 'copy restored', begin: () => this.#restore() },
      { name: 'copy disowned', begin: () => this.#disown() },
    ];
    const count = Math.ceil((INCIDENTS_PER_HOUR * spanMs) / HOUR_MS);
    for (let nth = 0; nth < count; nth += 1) {
      const { name, begin } = this.#chance.pick(kinds);
      this.#world.time.schedule(this.#chance.between(0, spanMs - MINUTE_MS), undefined, () => {
        this.#world.countFault(name);
        begin();
      });
    }
  }

  copyChanged({ token, formerText, process }: CopyChange): void {
    const found = this.#world.scenario.tokens.find(({ name }) => name === token);
    const secret = found && this.#mirror.find(found.copy);
    if (secret === undefined || process === undefined) return;
    this.#backups.set(token, [...(this.#backups.get(token) ?? []), secret].slice(-5));
    this.#goBack(found, formerText);
  }

  /** The authority goes back to a token that is good for a while, and the copy is the newer one. */
  #goBack(token: SimulatedToken | undefined, formerText: string | undefined): void {
    const { time, weather } = this.#world;
    const goodForMs = (readDocument(formerText)?.expiresAtMs ?? 0) - time.nowMs;
    if (token === undefined || weather.isQuiet || goodForMs < 2 * MINUTE_MS) return;
    if (!this.#chance.happens(0.25)) return;
    this.#later(SECOND_MS, 30 * SECOND_MS, () => {
      this.#world.countFault('authority restored');
      this.#incidents.restoreBackup(token);
    });
  }

  #break(): void {
    const { weather } = this.#world;
    if (weather.mirror !== 'fine') return;
    const kinds: readonly MirrorWeather[] = [
      'reset',
      'hang',
      'throttle',
      'unavailable',
      'conflicts',
      'slow',
      'denied',
    ];
    const kind = this.#chance.pick(kinds);
    weather.mirror = kind;
    const disturbance = this.#mirror.disturb(`mirror ${kind}`);
    this.#later(10 * SECOND_MS, 10 * MINUTE_MS, () => {
      weather.mirror = 'fine';
      this.#mirror.end(disturbance, kind === 'denied' ? NEEDS_HUMAN_MS : 0);
    });
  }

  #delete(): void {
    const token = this.#anyToken();
    this.#mirror.meddle(token, 'deletes', undefined);
  }

  #edit(): void {
    const token = this.#anyToken();
    const secret = this.#mirror.find(token.copy);
    if (secret === undefined) return;
    const text = this.#chance.pick(['', '{}', 'not json', '{"schema_version":1}']);
    const data = { ...objectAt(secret, 'data'), 'token.json': Buffer.from(text).toString('base64') };
    this.#mirror.meddle(token, 'edits', withValue(secret, ['data'], data));
  }

  /** An old backup is put back, with everything that was there then. */
  #restore(): void {
    const token = this.#anyToken();
    const backups = this.#backups.get(token.name) ?? [];
    if (backups.length === 0) return;
    this.#mirror.meddle(token, 'restores an old', this.#chance.pick(backups));
  }

  /** Somebody takes our label away, and puts it back. */
  #disown(): void {
    const token = this.#anyToken();
    const secret = this.#mirror.find(token.copy);
    const owner = textAt(secret, 'metadata', 'labels', OWNER_LABEL);
    if (secret === undefined || owner === '' || owner === STRANGER) return;
    const label = (value: string): void => {
      const present = this.#mirror.find(token.copy);
      if (present === undefined) return;
      const labels = { ...objectAt(present, 'metadata', 'labels'), [OWNER_LABEL]: value };
      this.#mirror.meddle(token, `labels as of ${value}`, withValue(present, ['metadata', 'labels'], labels));
    };
    const disturbance = this.#mirror.disturb('the copy is not ours', token);
    label(STRANGER);
    this.#later(MINUTE_MS, 5 * MINUTE_MS, () => {
      label(owner);
      this.#mirror.end(disturbance, NEEDS_HUMAN_MS);
    });
  }

  #anyToken(): SimulatedToken {
    return this.#chance.pick(this.#world.scenario.tokens);
  }

  /** Not after everything has healed. */
  #later(leastMs: number, mostMs: number, run: () => void): void {
    const { time, scenario } = this.#world;
    const latestMs = Math.max(1, scenario.quietFromMs - time.nowMs);
    time.schedule(Math.min(this.#chance.between(leastMs, mostMs), latestMs), undefined, run);
  }
}
