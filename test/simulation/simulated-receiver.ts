/**
 * Where all processes tell people: one receiver that keeps state by the identity of an alert, as PagerDuty does.
 *
 * A message arrives within the caller's deadline or not at all, so that messages of one process arrive in order; its
 * answer may be late or lost. Nothing is refused for good: such a message is given up, as documented.
 */
import { ALERT_LIMIT_MS, type AlertNotification } from '../../src/core/alert.ts';
import { withDeadline } from '../../src/core/deadline.ts';
import type { Failure } from '../../src/core/failure.ts';
import type { AlertSink, Clock } from '../../src/core/ports.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import type { Chance } from './chance.ts';
import { type Network, type Passage, usualPassage } from './network.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { World } from './world.ts';

/** An alert that the receiver shows as firing. */
export interface OpenAlert {
  readonly key: string;
  readonly alert: AlertNotification['alert'];
  readonly provider: string | undefined;
  /** Who has told of it last. */
  readonly process: VirtualProcess;
  /** When that was. */
  readonly atMs: number;
}

interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
}

const MINUTE_MS = 60_000;
const LONGEST_OUTAGE_MS = 8 * MINUTE_MS;

export class SimulatedReceiver {
  /** What is firing now, by key. */
  readonly open = new Map<string, OpenAlert>();
  readonly #world: World;
  readonly #network: Network;
  readonly #chance: Chance;
  readonly #outages: readonly Outage[];

  constructor(world: World, network: Network) {
    this.#world = world;
    this.#network = network;
    this.#chance = world.chance.fork('receiver');
    this.#outages = drawOutages(world, world.chance.fork('receiver outages'));
  }

  /** The sink of one process. */
  connect(process: VirtualProcess, clock: Clock): AlertSink {
    return {
      name: 'receiver',
      occasions: new Set(['fired', 'grew', 'reminder', 'recovered', 'superseded', 'inherited', 'test']),
      send: (notification, signal) => this.#send(process, clock, notification, signal),
    };
  }

  /** The end of its latest outage that has begun, in true time; `-Infinity`: there was none. */
  brokenUntilMs(): number {
    const { nowMs } = this.#world.time;
    const begun = this.#outages.filter(({ fromMs }) => fromMs <= nowMs).map(({ toMs }) => toMs);
    return Math.max(Number.NEGATIVE_INFINITY, ...begun);
  }

  async #send(
    process: VirtualProcess,
    clock: Clock,
    notification: AlertNotification,
    signal: AbortSignal,
  ): Promise<Result<void>> {
    this.#world.watch((watcher) => watcher.alertSent?.(process, notification));
    const passage = this.#drawPassage();
    const refusal = this.#drawRefusal();
    try {
      const refused = await withDeadline(clock, ALERT_LIMIT_MS, signal, () =>
        this.#network.call({
          process,
          port: 'receiver',
          what: `${notification.occasion} ${notification.key}`,
          passage,
          execute: () => {
            if (refusal === undefined) this.#take(process, notification);
            return refusal;
          },
        }),
      );
      return refused === undefined ? succeed(undefined) : fail(refused);
    } catch {
      return fail({ code: 'provider-unavailable', retry: 'backoff', message: 'the receiver gave no answer' });
    }
  }

  #take(process: VirtualProcess, { key, alert, provider, status, occasion }: AlertNotification): void {
    const { nowMs } = this.#world.time;
    if (status === 'resolved') this.open.delete(key);
    else this.open.set(key, { key, alert, provider, process, atMs: nowMs });
    this.#world.tell('receiver', undefined, `${process.name} tells: ${occasion} ${key}`);
  }

  #drawPassage(): Passage {
    const passage = usualPassage(this.#chance, 5, 200);
    if (this.#world.weather.isQuiet) return passage;
    if (this.#world.time.nowMs < this.brokenUntilMs()) return { ...passage, request: 'reset' };
    const draw = this.#chance.between(1, 100);
    if (draw > 12) return passage;
    this.#world.countFault('alert lost, late or refused');
    if (draw <= 3) return { ...passage, request: 'hang' };
    if (draw <= 6) return { ...passage, answer: 'reset' };
    if (draw <= 8) return { ...passage, answer: 'hang' };
    return { ...passage, requestMs: this.#chance.between(500, ALERT_LIMIT_MS - 1_000) };
  }

  #drawRefusal(): Failure | undefined {
    const draw = this.#chance.between(1, 100);
    const waitMs = this.#chance.between(1, 20) * 1000;
    if (draw > 5 || this.#world.weather.isQuiet) return undefined;
    this.#world.countFault('alert lost, late or refused');
    const message = 'the receiver refuses';
    return draw <= 2
      ? { code: 'rate-limited', retry: 'backoff', retryAfterMs: waitMs, message }
      : { code: 'provider-unavailable', retry: 'backoff', message };
  }
}

function drawOutages({ scenario }: World, chance: Chance): readonly Outage[] {
  const { startMs, quietFromMs } = scenario;
  const count = chance.pick([0, 0, 1, 2]);
  return Array.from({ length: count }, () => {
    const fromMs = chance.between(startMs, quietFromMs);
    const toMs = Math.min(quietFromMs, fromMs + chance.between(10_000, LONGEST_OUTAGE_MS));
    return { fromMs, toMs };
  });
}
