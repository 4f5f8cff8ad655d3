/** A token's configuration from what is known of its customer, listed or discovered. */

import type { CredentialReference, CredentialReferences } from '../core/credential/credential-reference.ts';
import { type ConfiguredStore, mirrorName } from '../core/store-kind.ts';
import type { ProviderKind } from '../providers/provider.ts';
import type {
  Configuration,
  DiscoveryConfiguration,
  ProviderConfiguration,
  PublishConfiguration,
  TokenConfiguration,
} from './configuration.ts';
import { expandTemplate } from './secret-name.ts';

export interface TokenEntry {
  readonly customer: string | undefined;
  readonly secret: string;
  readonly stateSecret: string | undefined;
  readonly customerCredentials: CredentialReferences;
}

/** A binding as a token needs it: whose it is, and where its credentials are. */
interface BoundCustomer {
  readonly customer: string;
  /** The secret that holds the binding. */
  readonly secretName: string;
  /** The customer's credentials that it holds, which are its keys. */
  readonly credentials: readonly string[];
}

export function identify(
  { customer, secret, stateSecret, customerCredentials }: TokenEntry,
  provider: string,
  kind: ProviderKind,
): TokenConfiguration {
  const token = customer === undefined ? provider : `${provider}/${customer}`;
  return {
    identity: { token, provider, kind: kind.kind, customer, secret },
    customerCredentials,
    stateSecret,
  };
}

/** The token of a discovered customer. Its credentials stay where they are: a fetch reads them there. */
export function configureDiscovered(
  { name, kind }: ProviderConfiguration,
  { secret, stateSecret }: DiscoveryConfiguration,
  { customer, secretName, credentials }: BoundCustomer,
): TokenConfiguration {
  const entry = {
    customer,
    secret: expandTemplate(secret, customer),
    stateSecret: stateSecret === undefined ? undefined : expandTemplate(stateSecret, customer),
    customerCredentials: Object.fromEntries(
      credentials.map((key): [string, CredentialReference] => [
        key,
        { kind: 'awsSecret', id: secretName, key },
      ]),
    ),
  };
  return identify(entry, name, kind);
}

/** The secrets that a token is written to. */
export function secretsOf({ identity, stateSecret }: TokenConfiguration): readonly string[] {
  return stateSecret === undefined ? [identity.secret] : [identity.secret, stateSecret];
}

/** A secret in one of the places. */
export interface PlacedSecret {
  readonly place: ConfiguredStore;
  readonly secret: string;
}

/** All that a token is written to, what its mirrors hold included. @throws for a place that does not exist: a bug */
export function placedSecretsOf(
  token: TokenConfiguration,
  { to, mirrors }: PublishConfiguration,
  places: Configuration['places'],
): readonly PlacedSecret[] {
  const authority = placeOf(places, to);
  return [
    ...secretsOf(token).map((secret) => ({ place: authority, secret })),
    ...mirrors.map((name) => {
      const place = placeOf(places, name);
      return { place, secret: mirrorName(place, authority, token.identity.secret) };
    }),
  ];
}

export function placeOf<Place>(places: ReadonlyMap<string, Place>, name: string): Place {
  const place = places.get(name);
  if (place === undefined) throw new Error(`there is no place ${name}`);
  return place;
}
