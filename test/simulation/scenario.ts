import { SECRET_NAMES } from '../../src/adapters/kubernetes-secret/secret-names.ts';
import type {
  Configuration,
  ProviderConfiguration,
  TokenConfiguration,
} from '../../src/config/configuration.ts';
import { configureDiscovered } from '../../src/config/token-configuration.ts';
import type { LeaseTiming } from '../../src/core/lease-timing.ts';
import { parseText } from '../support/configuration-text.ts';
import { NOON_MS } from '../support/sample-events.ts';
import { BINDING_TAG } from './bindings.ts';
import type { Chance } from './chance.ts';

/** What a run is made of, beside its seed. */
export interface SimulationOptions {
  readonly seed: number;
  readonly replicas: number;
  /** Of all providers together. */
  readonly tokens: number;
  readonly hours: number;
  /**
   * `usual`: faults of every kind. `customers`: the same, with customers that are discovered, come and go. `versions`: a
   * version budget below the usual pace, and a store that has no more. `consents`: chains that begin with a refresh token
   * among the credentials, at providers that detect reuse; operators put new ones there. `readers`: the usual faults, a
   * mirror with faults of its own, and readers who report refused tokens.
   */
  readonly profile: Profile;
}

export const PROFILES = ['usual', 'customers', 'versions', 'consents', 'readers'] as const;
export type Profile = (typeof PROFILES)[number];

export interface SimulatedProviderSettings {
  readonly name: string;
  readonly hasChain: boolean;
  readonly fallback: 'start-again' | 'none';
  readonly lifeMs: number;
  /** Life of a refresh token; `undefined`: it does not end by itself. */
  readonly chainLifeMs: number | undefined;
  /** Takes the refresh token before the newest one again, as long as the newest has not been used. */
  readonly isForgiving: boolean;
  /** Its chain begins with a refresh token among the credentials. */
  readonly hasSeed: boolean;
  readonly minIntervalMs: number;
}

export interface SimulatedToken {
  readonly name: string;
  readonly provider: SimulatedProviderSettings;
  readonly secret: string;
  readonly stateSecret: string | undefined;
  /** The secret by which its customer is discovered; `undefined`: it is listed in the configuration. */
  readonly binding: string | undefined;
  /** What its copy is called in the mirror. */
  readonly copy: string;
}

/** A seed and its options, written out. */
export interface Scenario {
  readonly options: SimulationOptions;
  readonly configuration: Configuration;
  readonly providers: readonly SimulatedProviderSettings[];
  readonly tokens: readonly SimulatedToken[];
  readonly pods: readonly { readonly name: string; readonly skewMs: number; readonly hasJournal: boolean }[];
  readonly leaseTiming: LeaseTiming;
  /** The token whose secret belongs to somebody else. */
  readonly foreignToken: string | undefined;
  /** Whether each token is copied to {@link MIRROR}. */
  readonly hasMirror: boolean;
  /** Whether readers report refused tokens. */
  readonly hasReports: boolean;
  readonly startMs: number;
  /** From here on nothing is broken any more. */
  readonly quietFromMs: number;
  readonly endMs: number;
  /** Versions of one secret a day after which the store refuses. */
  readonly versionWall: number;
}

/** The places by name. */
export const AUTHORITY = 'aws-secrets-manager';
export const MIRROR = 'cluster';
const TAG = `${BINDING_TAG.Key}=${BINDING_TAG.Value}`;
const MINUTE_MS = 60_000;
/** What needs a human is tried again after 15 minutes; the rest is for the longest refresh after that. */
const QUIET_MS = 20 * MINUTE_MS;
const LIVES_MINUTES = [5, 10, 15, 15, 30, 60] as const;
const LEASE_TIMINGS: readonly LeaseTiming[] = [
  { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 },
  { leaseDurationMs: 30_000, renewDeadlineMs: 20_000, retryPeriodMs: 5_000 },
];
const CREDENTIALS = {
  pik: '{ appId: { env: A }, appSecret: { env: B } }',
  paysecurez: '{ clientId: { env: A }, clientSecret: { env: B } }',
  apimw: '{ apiKey: { env: A }, apiSecret: { env: B } }',
  'pivot-b2b2c': '{ clientId: { env: A }, privateKey: { env: B } }',
  oauth2: '{ clientId: { env: A }, clientSecret: { env: B }, refreshToken: { env: C } }',
} as const;

/** @param chance a stream of its own */
export function drawScenario(options: SimulationOptions, chance: Chance): Scenario {
  const isVersions = options.profile === 'versions';
  const drafts = isVersions ? [draft('plain', 'pik', chance, 15)] : draftProviders(options.profile, chance);
  const budget = isVersions ? chance.pick([100, 102, 110]) : 'none';
  const customers = Math.max(1, options.tokens - drafts.length + 1);
  const discoverEverySeconds = options.profile === 'customers' ? chance.pick([10, 20, 30, 45]) : undefined;
  const hasMirror = options.profile === 'readers';
  const configuration = configure({
    drafts,
    customers,
    versionBudget: budget,
    discoverEverySeconds,
    hasMirror,
  });
  const tokens = configuration.providers.flatMap((provider, index) =>
    tokensOf(provider, customers).map(({ binding, token: { identity, stateSecret } }): SimulatedToken => {
      const settings = drafts[index]?.settings;
      if (settings === undefined) throw new Error('a provider without settings');
      const { token: name, secret } = identity;
      return { name, provider: settings, secret, stateSecret, binding, copy: SECRET_NAMES.mirrorOf(secret) };
    }),
  );
  const startMs = NOON_MS + chance.between(0, 3_600_000);
  const endMs = startMs + options.hours * 60 * MINUTE_MS;
  const isSkewed = chance.happens(0.5);
  return {
    options,
    configuration,
    providers: drafts.map(({ settings }) => settings),
    tokens,
    pods: Array.from({ length: options.replicas }, (_, index) => ({
      name: `pod-${index + 1}`,
      skewMs: isSkewed ? chance.between(-20_000, 20_000) : 0,
      hasJournal: chance.happens(0.8),
    })),
    leaseTiming: chance.pick(LEASE_TIMINGS),
    hasMirror,
    hasReports: options.profile === 'readers',
    foreignToken: !isVersions && chance.happens(0.15) ? chance.pick(tokens).name : undefined,
    startMs,
    quietFromMs: endMs - QUIET_MS,
    endMs,
    versionWall: budget === 'none' ? 100_000 : budget,
  };
}

