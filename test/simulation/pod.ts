/** A replica's place: its machine's clock, its volume, and the processes that live there one after the other. */

import { DirectoryCounts } from '../../src/adapters/journal/directory-counts.ts';
import { DirectoryJournal } from '../../src/adapters/journal/directory-journal.ts';
import { DirectoryWaits } from '../../src/adapters/journal/directory-waits.ts';
import { LeaseElector } from '../../src/adapters/kubernetes/lease-elector.ts';
import { createBindingCatalog } from '../../src/adapters/secrets-manager/binding-catalog.ts';
import { SecretsManagerStore } from '../../src/adapters/secrets-manager/secrets-manager-store.ts';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createCronTicker } from '../../src/adapters/system/cron-ticker.ts';
import { createSoleLeader } from '../../src/adapters/system/sole-leader.ts';
import { Notifier } from '../../src/alerts/notifier.ts';
import { TokenBoard } from '../../src/board/token-board.ts';
import { placeOf } from '../../src/config/token-configuration.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import type { Coordinator, RefreshEvents, TokenStore } from '../../src/core/ports.ts';
import type { RejectionAnswer, RejectionReport } from '../../src/core/rejection/rejection-reports.ts';
import type { OutsideSystems } from '../../src/replica/assembly.ts';
import { assemble } from '../../src/replica/assembly.ts';
import { Replica } from '../../src/replica/replica.ts';
import { LEASE_NAME } from '../support/lease-api.ts';
import { termUntil } from '../support/term.ts';
import type { Network } from './network.ts';
import { AUTHORITY, MIRROR } from './scenario.ts';
import type { SimulatedLease } from './simulated-lease.ts';
import type { SimulatedMirror } from './simulated-mirror.ts';
import type { SimulatedProviders } from './simulated-provider.ts';
import type { SimulatedReceiver } from './simulated-receiver.ts';
import { SimulatedSource } from './simulated-source.ts';
import type { SimulatedStore } from './simulated-store.ts';
import { SimulatedVolume, type VolumeFiles } from './simulated-volume.ts';
import { VirtualProcess } from './virtual-process.ts';
import type { World } from './world.ts';

export interface PodParts {
  readonly world: World;
  readonly network: Network;
  readonly store: SimulatedStore;
  readonly mirror: SimulatedMirror | undefined;
  readonly providers: SimulatedProviders;
  readonly lease: SimulatedLease;
  readonly receiver: SimulatedReceiver;
  readonly name: string;
  /** From 1 on. */
  readonly order: number;
  readonly clock: { skewMs: number };
  /** False: what is not saved is in memory alone. */
  readonly hasJournal: boolean;
}

interface Life {
  readonly process: VirtualProcess;
  /** `undefined` until the process has got that far. */
  replica: Replica | undefined;
  notifier: Notifier | undefined;
}

/** What a script tries before it gives up. */
const COMMAND_ATTEMPTS = 3;
/** Promise 9: SIGTERM to exit. */
const STOP_LIMIT_MS = 10_000;
const silent = (): void => {};

export class Pod {
  readonly name: string;
  readonly clock: { skewMs: number };
  /** Unless the pod is lost, a new process finds what the former one has written. */
  files: VolumeFiles = new Map();
  readonly #parts: PodParts;
  #life: Life | undefined;
  #lives = 0;

  constructor(parts: PodParts) {
    this.#parts = parts;
    this.name = parts.name;
    this.clock = parts.clock;
  }

  /** The running process; `undefined` while there is none. */
  get process(): VirtualProcess | undefined {
    return this.#life?.process;
  }

