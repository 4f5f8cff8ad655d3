/** One run: everything is put together, runs to its end or to the first broken promise, and is reported. */
import { BindingIncidents } from './binding-incidents.ts';
import { Bindings } from './bindings.ts';
import { Chance } from './chance.ts';
import { Incidents } from './incidents.ts';
import { Leaders } from './leaders.ts';
import { MirrorIncidents } from './mirror-incidents.ts';
import { Network } from './network.ts';
import { Pod } from './pod.ts';
import { createChecks } from './promises/checks.ts';
import { drawScenario, type SimulationOptions } from './scenario.ts';
import { SimulatedLease } from './simulated-lease.ts';
import { SimulatedMirror } from './simulated-mirror.ts';
import { SimulatedProviders } from './simulated-provider.ts';
import { SimulatedReaders } from './simulated-readers.ts';
import { SimulatedReceiver } from './simulated-receiver.ts';
import { SimulatedStore } from './simulated-store.ts';
import { installVirtualGlobals } from './virtual-globals.ts';
import { type Breach, World } from './world.ts';

export interface SimulationReport {
  readonly options: SimulationOptions;
  /** `undefined`: every promise was kept. */
  readonly breach: Breach | undefined;
  /** The last lines about the token of the breach, as people read them. */
  readonly timeline: readonly string[];
  /** The same for the same seed, options and program. */
  readonly fingerprint: string;
  readonly virtualMs: number;
  readonly happened: number;
  readonly refreshes: number;
  /** Late refreshes that were excused. */
  readonly excused: number;
  readonly faults: ReadonlyMap<string, number>;
}

const TIMELINE_LINES = 40;

/** Runs one simulation. Only one at a time: it replaces the clocks of the whole thread meanwhile. */
export async function simulate(
  options: SimulationOptions,
  timelineLines: number = TIMELINE_LINES,
): Promise<SimulationReport> {
  const chance = new Chance(options.seed);
  const scenario = drawScenario(options, chance.fork('scenario'));
  const world = new World(scenario, chance);
  const restore = installVirtualGlobals(world.time);
  try {
    const network = new Network(world);
    const bindings = new Bindings(world);
    const store = new SimulatedStore(world, network, bindings);
    const providers = new SimulatedProviders(world);
    const lease = new SimulatedLease(world, network);
    const receiver = new SimulatedReceiver(world, network);
    const mirror = scenario.hasMirror ? new SimulatedMirror(world, network) : undefined;
    const pods = scenario.pods.map(
      ({ name, skewMs, hasJournal }, index) =>
        new Pod({
          world,
          network,
          store,
          mirror,
          providers,
          lease,
          receiver,
          name,
          hasJournal,
          order: index + 1,
          clock: { skewMs },
        }),
    );
    const leaders = new Leaders(world, pods, lease);
    const incidents = new Incidents({ world, network, pods, leaders, providers, store });
    const checks = createChecks({
      world,
      store,
      mirror,
      providers,
      leaders,
      lease,
      pods,
      receiver,
      bindings,
    });
    // Bindings forget what is given up after the checks have looked at it.
    world.watchers.push(leaders, incidents, ...checks.watchers, bindings);
    incidents.schedule();
    new BindingIncidents({ world, bindings, store }).schedule();
    if (mirror !== undefined) new MirrorIncidents(world, mirror, incidents).schedule();
    if (scenario.hasReports) {
      const readers = new SimulatedReaders({ world, store, providers, leaders, pods });
      world.watchers.push(readers);
      readers.schedule();
    }
    for (const pod of pods) pod.start();
    await world.time.runUntil(scenario.endMs, () => world.breach !== undefined);
    if (world.breach === undefined) world.watch((watcher) => watcher.ended?.());
    const { breach } = world;
    return {
      options,
      breach,
      timeline: breach === undefined ? [] : world.timeline.tail(breach.token, timelineLines),
      fingerprint: world.timeline.fingerprint(),
      virtualMs: world.time.nowMs - scenario.startMs,
      happened: world.time.happened,
      refreshes: checks.refreshes(),
      excused: checks.excused(),
      faults: world.faults,
    };
  } finally {
    restore();
  }
}
