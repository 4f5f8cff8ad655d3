/** Turns `config/sandbox.yaml` into the configuration of one sandbox: its ports, its credentials, its time-lapse. */
import { isScalar, isSeq, parseDocument, YAMLMap } from 'yaml';
import type { SecretText } from '../core/secret-text.ts';
import { formatDuration } from '../core/wire/duration.ts';
import { SANDBOX_NAMESPACE } from './kubernetes/sandbox-cluster.ts';
import type { SandboxCredentials } from './upstreams/sandbox-credentials.ts';
import { isUpstreamName, type UpstreamName } from './upstreams/upstream-list.ts';
import { DOCUMENTED_LIFETIMES_MS } from './upstreams/upstreams.ts';

/** The daemon's token for the API server, relative to the configuration file. */
export const API_TOKEN_FILE = 'kubernetes/token';

export interface SandboxFacts {
  readonly storeEndpoint: string;
  /** Of Kubernetes, when tokens are published there instead. */
  readonly apiServerUrl: string | undefined;
  readonly baseUrlOf: (kind: UpstreamName) => string;
  /** Where the daemon answers; 0: any free port. */
  readonly httpPort: number;
  readonly speed: number;
}

/**
 * The YAML text with the sandbox's values in place, comments kept.
 * @throws when the template does not hold what the sandbox needs: a mistake in `config/sandbox.yaml`
 */
export function createSandboxConfiguration(template: string, facts: SandboxFacts): string {
  const document = parseDocument(template);
  const { apiServerUrl } = facts;
  if (apiServerUrl === undefined) document.setIn(['store', 'endpoint'], facts.storeEndpoint);
  else document.set('store', describeSecretsStore(apiServerUrl));
  document.setIn(['http', 'port'], facts.httpPort);
  const providers = document.get('providers');
  if (!isSeq(providers)) throw new Error('config/sandbox.yaml has no list of providers');
  for (const provider of providers.items) {
    if (!(provider instanceof YAMLMap)) throw new Error('a provider of config/sandbox.yaml is not a mapping');
    const upstream = parseUpstream(provider.get('name'));
    provider.set('baseUrl', facts.baseUrlOf(upstream));
    if (apiServerUrl !== undefined) renameSecret(provider);
    provider.set('lifetime', formatDuration(Math.round(DOCUMENTED_LIFETIMES_MS[upstream] / facts.speed)));
  }
  return document.toString();
}

function describeSecretsStore(url: string) {
  return {
    kind: 'kubernetes-secret',
    namespace: SANDBOX_NAMESPACE,
    apiServer: { url, tokenFile: API_TOKEN_FILE },
    createSecrets: true,
    tags: { environment: 'sandbox' },
  };
}

/** `sandbox/pivot-b2b2c/{customer}` has a slash too many for `NAMESPACE/NAME`. */
function renameSecret(provider: YAMLMap): void {
  const [namespace, ...parts] = String(provider.get('secret')).split('/');
  provider.set('secret', `${namespace}/${parts.join('-')}`);
  // What the template says about state secrets is about Secrets Manager.
  for (const { key } of provider.items) if (isScalar(key) && key.value === 'secret') key.commentBefore = null;
}

/** The files that the template refers to, by path relative to the configuration file. */
export function sandboxCredentialFiles(credentials: SandboxCredentials): ReadonlyMap<string, SecretText> {
  const files = new Map<string, SecretText>();
  for (const [kind, texts] of Object.entries(credentials.byKind)) {
    for (const [name, text] of texts) files.set(`credentials/${kind}/${name}`, text);
  }
  for (const { customer, credentials: texts } of credentials.customers) {
    for (const [name, text] of texts) files.set(`credentials/pivot-b2b2c/${customer}/${name}`, text);
  }
  return files;
}

function parseUpstream(name: unknown): UpstreamName {
  if (typeof name === 'string' && isUpstreamName(name)) return name;
  throw new Error('a provider of config/sandbox.yaml has no name of an upstream');
}
