/** What happens to the world in the course of a run: drawn from the seed. Each method is one kind of incident. */
import type { RefreshEvent } from '../../src/core/events.ts';
import type { Chance } from './chance.ts';
import type { Disturbance } from './disturbances.ts';
import type { Leaders } from './leaders.ts';
import type { CallMoment, Network, Port, Trap } from './network.ts';
import type { Watcher } from './observation.ts';
import type { Pod } from './pod.ts';
import { readRefreshToken } from './promises/check.ts';
import type { SimulatedProviderSettings, SimulatedToken } from './scenario.ts';
import type { SimulatedProviders } from './simulated-provider.ts';
import type { SimulatedStore } from './simulated-store.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { ProviderWeather, StoreWeather } from './weather.ts';
import type { World } from './world.ts';

export interface IncidentParts {
  readonly world: World;
  readonly network: Network;
  readonly pods: readonly Pod[];
  readonly leaders: Leaders;
  readonly providers: SimulatedProviders;
  readonly store: SimulatedStore;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
/** What a human is needed for is tried again this late. */
const NEEDS_HUMAN_MS = 15 * MINUTE_MS;
/** A new credential is noticed within this time by whoever waits for it. */
const NOTICED_MS = 6 * SECOND_MS;
/** An incident that waits for a call of its pod is called off after this. */
const TRAP_MS = 3 * MINUTE_MS;
/**
 * No clock stays wrong for longer. Otherwise the clocks of a run of days would drift apart by hours, and by as much the
 * checks excuse what is late or early: nothing would be looked at any more.
 */
const LONGEST_WRONG_MS = 2 * HOUR_MS;
const PORTS: readonly Port[] = ['provider', 'store', 'store', 'lease', 'volume'];
const MOMENTS: readonly CallMoment[] = ['before-sending', 'before-answer'];
/** A container that is killed in flight again and again: so often, and how long it may take to get that far. */
const KILLED_IN_FLIGHT = 3;
const IN_FLIGHT_MS = HOUR_MS;
const INCIDENTS_PER_HOUR = { usual: 10, customers: 10, versions: 0.3, consents: 12, readers: 8 } as const;

export class Incidents implements Watcher {
  readonly #parts: IncidentParts;
  readonly #chance: Chance;
  /** Credentials that were refused for a while: a process that starts later may still hold back because of that. */
  readonly #rotations: { readonly untilMs: number; readonly disturbances: readonly Disturbance[] }[] = [];
  /** Tokens that a human is about to bind again. */
  readonly #broken = new Set<string>();
  #requests = 0;

  constructor(parts: IncidentParts) {
    this.#parts = parts;
    this.#chance = parts.world.chance.fork('incidents');
  }

