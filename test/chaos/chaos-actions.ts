import { setTimeout as sleep } from 'node:timers/promises';
import type { ChaosAction } from './chaos-plan.ts';
import { LEASE, SLACK_MS, TAKE_OVER_MS } from './chaos-timing.ts';
import type { ChaosWorld } from './chaos-world.ts';
import type { Disturbance } from './disturbance.ts';
import type { MirrorFaultName, ProviderFaultName, StoreFaultName } from './fault-switch.ts';
import type { Replica } from './replica.ts';
import { operationOf } from './store-call.ts';
import type { LeaderLoss } from './take-over.ts';

/** What in-flight refreshes may take before a leader that is asked to end hands over: one late answer each. */
const DRAIN_MS = 4500;
const LEADER_WAIT_MS = 15_000;
const AIM_MS = 4000;

/** Does what the plan says, and notes what that may keep from being refreshed. */
export class ChaosActions {
  readonly losses: LeaderLoss[] = [];
  readonly #world: ChaosWorld;
  readonly #signal: AbortSignal;
  readonly #tell: (line: string) => void;

  constructor(world: ChaosWorld, signal: AbortSignal, tell: (line: string) => void) {
    this.#world = world;
    this.#signal = signal;
    this.#tell = tell;
  }

  /** Resolves when the action and what it needs to be over are over. */
  async run(action: ChaosAction): Promise<void> {
    const { kind, durationMs, provider } = action;
    const { faults, leaseServer } = this.#world;
    switch (kind) {
      case 'kill-leader':
        return this.#killLeader(action);
      case 'kill-stand-by':
        return this.#killStandBy(action);
      case 'stop-leader':
      case 'stop-leader-briefly':
        return this.#stopLeader(action);
      case 'roll-leader':
        return this.#roll(action, await this.#untilLeader());
      case 'roll-all':
        for (const replica of this.#world.replicas) await this.#roll(action, replica);
        return;
      case 'api-hang':
      case 'api-hang-briefly':
        return this.#failApi(action, () => leaseServer.setFaults([{ kind: 'hang' }]));
      case 'api-500':
        return this.#failApi(action, () => leaseServer.setFaults([{ kind: 'status', status: 500 }]));
      case 'api-reset':
        return this.#failApi(action, () => leaseServer.setFaults([{ kind: 'reset' }]));
      case 'store-outage':
      case 'store-throttle':
      case 'store-lost-answer':
      case 'store-late':
      case 'long-store-outage':
        this.#tell(`${kind} for ${durationMs} ms`);
        return this.#during({ source: 'store' }, durationMs, {
          begin: () => faults.setStore(STORE_FAULTS[kind]),
          end: () => faults.setStore(undefined),
        });
      case 'provider-503':
      case 'provider-lost-answer':
      case 'provider-late':
      case 'long-provider-outage':
        this.#tell(`${kind} at ${provider} for ${durationMs} ms`);
        return this.#during({ source: 'providers', provider }, durationMs, {
          begin: () => faults.setProvider(provider, PROVIDER_FAULTS[kind]),
          end: () => faults.setProvider(provider, undefined),
        });
      case 'mirror-outage':
      case 'mirror-503':
      case 'mirror-lost-answer':
      case 'mirror-late':
        return this.#failMirror(kind, durationMs);
    }
  }

  async #killLeader({ kind, durationMs, aim }: ChaosAction): Promise<void> {
    const leader = await this.#untilLeader();
    if (leader === undefined) return this.#skip(kind);
    const release = await this.#takeAim(aim, leader);
    this.#tell(`${kind}${describeAim(aim)}: ${leader.process}, back after ${durationMs} ms`);
    this.#lose('kill', leader, TAKE_OVER_MS + SLACK_MS);
    await leader.kill();
    // What it had sent arrives when another one leads.
    void this.#wait(TAKE_OVER_MS + SLACK_MS).then(release);
    await this.#startAfter(durationMs, leader);
  }

  async #killStandBy({ kind, durationMs, draw }: ChaosAction): Promise<void> {
    const leader = await this.#untilLeader();
    const standBys = this.#world.replicas.filter((each) => each !== leader && each.isRunning);
    const replica = standBys[Math.floor(draw * standBys.length)];
    if (replica === undefined) return this.#skip(kind);
    this.#tell(`${kind}: ${replica.process}, back after ${durationMs} ms`);
    await replica.kill();
    await this.#startAfter(durationMs, replica);
  }

  async #stopLeader({ kind, durationMs, aim }: ChaosAction): Promise<void> {
    const leader = await this.#untilLeader();
    if (leader === undefined) return this.#skip(kind);
    const release = await this.#takeAim(aim, leader);
    this.#tell(`${kind}${describeAim(aim)}: ${leader.process} for ${durationMs} ms`);
    if (kind === 'stop-leader') this.#lose('stop', leader, TAKE_OVER_MS + SLACK_MS);
    else this.#disturb({ source: 'processes' }, TAKE_OVER_MS + SLACK_MS);
    leader.stop();
    await this.#wait(durationMs);
    release();
    leader.continue();
    this.#tell(`  ${leader.process} goes on`);
  }

  /**
   * Waits a while for the leader to call a provider or to write to the store, and holds that request.
   * @returns what lets it go
   */
  async #takeAim(aim: ChaosAction['aim'], { process }: Replica): Promise<() => void> {
    if (aim === 'now') return () => undefined;
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const { faults } = this.#world;
    faults.setHold((request, target) => {
      const isMeant = aim === 'fetch' ? target === 'provider' : operationOf(request) === AIMED_AT[aim];
      if (!isMeant || request.sender !== process) return undefined;
      faults.setHold(undefined);
      reached.resolve();
      return released.promise;
    });
    await Promise.race([reached.promise, this.#wait(AIM_MS)]);
    faults.setHold(undefined);
    return released.resolve;
  }

  async #roll({ kind, durationMs }: ChaosAction, replica: Replica | undefined): Promise<void> {
    if (replica?.isRunning !== true) return this.#skip(kind);
    const isLeader = replica === this.#world.findLeader();
    this.#tell(`${kind}: SIGTERM to ${replica.process}${isLeader ? ', the leader' : ''}`);
    if (isLeader) this.#lose('hand-over', replica, LEASE.retryPeriodMs + DRAIN_MS + SLACK_MS);
    await replica.askToEnd();
    await this.#startAfter(durationMs, replica);
  }

  async #failApi({ kind, durationMs }: ChaosAction, begin: () => void): Promise<void> {
    this.#tell(`${kind} for ${durationMs} ms`);
    const { leaseServer } = this.#world;
    // Whoever takes over afterwards has to see the record stand still for a lease duration.
    await this.#during({ source: 'API server', echoMs: TAKE_OVER_MS + SLACK_MS }, durationMs, {
      begin,
      end: () => leaseServer.setFaults([]),
    });
  }

  /** Which excuses nothing but copies that are late. */
  async #failMirror(kind: keyof typeof MIRROR_FAULTS, durationMs: number): Promise<void> {
    this.#tell(`${kind} for ${durationMs} ms`);
    const { faults, observed } = this.#world;
    const fromMs = Date.now();
    const index = observed.mirrorFaults.push({ fromMs, toMs: Number.POSITIVE_INFINITY }) - 1;
    faults.setMirror(MIRROR_FAULTS[kind]);
    await this.#wait(durationMs);
    faults.setMirror(undefined);
    observed.mirrorFaults[index] = { fromMs, toMs: Date.now() };
  }

  async #during(
    what: Omit<Disturbance, 'fromMs' | 'toMs'>,
    durationMs: number,
    { begin, end }: { readonly begin: () => void; readonly end: () => void },
  ): Promise<void> {
    const fromMs = Date.now();
    const { disturbances } = this.#world.observed;
    const index = disturbances.push({ ...what, fromMs, toMs: Number.POSITIVE_INFINITY }) - 1;
    begin();
    await this.#wait(durationMs);
    end();
    disturbances[index] = { ...what, fromMs, toMs: Date.now() };
  }

  /** Notes that the leader is gone; one that had already been followed by another is no loss. */
  #lose(kind: LeaderLoss['kind'], leader: Replica, forMs: number): void {
    const { process } = leader;
    if (this.#world.findLeader() === leader) this.losses.push({ kind, process, atMs: Date.now() });
    this.#disturb({ source: 'processes' }, forMs);
  }

  #disturb(what: Pick<Disturbance, 'source'>, forMs: number): void {
    const fromMs = Date.now();
    this.#world.observed.disturbances.push({ ...what, fromMs, toMs: fromMs + forMs });
  }

  async #startAfter(delayMs: number, replica: Replica): Promise<void> {
    await this.#wait(delayMs);
    if (this.#signal.aborted) return;
    replica.start();
    this.#tell(`  ${replica.process} starts`);
    await replica.untilStarted();
  }

  async #untilLeader(): Promise<Replica | undefined> {
    const giveUpAtMs = Date.now() + LEADER_WAIT_MS;
    for (;;) {
      const leader = this.#world.findLeader();
      if (leader !== undefined || this.#signal.aborted || Date.now() > giveUpAtMs) return leader;
      await this.#wait(50);
    }
  }

  #skip(kind: string): void {
    this.#tell(`${kind}: nobody to do it to`);
  }

  async #wait(delayMs: number): Promise<void> {
    await sleep(delayMs, undefined, { signal: this.#signal }).catch(() => undefined);
  }
}

const AIMED_AT = { put: 'PutSecretValue', move: 'UpdateSecretVersionStage' } as const;

function describeAim(aim: ChaosAction['aim']): string {
  return aim === 'now' ? '' : ` during a ${aim}`;
}

const STORE_FAULTS = {
  'store-outage': 'outage',
  'long-store-outage': 'outage',
  'store-throttle': 'throttle',
  'store-lost-answer': 'lost-answer',
  'store-late': 'late',
} as const satisfies Readonly<Record<string, StoreFaultName>>;

const PROVIDER_FAULTS = {
  'provider-503': '503',
  'long-provider-outage': '503',
  'provider-lost-answer': 'lost-answer',
  'provider-late': 'late',
} as const satisfies Readonly<Record<string, ProviderFaultName>>;

const MIRROR_FAULTS = {
  'mirror-outage': 'outage',
  'mirror-503': '503',
  'mirror-lost-answer': 'lost-answer',
  'mirror-late': 'late',
} as const satisfies Readonly<Record<string, MirrorFaultName>>;