interface Draft {
  readonly kind: keyof typeof CREDENTIALS;
  readonly settings: SimulatedProviderSettings;
}

function draftProviders(profile: Profile, chance: Chance): readonly Draft[] {
  if (profile === 'consents')
    return [
      draft('plain', 'pik', chance),
      draft('consent', 'oauth2', chance),
      draft('short-consent', 'oauth2', chance, 5),
    ];
  return [
    draft('plain', 'pik', chance),
    draft('customers', 'pivot-b2b2c', chance),
    ...(chance.happens(0.7) ? [draft('login', 'apimw', chance)] : []),
    ...(chance.happens(0.4) ? [draft('other', 'paysecurez', chance)] : []),
  ];
}

function draft(name: string, kind: Draft['kind'], chance: Chance, lifeMinutes?: number): Draft {
  const hasSeed = kind === 'oauth2';
  const hasChain = hasSeed || kind === 'apimw' || kind === 'pivot-b2b2c';
  const fallback = hasSeed || (hasChain && chance.happens(0.3)) ? 'none' : 'start-again';
  const lifeMs = (lifeMinutes ?? chance.pick(LIVES_MINUTES)) * MINUTE_MS;
  return {
    kind,
    settings: {
      name,
      hasChain,
      fallback,
      lifeMs,
      // Without a fallback the end of a refresh token is nobody's to heal but a human's.
      chainLifeMs:
        hasChain && fallback === 'start-again' && chance.happens(0.2) ? Math.round(lifeMs * 0.6) : undefined,
      isForgiving: chance.happens(0.3),
      hasSeed,
      minIntervalMs: chance.happens(0.3) ? chance.between(5, 15) * 1000 : 0,
    },
  };
}

/** Those in the configuration, or those whose bindings may turn up. */
function tokensOf(
  provider: ProviderConfiguration,
  customers: number,
): readonly { readonly token: TokenConfiguration; readonly binding: string | undefined }[] {
  const { discovery, name, tokens } = provider;
  if (discovery === undefined) return tokens.map((token) => ({ token, binding: undefined }));
  return Array.from({ length: customers }, (_, n) => {
    const customer = `c${n + 1}`;
    const binding = `bindings/${name}/${customer}`;
    const bound = { customer, secretName: binding, credentials: ['bindingId'] };
    return { token: configureDiscovered(provider, discovery, bound), binding };
  });
}

interface Plan {
  readonly drafts: readonly Draft[];
  readonly customers: number;
  readonly versionBudget: number | 'none';
  /** `undefined`: customers are listed. */
  readonly discoverEverySeconds: number | undefined;
  readonly hasMirror: boolean;
}

/** The real configuration, as a file would yield it. */
function configure({
  drafts,
  customers,
  versionBudget,
  discoverEverySeconds,
  hasMirror,
}: Plan): Configuration {
  const lines = drafts.flatMap(({ kind, settings: { name, lifeMs, minIntervalMs } }) => [
    `  - name: ${name}`,
    `    kind: ${kind}`,
    `    baseUrl: https://${name}.example.com`,
    `    credentials: ${CREDENTIALS[kind]}`,
    `    lifetime: ${lifeMs / 1000}s`,
    `    minInterval: ${minIntervalMs / 1000}s`,
    ...(kind === 'oauth2' ? ['    tokenUrl: /token', '    grant: refresh_token'] : []),
    ...(kind === 'apimw' ? ['    useRefreshToken: true'] : []),
    ...(kind === 'pivot-b2b2c'
      ? [
          `    secret: payments/${name}/{customer}`,
          ...(discoverEverySeconds === undefined
            ? ['    customers:', ...Array.from({ length: customers }, listCustomer)]
            : [`    customers: { discover: { tag: ${TAG}, every: ${discoverEverySeconds}s } }`]),
        ]
      : [`    secret: payments/${name}`]),
  ]);
  const settings = `region: us-east-1, createSecrets: true, versionBudget: ${versionBudget}`;
  const places = hasMirror
    ? `stores:\n  ${AUTHORITY}: { kind: aws-secrets-manager, ${settings} }\n  ${MIRROR}: { kind: kubernetes-secret, namespace: payments, createSecrets: true }\npublish: { to: ${AUTHORITY}, mirrors: [${MIRROR}] }`
    : `store: { ${settings} }`;
  const parsed = parseText(`${places}\nproviders:\n${lines.join('\n')}\n`);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { configuration } = parsed;
  return {
    ...configuration,
    providers: configuration.providers.map((provider, index): ProviderConfiguration => {
      const fallback = drafts[index]?.settings.fallback ?? 'none';
      return { ...provider, configured: { ...provider.configured, chainFallback: fallback } };
    }),
  };
}

function listCustomer(_: unknown, index: number): string {
  return `      - { name: c${index + 1}, bindingId: { env: B } }`;
}