  /** Puts all incidents of the run into the queue, and the moment at which everything heals. */
  schedule(): void {
    const { world } = this.#parts;
    const { startMs, quietFromMs, foreignToken, options, tokens } = world.scenario;
    const foreign = tokens.find(({ name }) => name === foreignToken);
    if (foreign !== undefined) this.#occupy(foreign);
    const spanMs = quietFromMs - startMs;
    // A day without restarts shows whether a process counts by itself.
    const isCalm = options.profile === 'versions' && this.#chance.happens(0.4);
    const count = isCalm ? 0 : Math.ceil((INCIDENTS_PER_HOUR[options.profile] * spanMs) / HOUR_MS);
    const kinds =
      options.profile === 'versions'
        ? this.#versionKinds()
        : options.profile === 'consents'
          ? [...this.#usualKinds(), ...this.#consentKinds()]
          : this.#usualKinds();
    for (let nth = 0; nth < count; nth += 1) {
      const { name, begin } = this.#chance.pick(kinds);
      const afterMs = this.#chance.between(5 * SECOND_MS, Math.max(10 * SECOND_MS, spanMs - MINUTE_MS));
      world.time.schedule(afterMs, undefined, () => {
        world.countFault(name);
        begin();
      });
    }
    this.#crashInFlight(spanMs);
    world.time.schedule(spanMs, undefined, () => this.#healAll());
  }

  /** A human answers the alert about a chain that is broken for good. */
  eventSeen(_: VirtualProcess, event: RefreshEvent): void {
    if (event.event !== 'refresh-failed' || event.failure.code !== 'chain-broken') return;
    const { world, providers, store } = this.#parts;
    const token = world.scenario.tokens.find(({ name }) => name === event.identity.token);
    if (token?.stateSecret === undefined || token.provider.fallback !== 'none') return;
    const { stateSecret } = token;
    if (this.#broken.has(token.name)) return;
    this.#broken.add(token.name);
    const disturbance = this.#disturb('the chain is broken for good', token);
    this.#later(MINUTE_MS, 4 * MINUTE_MS, () => {
      if (token.provider.hasSeed) this.#consent(token);
      else {
        const state = world.weather.provider(token.provider.name);
        const refreshToken = readRefreshToken(store.currentText(stateSecret));
        providers.rebind(token.name, refreshToken);
        state.accepted += 1;
        state.visible = state.accepted;
        world.tell('operator', token.name, `binds it again with ${refreshToken ?? 'nothing'}`);
      }
      this.#end([disturbance], 'the chain is broken', NOTICED_MS);
      this.#broken.delete(token.name);
    });
  }

  /** Somebody puts the version before back, and rolls the leader out. */
  restoreBackup(token: SimulatedToken): void {
    this.#goBack(token.secret);
    this.#later(SECOND_MS, 20 * SECOND_MS, () => this.#restart());
  }

  lifeBegan(): void {
    const { nowMs } = this.#parts.world.time;
    for (const { untilMs, disturbances } of this.#rotations)
      if (nowMs < untilMs) for (const each of disturbances) each.toMs = Math.max(each.toMs, untilMs);
  }

  #usualKinds() {
    return [
      { name: 'provider fault', begin: () => this.#breakProvider() },
      { name: 'provider fault', begin: () => this.#breakProvider() },
      { name: 'lifetime change', begin: () => this.#changeLife() },
      { name: 'same token', begin: () => this.#repeatTokens() },
      { name: 'credential rotation', begin: () => this.#rotateCredential() },
      { name: 'store fault', begin: () => this.#breakStore() },
      { name: 'store fault', begin: () => this.#breakStore() },
      { name: 'secret deleted', begin: () => this.#deleteSecret() },
      { name: 'foreign write', begin: () => this.#writeUnderneath() },
      { name: 'lease fault', begin: () => this.#breakLease() },
      { name: 'partition', begin: () => this.#cutOff() },
      { name: 'crash', begin: () => this.#crash() },
      { name: 'crash at a call', begin: () => this.#setTrap((pod) => this.#crash(pod)) },
      { name: 'crash at a call', begin: () => this.#setTrap((pod) => this.#crash(pod)) },
      { name: 'pause', begin: () => this.#pause() },
      { name: 'pause at a call', begin: () => this.#setTrap((pod) => this.#pause(pod)) },
      { name: 'pause at a call', begin: () => this.#setTrap((pod) => this.#pause(pod)) },
      { name: 'rollout', begin: () => this.#restart() },
      { name: 'clock jump', begin: () => this.#jumpClock() },
      { name: 'explicit refresh', begin: () => this.#refreshExplicitly() },
    ];
  }

  #versionKinds() {
    return [
      { name: 'explicit refresh', begin: () => this.#refreshExplicitly() },
      { name: 'crash', begin: () => this.#crash() },
      { name: 'rollout', begin: () => this.#restart() },
    ];
  }

  #consentKinds() {
    return Array.from({ length: 5 }, () => ({ name: 'new consent', begin: () => this.#consentAgain() }));
  }

  /** Not announced, and no excuse: whatever is in flight, the daemon goes on with the new one. */
  #consentAgain(): void {
    const { world, providers } = this.#parts;
    const token = this.#chance.pick(world.scenario.tokens.filter(({ provider }) => provider.hasSeed));
    this.#consent(token);
    if (this.#chance.happens(0.5)) {
      providers.consents.revokeFormer(token.name);
      world.tell('operator', token.name, 'withdraws the consents before');
    }
  }

  #consent(token: SimulatedToken): void {
    const { world, providers } = this.#parts;
    const state = world.weather.provider(token.provider.name);
    state.seed += 1;
    const seed = providers.consents.seedOf(token.name, state.seed);
    world.tell('operator', token.name, `puts ${seed} among the credentials`);
  }

  #breakProvider(): void {
    const provider = this.#anyProvider();
    const state = this.#parts.world.weather.provider(provider.name);
    if (state.weather !== 'fine' || state.slowMs > 0) return;
    const kinds: readonly (ProviderWeather | 'slow')[] = [
      'unavailable',
      'rate-limited',
      'malformed',
      'hang',
      'unreachable',
      'slow',
    ];
    const kind = this.#chance.pick(kinds);
    if (kind === 'slow') state.slowMs = this.#chance.between(2 * SECOND_MS, 15 * SECOND_MS);
    else state.weather = kind;
    state.retryAfterMs = this.#chance.between(1, 120) * SECOND_MS;
    const disturbances = this.#disturbProvider(`provider ${kind}`, provider);
    this.#later(10 * SECOND_MS, 6 * MINUTE_MS, () => {
      state.weather = 'fine';
      state.slowMs = 0;
      this.#end(disturbances, `provider ${kind}`);
    });
  }

  /** Not announced, and no excuse: the daemon has to follow. */
  #changeLife(): void {
    const provider = this.#anyProvider();
    const state = this.#parts.world.weather.provider(provider.name);
    state.lifeMs = Math.round((provider.lifeMs * this.#chance.pick([0.4, 0.5, 1, 1.5, 2])) / 1000) * 1000;
    this.#parts.world.tell(
      'world',
      undefined,
      `${provider.name} hands out ${state.lifeMs / 1000} s from now on`,
    );
  }

  #repeatTokens(): void {
    const provider = this.#anyProvider();
    const state = this.#parts.world.weather.provider(provider.name);
    if (state.isRepeating) return;
    state.isRepeating = true;
    const disturbances = this.#disturbProvider('provider repeats its token', provider);
    this.#later(MINUTE_MS, 20 * MINUTE_MS, () => {
      state.isRepeating = false;
      // A token that was not replaced is asked for again when it expires.
      this.#end(disturbances, 'provider repeats its token', 2 * provider.lifeMs);
    });
  }

  #rotateCredential(): void {
    const { world } = this.#parts;
    const provider = this.#anyProvider();
    const state = world.weather.provider(provider.name);
    if (state.visible !== state.accepted) return;
    state.accepted += 1;
    const disturbances = this.#disturbProvider('credentials are not accepted', provider);
    this.#later(10 * SECOND_MS, 10 * MINUTE_MS, () => {
      state.visible = state.accepted;
      this.#end(disturbances, 'credentials are not accepted', NOTICED_MS);
      this.#rotations.push({ untilMs: world.time.nowMs + NEEDS_HUMAN_MS, disturbances });
    });
    // Whoever begins in the middle of it holds back for longer, see lifeBegan.
    this.#rotations.push({ untilMs: world.time.nowMs + NEEDS_HUMAN_MS, disturbances });
  }

  #breakStore(): void {
    const { weather } = this.#parts.world;
    if (weather.store !== 'fine') return;
    const kinds: readonly StoreWeather[] = ['reset', 'hang', 'throttle', 'unavailable', 'reset', 'denied'];
    const kind = this.#chance.pick(kinds);
    weather.store = kind;
    const disturbance = this.#disturb(`store ${kind}`);
    this.#later(5 * SECOND_MS, 5 * MINUTE_MS, () => {
      weather.store = 'fine';
      this.#end([disturbance], `store ${kind}`, kind === 'denied' ? NEEDS_HUMAN_MS : 0);
    });
  }

  #deleteSecret(): void {
    const token = this.#anyToken();
    const { store } = this.#parts;
    if (this.#chance.happens(0.5)) {
      store.meddle('DeleteSecret', { SecretId: token.secret, ForceDeleteWithoutRecovery: true });
      return;
    }
    if (!store.meddle('DeleteSecret', { SecretId: token.secret, RecoveryWindowInDays: 7 })) return;
    const disturbance = this.#disturb('its secret is marked for deletion', token);
    this.#later(MINUTE_MS, 5 * MINUTE_MS, () => {
      store.meddle('RestoreSecret', { SecretId: token.secret });
      this.#end([disturbance], 'its secret is marked for deletion', NEEDS_HUMAN_MS);
    });
  }

  /** Somebody puts another value into our secret, or goes back to the version before. */
  #writeUnderneath(): void {
    const { store } = this.#parts;
    const { secret } = this.#anyToken();
    const { current, previous } = this.#versionsOf(secret);
    if (current === undefined) return;
    if (previous !== undefined && this.#chance.happens(0.5)) {
      this.#goBack(secret);
      return;
    }
    this.#requests += 1;
    const text = this.#chance.pick(['', '{}', 'not json', '{"schema_version":1}']);
    store.meddle('PutSecretValue', {
      SecretId: secret,
      SecretString: `${text} `,
      ClientRequestToken: `operator-${String(this.#requests).padStart(32, '0')}`,
    });
  }

  #goBack(secret: string): void {
    const { current, previous } = this.#versionsOf(secret);
    if (current === undefined || previous === undefined) return;
    this.#parts.store.meddle('UpdateSecretVersionStage', {
      SecretId: secret,
      VersionStage: 'AWSCURRENT',
      MoveToVersionId: previous.versionId,
      RemoveFromVersionId: current.versionId,
    });
  }

  #versionsOf(secret: string) {
    const versions = this.#parts.store.engine.versions(secret);
    return {
      current: versions.find(({ labels }) => labels.includes('AWSCURRENT')),
      previous: versions.find(({ labels }) => labels.includes('AWSPREVIOUS')),
    };
  }

  #breakLease(): void {
    const { world, leaders } = this.#parts;
    if (world.weather.lease !== 'fine') return;
    world.weather.lease = this.#chance.pick(['hang', 'error', 'reset'] as const);
    world.tell('world', undefined, `the API server: ${world.weather.lease}`);
    leaders.noteChange();
    this.#later(2 * SECOND_MS, 2 * MINUTE_MS, () => {
      world.weather.lease = 'fine';
      world.tell('world', undefined, 'the API server is back');
      leaders.noteChange();
    });
  }