  start(): void {
    if (this.#life !== undefined) return;
    const { world } = this.#parts;
    const process = this.#createProcess(this.name);
    const life: Life = { process, replica: undefined, notifier: undefined };
    this.#life = life;
    world.tell(process.name, undefined, 'starts');
    world.watch((watcher) => watcher.lifeBegan?.(process));
    world.time.schedule(1, process, () => {
      const board = new TokenBoard(createSystemClock());
      for (const { name, kind } of world.scenario.configuration.providers)
        board.registerProvider(name, kind.kind);
      const notifier = this.#createNotifier(process, board);
      const onEvent = (event: RefreshEvent): void => {
        board.onEvent(event);
        notifier.onEvent(event);
      };
      const ports = this.#createPorts(process, onEvent);
      const replica = new Replica(world.scenario.configuration, {
        ...ports,
        connections: this.#connect(process, false, onEvent),
        coordinator: this.#createCoordinator(process, onEvent),
        ticker: createCronTicker({ info: silent, warn: silent, error: silent, debug: silent }),
        onFault: (error) => this.#noteFault(process, error),
      });
      life.replica = replica;
      life.notifier = notifier;
      notifier.start();
      replica.start().catch((error: unknown) => this.#noteFault(process, error));
    });
  }

  /** SIGKILL, or a node that dies. */
  kill(): void {
    const process = this.#life?.process;
    if (process === undefined) return;
    this.#life = undefined;
    process.kill();
    this.#parts.world.tell(process.name, undefined, 'is killed');
    this.#parts.world.watch((watcher) => watcher.lifeEnded?.(process, 'killed'));
  }

  /** SIGTERM. */
  stop(): void {
    const life = this.#life;
    if (life === undefined) return;
    const { world } = this.#parts;
    const { process } = life;
    const startedMs = world.time.nowMs;
    process.isStopping = true;
    world.tell(process.name, undefined, 'is asked to stop');
    world.time.schedule(0, process, () => {
      const stopped = Promise.all([life.replica?.stop(), life.notifier?.stop()]);
      stopped.then(
        () => {
          if (process.isDead) return;
          const tookMs = world.time.nowMs - Math.max(startedMs, process.resumedAtMs);
          if (tookMs > STOP_LIMIT_MS)
            world.breaks('9 quick to stop', undefined, `${process.name} took ${tookMs} ms to stop`);
          this.#life = undefined;
          process.kill();
          world.tell(process.name, undefined, 'has stopped');
          world.watch((watcher) => watcher.lifeEnded?.(process, 'stopped'));
        },
        (error: unknown) => this.#noteFault(process, error),
      );
    });
  }

  /** A reader's report arrives. `undefined`: nobody listens. To be called as the process. */
  report(report: RejectionReport): RejectionAnswer | undefined {
    return this.#life?.replica?.rejections.report(report);
  }

  /** The same reader waits for what comes of it, as with `?wait=`. */
  settle(report: RejectionReport, signal: AbortSignal): void {
    const { process, replica } = this.#life ?? {};
    if (process === undefined || replica === undefined) return;
    replica.rejections.settle(report, signal).catch((error: unknown) => this.#noteFault(process, error));
  }

  /** Somebody runs `token-refresher refresh TOKEN` on this machine. */
  refreshExplicitly(token: string): void {
    const { world } = this.#parts;
    const process = this.#createProcess(`${this.name}-command`);
    world.tell(process.name, token, 'is a refresh command');
    world.time.schedule(1, process, () => {
      const providers = assemble(
        world.scenario.configuration,
        this.#createPorts(process),
        this.#connect(process, true, silent),
      );
      const { managed } =
        providers.flatMap(({ tokens }) => tokens).find((each) => each.managed.identity.token === token) ?? {};
      const never = new AbortController().signal;
      managed
        ?.refresh('explicit', termUntil(never), COMMAND_ATTEMPTS)
        .catch((error: unknown) => this.#noteFault(process, error))
        .finally(() => process.kill());
    });
  }

  #createProcess(name: string): VirtualProcess {
    const { world, order, clock } = this.#parts;
    this.#lives += 1;
    return new VirtualProcess({ name: `${name}.${this.#lives}`, time: world.time, order, clock });
  }

  /** @param listen receives every event too */
  #createPorts(process: VirtualProcess, listen: RefreshEvents = silent) {
    const { world } = this.#parts;
    return {
      clock: createSystemClock(),
      random: world.chance.fork(`random ${process.name}`).random,
      events: (event: RefreshEvent): void => {
        world.noteEvent(process, event);
        listen(event);
      },
    };
  }

  /** As `createAlerting` puts it together, with chance of its own. */
  #createNotifier(process: VirtualProcess, board: TokenBoard): Notifier {
    const { world, receiver } = this.#parts;
    const { alerts, providers } = world.scenario.configuration;
    const { clock, events } = this.#createPorts(process);
    return new Notifier({
      board,
      targets: [{ sink: receiver.connect(process, clock), leastSeverity: 'warning' }],
      texts: {
        source: alerts.name,
        runbookUrl: alerts.runbookUrl,
        ownUrl: 'http://localhost:8080',
        ownUrlHint: undefined,
      },
      remindEveryMs: alerts.remindEveryMs,
      providers: providers.map(({ name }) => name),
      mirrors: world.scenario.hasMirror ? [MIRROR] : [],
      clock,
      random: world.chance.fork(`alerts ${process.name}`).random,
      events,
      onFault: (error) => this.#noteFault(process, error),
    });
  }

  #createCoordinator(process: VirtualProcess, listen: RefreshEvents): Coordinator {
    const { world, lease, name } = this.#parts;
    if (world.scenario.pods.length === 1) return createSoleLeader();
    const ports = this.#createPorts(process, listen);
    return new LeaseElector({
      ...ports,
      client: lease.connect(process, name, ports.clock),
      identity: process.name,
      leaseName: LEASE_NAME,
      installation: 'simulated',
      timing: world.scenario.leaseTiming,
    });
  }

