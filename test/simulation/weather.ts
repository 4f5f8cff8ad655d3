import type { Scenario } from './scenario.ts';

/** How the store answers everybody. */
export type StoreWeather = 'fine' | 'reset' | 'hang' | 'throttle' | 'unavailable' | 'denied';

/** How a provider answers everybody. */
export type ProviderWeather = 'fine' | 'unavailable' | 'rate-limited' | 'malformed' | 'hang' | 'unreachable';

/** How the API server answers everybody. */
export type LeaseWeather = 'fine' | 'hang' | 'error' | 'reset';

/** How the mirror answers everybody. */
export type MirrorWeather = StoreWeather | 'conflicts' | 'slow';

/** How the store answers who lists secrets. */
export type ListingWeather = 'fine' | 'throttle' | 'unavailable' | 'denied' | 'hang';

/** What is wrong with one provider at the moment. */
export interface ProviderState {
  weather: ProviderWeather;
  /** What a 429 asks for. */
  retryAfterMs: number;
  lifeMs: number;
  /** Time that each answer takes longer. */
  slowMs: number;
  /** Hands out the token that it has handed out already, until that dies. */
  isRepeating: boolean;
  /** The credential that it accepts. */
  accepted: number;
  /** The credential that the daemons can see. */
  visible: number;
  /** Which consent's refresh token stands among the credentials. */
  seed: number;
}

/** What the daemons can see of a provider's credentials, the seed of its chain included, as one number. */
export function visibleOf({ visible, seed }: ProviderState): number {
  return seed * 10_000 + visible;
}

/** Everything that is broken at the moment. Incidents change it, the simulated systems obey it. */
export class Weather {
  store: StoreWeather = 'fine';
  lease: LeaseWeather = 'fine';
  mirror: MirrorWeather = 'fine';
  listing: ListingWeather = 'fine';
  /** Secrets that lists do not have at the moment. */
  readonly leftOut = new Set<string>();
  readonly providers: ReadonlyMap<string, ProviderState>;
  /** Pods that cannot reach the API server. */
  readonly cutOff = new Set<string>();
  /** Faults are over for good: single calls do not fail either. */
  isQuiet = false;

  constructor({ providers }: Scenario) {
    this.providers = new Map(
      providers.map(({ name, lifeMs }) => [
        name,
        {
          weather: 'fine',
          retryAfterMs: 0,
          lifeMs,
          slowMs: 0,
          isRepeating: false,
          accepted: 1,
          visible: 1,
          seed: 1,
        },
      ]),
    );
  }

  /** @throws for a provider that the scenario does not have */
  provider(name: string): ProviderState {
    const state = this.providers.get(name);
    if (state === undefined) throw new Error(`no provider ${name}`);
    return state;
  }
}
