import type { Configuration } from '../config/configuration.ts';
import { placeOf } from '../config/token-configuration.ts';
import { mirrorName } from '../core/store-kind.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import type { WriteRateLimiter } from '../refresh/limits/write-rate-limiter.ts';
import { Mirror } from '../refresh/mirrors/mirror.ts';
import { Mirrors } from '../refresh/mirrors/mirrors.ts';
import type { OutsideSystems, RefreshPorts } from './assembly.ts';

/** The mirrors of a configuration: one for each place that some provider is mirrored to. */
export function createMirrors(
  { places, providers }: Pick<Configuration, 'places' | 'providers'>,
  { clock, random, events }: RefreshPorts,
  { stores }: Pick<OutsideSystems, 'stores'>,
  rateLimiters: ReadonlyMap<string, WriteRateLimiter>,
): Mirrors {
  const publish = new Map(providers.map((provider) => [provider.name, provider.publish]));
  const authorityOf = ({ provider }: TokenIdentity): string => placeOf(publish, provider).to;
  const names = new Set(providers.flatMap((provider) => provider.publish.mirrors));
  const mirrors = [...names].map((place) => {
    const mirror = new Mirror({
      clock,
      random,
      events,
      place,
      store: placeOf(stores, place),
      nameOf: (identity) =>
        mirrorName(placeOf(places, place), placeOf(places, authorityOf(identity)), identity.secret),
      authorityOf: (identity) => placeOf(stores, authorityOf(identity)),
      versionBudget: placeOf(places, place).versionBudget,
      rateLimiter: placeOf(rateLimiters, place),
    });
    return [place, mirror] as const;
  });
  const byPlace = new Map(mirrors);
  return new Mirrors(
    new Map(
      providers.map(({ name, publish: { mirrors: to } }) => [
        name,
        to.map((place) => placeOf(byPlace, place)),
      ]),
    ),
  );
}
