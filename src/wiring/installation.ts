import { createHash } from 'node:crypto';
import type { Configuration } from '../config/configuration.ts';
import { placeOf } from '../config/token-configuration.ts';
import { SEPARATOR } from '../core/installation.ts';

/** Enough to recognise an installation by; an annotation must not grow with the configuration. */
const MAX_PROVIDERS = 64;

/**
 * Which providers an installation keeps tokens of, as a short text for `isSameInstallation`: each by a hash of its name,
 * the store and the secret of its first token. Says nothing about what is configured.
 */
export function describeInstallation({ places, providers }: Configuration): string {
  const hashes = providers.map(({ name, tokens, discovery, publish }) => {
    const { region, endpoint } = placeOf(places, publish.to);
    const text = JSON.stringify([region, endpoint, name, tokens[0]?.identity.secret, discovery]);
    return createHash('sha256').update(text).digest('hex').slice(0, 8);
  });
  return hashes.toSorted().slice(0, MAX_PROVIDERS).join(SEPARATOR);
}
