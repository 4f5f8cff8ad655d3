import type { Clock, Random } from '../../core/ports.ts';
import { revealCredential, type SandboxCredentials } from './sandbox-credentials.ts';
import type { Upstream } from './upstream.ts';
import { byUpstream, type UpstreamName } from './upstream-list.ts';

export type Upstreams = Readonly<Record<UpstreamName, Upstream>>;

export interface UpstreamsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly credentials: SandboxCredentials;
  /** Time-lapse: documented lifetimes are divided by it. 1 by default. */
  readonly speed?: number;
  /** Life of access tokens in milliseconds, where it shall not be the documented one divided by `speed`. */
  readonly lifetimeMs?: Partial<Readonly<Record<UpstreamName, number>>>;
  /** The same of refresh tokens. */
  readonly refreshTokenLifetimeMs?: Partial<Readonly<Record<UpstreamName, number>>>;
  /** Told every token as it is issued, so that a test can search for leaks. */
  readonly onSecretIssued?: ((text: string) => void) | undefined;
}

/** Documented life of each kind's access tokens in milliseconds. */
export const DOCUMENTED_LIFETIMES_MS: Readonly<Record<UpstreamName, number>> = byUpstream(
  ({ lifetimeMs }) => lifetimeMs,
);

export function createUpstreams(options: UpstreamsOptions): Upstreams {
  const { clock, random, credentials, speed = 1, onSecretIssued } = options;
  const { publicKey } = credentials;
  const bindingIds = credentials.customers.map((customer) =>
    revealCredential(customer.credentials, 'bindingId'),
  );
  return byUpstream(({ name, lifetimeMs, refreshTokenLifetimeMs, create }) =>
    create({
      clock,
      random,
      reveal: (credential) => revealCredential(credentials.byKind[name], credential),
      publicKey,
      bindingIds,
      lifetimeMs: options.lifetimeMs?.[name] ?? lifetimeMs / speed,
      refreshTokenLifetimeMs: options.refreshTokenLifetimeMs?.[name] ?? refreshTokenLifetimeMs / speed,
      onSecretIssued,
    }),
  );
}