  #cutOff(): void {
    const { world, leaders } = this.#parts;
    const { name } = this.#mostlyLeader();
    world.weather.cutOff.add(name);
    world.tell('world', undefined, `${name} cannot reach the API server`);
    leaders.noteHit(name);
    this.#later(2 * SECOND_MS, 3 * MINUTE_MS, () => {
      world.weather.cutOff.delete(name);
      world.tell('world', undefined, `${name} reaches the API server again`);
      leaders.noteChange();
    });
  }

  #crash(pod: Pod = this.#mostlyLeader()): void {
    if (pod.process === undefined) return;
    this.#parts.leaders.noteHit(pod.name);
    pod.kill();
    if (this.#chance.happens(0.3)) {
      pod.files = new Map();
      this.#parts.world.tell(pod.name, undefined, 'loses its volume');
      this.#parts.world.watch((watcher) => watcher.volumeLost?.(pod.name));
    }
    this.#startLater(pod);
  }

  /**
   * A container that is killed between the provider's handling of a refresh token and its answer, is restarted with the
   * same volume, and is killed there again.
   */
  #crashInFlight(spanMs: number): void {
    const { network, pods, world, leaders } = this.#parts;
    const chance = world.chance.fork('crash in flight');
    const chained = world.scenario.tokens.filter(({ provider }) => provider.hasChain);
    if (chained.length === 0 || !chance.happens(0.5)) return;
    const { name } = chance.pick(chained);
    const pod = chance.pick(pods);
    const wait = (left: number): void => {
      const trap: Trap = {
        pod: pod.name,
        port: 'provider',
        moment: 'before-answer',
        what: `the fetch of ${name}`,
        spring: () => {
          world.countFault('crash in flight, again');
          leaders.noteHit(pod.name);
          pod.kill();
          leaders.noteChange();
          if (left > 1) wait(left - 1);
          const latestMs = Math.max(1, world.scenario.quietFromMs - world.time.nowMs);
          world.time.schedule(Math.min(chance.between(1, 5) * SECOND_MS, latestMs), undefined, () => {
            pod.start();
            leaders.noteChange();
          });
        },
      };
      network.traps.add(trap);
      world.time.schedule(IN_FLIGHT_MS, undefined, () => network.traps.delete(trap));
    };
    world.time.schedule(chance.between(MINUTE_MS, spanMs / 2), undefined, () => {
      if (!world.weather.isQuiet) wait(KILLED_IN_FLIGHT);
    });
  }

  #pause(pod: Pod = this.#mostlyLeader()): void {
    const { process } = pod;
    if (process === undefined || process.isPaused) return;
    const { world, leaders } = this.#parts;
    leaders.noteHit(pod.name);
    process.pause();
    world.tell(process.name, undefined, 'is paused');
    leaders.noteChange();
    const mostMs = this.#chance.pick([4 * SECOND_MS, 15 * SECOND_MS, 90 * SECOND_MS]);
    this.#later(SECOND_MS, mostMs, () => this.#resume(pod));
  }

  #resume(pod: Pod): void {
    const { process } = pod;
    if (process?.isPaused !== true) return;
    const { world, leaders } = this.#parts;
    process.resume(this.#chance.happens(0.5));
    world.tell(process.name, undefined, 'goes on');
    leaders.noteChange();
  }

  #restart(): void {
    const pod = this.#mostlyLeader();
    if (pod.process === undefined || pod.process.isPaused) return;
    this.#parts.leaders.noteHit(pod.name);
    pod.stop();
    this.#startLater(pod);
  }

  #jumpClock(): void {
    const { world, leaders } = this.#parts;
    const pod = this.#mostlyLeader();
    const bySeconds = this.#chance.pick([-7200, -3600, -600, -45, -4, 4, 45, 600, 3600, 7200]);
    leaders.setSkew(pod, pod.clock.skewMs + bySeconds * SECOND_MS);
    world.tell(pod.name, undefined, `its clock jumps by ${bySeconds} s`);
    const setRight = (): void => {
      leaders.setSkew(pod, pod.clock.skewMs - bySeconds * SECOND_MS);
      world.tell(pod.name, undefined, 'its clock is set right');
    };
    if (!this.#chance.happens(0.3)) this.#later(10 * SECOND_MS, 10 * MINUTE_MS, setRight);
    else if (world.time.nowMs + LONGEST_WRONG_MS < world.scenario.quietFromMs)
      world.time.schedule(LONGEST_WRONG_MS, undefined, setRight);
  }

  #refreshExplicitly(): void {
    const { pods } = this.#parts;
    const pod = this.#chance.pick(pods);
    const { name, binding } = this.#anyToken();
    // A command that has to look for customers first is the end-to-end suite's.
    if (binding === undefined) pod.refreshExplicitly(name);
  }

  /** Something happens to a process at its next call of a port, at a step of that call. */
  #setTrap(spring: (pod: Pod) => void): void {
    const { network, world } = this.#parts;
    const pod = this.#mostlyLeader();
    const trap = {
      pod: pod.name,
      port: this.#chance.pick(PORTS),
      moment: this.#chance.pick(MOMENTS),
      spring: () => spring(pod),
    };
    network.traps.add(trap);
    world.time.schedule(TRAP_MS, undefined, () => network.traps.delete(trap));
  }

  /** Somebody else's secret under a name that is ours by configuration. */
  #occupy(token: SimulatedToken): void {
    this.#parts.store.meddle('CreateSecret', {
      Name: token.secret,
      SecretString: 'somebody else',
      ClientRequestToken: 'operator-'.padEnd(36, '0'),
    });
  }

  #healAll(): void {
    const { world, pods, network, leaders } = this.#parts;
    const { weather } = world;
    world.tell('world', undefined, 'everything heals');
    weather.isQuiet = true;
    weather.store = 'fine';
    weather.lease = 'fine';
    weather.cutOff.clear();
    network.traps.clear();
    for (const state of weather.providers.values()) {
      state.weather = 'fine';
      state.slowMs = 0;
      state.isRepeating = false;
      state.visible = state.accepted;
    }
    for (const [index, pod] of pods.entries()) {
      leaders.setSkew(pod, world.scenario.pods[index]?.skewMs ?? 0);
      this.#resume(pod);
      pod.start();
    }
    leaders.noteChange();
  }

  #startLater(pod: Pod): void {
    const { leaders } = this.#parts;
    leaders.noteChange();
    this.#later(SECOND_MS, 90 * SECOND_MS, () => {
      pod.start();
      leaders.noteChange();
    });
  }

  #anyProvider(): SimulatedProviderSettings {
    return this.#chance.pick(this.#parts.world.scenario.providers);
  }

  #anyToken(): SimulatedToken {
    return this.#chance.pick(this.#parts.world.scenario.tokens);
  }

  #mostlyLeader(): Pod {
    const { pods, leaders } = this.#parts;
    const leader = pods.find(({ name }) => name === leaders.podName());
    return leader !== undefined && this.#chance.happens(0.7) ? leader : this.#chance.pick(pods);
  }

  /** Not after everything has healed. */
  #later(leastMs: number, mostMs: number, run: () => void): void {
    const { world } = this.#parts;
    const latestMs = Math.max(1, world.scenario.quietFromMs - world.time.nowMs);
    world.time.schedule(Math.min(this.#chance.between(leastMs, mostMs), latestMs), undefined, run);
  }

  #disturb(why: string, token?: SimulatedToken): Disturbance {
    const { world } = this.#parts;
    world.tell('world', token?.name, `${why}, from now on`);
    return world.disturbances.add({
      fromMs: world.time.nowMs,
      toMs: Number.POSITIVE_INFINITY,
      token: token?.name,
      why,
    });
  }

  #disturbProvider(why: string, provider: SimulatedProviderSettings): readonly Disturbance[] {
    const { tokens } = this.#parts.world.scenario;
    return tokens.filter((token) => token.provider === provider).map((token) => this.#disturb(why, token));
  }

  #end(disturbances: readonly Disturbance[], why: string, tailMs = 0): void {
    const { world } = this.#parts;
    world.tell('world', undefined, `no longer: ${why}`);
    for (const each of disturbances) each.toMs = world.time.nowMs + tailMs;
  }
}
