import { createHash } from 'node:crypto';
import type { Configuration } from './configuration.ts';

/**
 * Which tokens an installation keeps, as a short text: equal for replicas of one configuration, and different for two
 * installations that share nothing but a Lease. Says nothing about what is configured.
 */
export function describeInstallation({ store, alerts, providers }: Configuration): string {
  const kept = providers.map(({ name, tokens, discovery }) =>
    JSON.stringify([name, discovery, tokens.map(({ identity }) => [identity.token, identity.secret])]),
  );
  const text = JSON.stringify([alerts.name, store.region, store.endpoint, kept.toSorted()]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}
