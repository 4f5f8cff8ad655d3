import type { Clock, Random } from '../../core/ports.ts';
import { APIMW_LIFETIME_MS, APIMW_REFRESH_TOKEN_LIFETIME_MS, createApimw } from './apimw.ts';
import { createHttp, HTTP_LIFETIME_MS } from './http.ts';
import { createOAuth2, OAUTH2_LIFETIME_MS, OAUTH2_REFRESH_TOKEN_LIFETIME_MS } from './oauth2.ts';
import { createPaysecurez, PAYSECUREZ_LIFETIME_MS } from './paysecurez.ts';
import { createPik, PIK_LIFETIME_MS, type PikOptions } from './pik.ts';
import { createPivot, PIVOT_LIFETIME_MS } from './pivot.ts';
import { createPivotB2b, PIVOT_B2B_LIFETIME_MS } from './pivot-b2b.ts';
import {
  createPivotB2b2c,
  PIVOT_B2B2C_LIFETIME_MS,
  PIVOT_B2B2C_REFRESH_TOKEN_LIFETIME_MS,
} from './pivot-b2b2c.ts';
import { revealCredential, type SandboxCredentials } from './sandbox-credentials.ts';
import type { Upstream } from './upstream.ts';
import type { UpstreamName } from './upstream-name.ts';

/** One simulated upstream per name: a name without one does not compile. */
export type Upstreams = Readonly<Record<UpstreamName, Upstream>>;

export interface UpstreamsOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly credentials: SandboxCredentials;
  /** Time-lapse: documented lifetimes are divided by it. 1 by default. */
  readonly speed?: number;
  /** Life of access tokens in milliseconds, where it shall not be the documented one divided by `speed`. */
  readonly lifetimeMs?: Partial<Readonly<Record<UpstreamName, number>>>;
  /** Life of refresh tokens in milliseconds; by default 30 days (APIMW, OAuth 2.0) and a day (Pivot), divided by `speed`. */
  readonly refreshTokenLifetimeMs?: Partial<Readonly<Record<'apimw' | 'oauth2' | 'pivot-b2b2c', number>>>;
  readonly pik?: Omit<PikOptions, 'credentials'>;
  /** True: APIMW enforces its free plan's rate limit. False by default. */
  readonly hasApimwRateLimit?: boolean;
  /** Told every token as it is issued, so that a test can search for leaks. */
  readonly onSecretIssued?: (text: string) => void;
}

/** Documented life of each kind's access tokens in milliseconds. */
export const DOCUMENTED_LIFETIMES_MS: Readonly<Record<UpstreamName, number>> = {
  pik: PIK_LIFETIME_MS,
  'pivot-b2b': PIVOT_B2B_LIFETIME_MS,
  'pivot-b2b2c': PIVOT_B2B2C_LIFETIME_MS,
  pivot: PIVOT_LIFETIME_MS,
  apimw: APIMW_LIFETIME_MS,
  paysecurez: PAYSECUREZ_LIFETIME_MS,
  oauth2: OAUTH2_LIFETIME_MS,
  http: HTTP_LIFETIME_MS,
};

export function createUpstreams(options: UpstreamsOptions): Upstreams {
  const { clock, random, credentials, speed = 1, refreshTokenLifetimeMs = {} } = options;
  const contextOf = (kind: UpstreamName) => ({
    clock,
    random,
    lifetimeMs: options.lifetimeMs?.[kind] ?? DOCUMENTED_LIFETIMES_MS[kind] / speed,
    ...(options.onSecretIssued === undefined ? {} : { onSecretIssued: options.onSecretIssued }),
  });
  const reveal = (kind: UpstreamName, name: string): string =>
    revealCredential(credentials.byKind[kind], name);
  const { publicKey } = credentials;

  return {
    pik: createPik(contextOf('pik'), {
      ...options.pik,
      credentials: { appId: reveal('pik', 'appId'), appSecret: reveal('pik', 'appSecret') },
    }),
    'pivot-b2b': createPivotB2b(contextOf('pivot-b2b'), {
      clientId: reveal('pivot-b2b', 'clientId'),
      publicKey,
    }),
    'pivot-b2b2c': createPivotB2b2c(contextOf('pivot-b2b2c'), {
      clientId: reveal('pivot-b2b2c', 'clientId'),
      publicKey,
      bindingIds: credentials.customers.map((customer) =>
        revealCredential(customer.credentials, 'bindingId'),
      ),
      refreshTokenLifetimeMs:
        refreshTokenLifetimeMs['pivot-b2b2c'] ?? PIVOT_B2B2C_REFRESH_TOKEN_LIFETIME_MS / speed,
    }),
    pivot: createPivot(contextOf('pivot'), {
      merchantId: reveal('pivot', 'merchantId'),
      merchantSecret: reveal('pivot', 'merchantSecret'),
    }),
    apimw: createApimw(contextOf('apimw'), {
      credentials: { apiKey: reveal('apimw', 'apiKey'), apiSecret: reveal('apimw', 'apiSecret') },
      refreshTokenLifetimeMs: refreshTokenLifetimeMs.apimw ?? APIMW_REFRESH_TOKEN_LIFETIME_MS / speed,
      hasRateLimit: options.hasApimwRateLimit ?? false,
    }),
    paysecurez: createPaysecurez(contextOf('paysecurez'), {
      clientId: reveal('paysecurez', 'clientId'),
      clientSecret: reveal('paysecurez', 'clientSecret'),
    }),
    oauth2: createOAuth2(contextOf('oauth2'), {
      client: { clientId: reveal('oauth2', 'clientId'), publicKey },
      refreshToken: reveal('oauth2', 'refreshToken'),
      refreshTokenLifetimeMs: refreshTokenLifetimeMs.oauth2 ?? OAUTH2_REFRESH_TOKEN_LIFETIME_MS / speed,
    }),
    http: createHttp(contextOf('http'), {
      partnerId: reveal('http', 'partnerId'),
      partnerKey: reveal('http', 'partnerKey'),
    }),
  };
}
