/** Configuration files for the measured programs, and the names that both sides use. */
import type { UpstreamName } from '../../src/sandbox/upstreams/upstream-list.ts';

/** The provider with one token per customer; named after its kind. */
export const CUSTOMER_PROVIDER = 'pivot-b2b2c';

export interface BenchPlace {
  readonly storeEndpoint: string;
  readonly upstreamsOrigin: string;
}

export interface BenchConfiguration {
  /** Providers with one token each: how many of which kind. */
  readonly providers?: Partial<Readonly<Record<Exclude<BenchKind, 'pivot-b2b2c'>, number>>>;
  readonly customers?: number;
  /** The customers are found by {@link BINDING_TAG} instead of being listed. */
  readonly isDiscovering?: boolean;
  /** What the providers hand out, where it is not what they document. */
  readonly lifetimeMs?: number;
  readonly versionBudget?: number | 'none';
  /** The program's default, which AWS's quota sets, when left out. */
  readonly writesPerSecond?: number;
  /** Most calls to the provider at one time; the program's default when left out. */
  readonly concurrency?: number;
}

/** Presets, which need no settings of their own, with their credentials. */
const CREDENTIALS = {
  pik: ['appId', 'appSecret'],
  'pivot-b2b': ['clientId', 'privateKey'],
  'pivot-b2b2c': ['clientId', 'privateKey'],
  pivot: ['merchantId', 'merchantSecret'],
  apimw: ['apiKey', 'apiSecret'],
  paysecurez: ['clientId', 'clientSecret'],
} as const satisfies Partial<Record<UpstreamName, readonly string[]>>;

type BenchKind = keyof typeof CREDENTIALS;

const SINGLE_KINDS = ['pik', 'pivot-b2b', 'pivot', 'apimw', 'paysecurez'] as const;

/** `PIVOT_B2B_PRIVATEKEY` */
export function environmentName(kind: string, credential: string): string {
  return `${kind}_${credential}`.toUpperCase().replaceAll('-', '_');
}

export function customerName(index: number): string {
  return `customer-${String(index).padStart(5, '0')}`;
}

export function customerSecret(index: number): string {
  return `payments/${CUSTOMER_PROVIDER}/${customerName(index)}`;
}

export const BINDING_TAG = { key: 'app', value: 'bindings' };

export function bindingSecret(index: number): string {
  return `bindings/${customerName(index)}`;
}

/** YAML as a person would write it, one line for each customer. */
export function benchConfiguration(place: BenchPlace, options: BenchConfiguration): string {
  const { providers = {}, customers = 0, versionBudget, writesPerSecond } = options;
  const single = SINGLE_KINDS.flatMap((kind) =>
    Array.from({ length: providers[kind] ?? 0 }, (_, index) => singleProvider(place, kind, index, options)),
  );
  const all = customers === 0 ? single : [...single, customerProvider(place, customers, options)];
  const settings = Object.entries({ versionBudget, writesPerSecond })
    .map(([name, value]) => (value === undefined ? '' : `, ${name}: ${value}`))
    .join('');
  return `store: { endpoint: "${place.storeEndpoint}", region: us-east-1, createSecrets: true${settings} }
http: { host: 127.0.0.1, port: 0 }
log: { format: json }
providers:
${all.join('')}`;
}

function singleProvider(
  place: BenchPlace,
  kind: (typeof SINGLE_KINDS)[number],
  index: number,
  options: BenchConfiguration,
): string {
  return `${commonLines(place, kind, `${kind}-${index}`, options)}    secret: payments/${kind}/token_${index}
`;
}

function customerProvider(place: BenchPlace, customers: number, options: BenchConfiguration): string {
  const bindingId = environmentName(CUSTOMER_PROVIDER, 'bindingId');
  const list = Array.from(
    { length: customers },
    (_, index) => `\n      - { name: ${customerName(index)}, bindingId: { env: ${bindingId} } }`,
  ).join('');
  const discovery = ` { discover: { tag: ${BINDING_TAG.key}=${BINDING_TAG.value}, every: 1h } }`;
  return `${commonLines(place, CUSTOMER_PROVIDER, CUSTOMER_PROVIDER, options)}    grant: authorization_code
    secret: payments/${CUSTOMER_PROVIDER}/{customer}
    customers:${options.isDiscovering === true ? discovery : list}
`;
}

function commonLines(
  { upstreamsOrigin }: BenchPlace,
  kind: BenchKind,
  name: string,
  { lifetimeMs, concurrency }: BenchConfiguration,
): string {
  const lines = [
    `  - name: ${name}`,
    `    kind: ${kind}`,
    `    baseUrl: ${upstreamsOrigin}/${kind}`,
    ...(lifetimeMs === undefined ? [] : [`    lifetime: ${lifetimeMs / 1000}s`]),
    ...(concurrency === undefined ? [] : [`    concurrency: ${concurrency}`]),
    '    credentials:',
    ...CREDENTIALS[kind].map(
      (credential) => `      ${credential}: { env: ${environmentName(kind, credential)} }`,
    ),
  ];
  return `${lines.join('\n')}\n`;
}