  #connect(process: VirtualProcess, isExplicit: boolean, listen: RefreshEvents): OutsideSystems {
    const { world, network, store, mirror, providers, hasJournal } = this.#parts;
    const { configuration, tokens } = world.scenario;
    const { clock, events } = this.#createPorts(process, listen);
    const directory = new SimulatedVolume(this.files, network, process);
    const report = (problem: string): void => events({ event: 'journal-failed', problem });
    const volume = { directory, clock, report };
    const service = store.connect(process);
    const place = placeOf(configuration.places, AUTHORITY);
    const tokenStore = new SecretsManagerStore({
      service,
      clock,
      timeoutMs: place.timeoutMs,
      section: `stores.${AUTHORITY}`,
      createSecrets: place.createSecrets,
      kmsKeyId: undefined,
      tags: {},
      adopt: new Set(),
      onBatchDenied: silent,
    });
    return {
      stores: new Map<string, TokenStore>([
        [place.name, tokenStore],
        ...(mirror === undefined ? [] : [[MIRROR, mirror.connect(process, clock)] as const]),
      ]),
      credentials: tokenStore,
      journal: hasJournal ? new DirectoryJournal(volume) : undefined,
      waits: hasJournal ? new DirectoryWaits(volume) : undefined,
      bindings: createBindingCatalog({
        service,
        clock,
        timeoutMs: place.timeoutMs,
        section: `stores.${AUTHORITY}`,
      }),
      counts: hasJournal ? new DirectoryCounts(volume) : undefined,
      createSources:
        ({ timeoutMs }) =>
        ({ identity }) => {
          const token = tokens.find(({ name }) => name === identity.token);
          if (token === undefined) throw new Error(`no token ${identity.token}`);
          const parts = { world, network, providers, process, token, clock, timeoutMs, isExplicit };
          return new SimulatedSource(parts);
        },
    };
  }

  #noteFault(process: VirtualProcess, error: unknown): void {
    if (process.isDead) return;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#parts.world.breaks('0 no bug', undefined, `${process.name} threw ${text}`);
  }
}
