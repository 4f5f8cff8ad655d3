/** The cluster of a sandbox: one namespace, the daemon's account with the rights that it needs, and a reader's. */
import type { Clock, Random } from '../../core/ports.ts';
import type { SecretText } from '../../core/secret-text.ts';
import { KubernetesApi } from './kubernetes-api.ts';
import type { KubernetesFault } from './kubernetes-fault.ts';
import { type KubernetesServer, startKubernetesServer } from './kubernetes-server.ts';

export const SANDBOX_NAMESPACE = 'sandbox';
/** Known beforehand, so that commands can be copied from one start to the next. */
export const READER_TOKEN = 'sandbox-reader';

export interface SandboxCluster {
  readonly server: KubernetesServer;
  /** Its inside, for observers. */
  readonly api: KubernetesApi;
  /** Of the daemon's service account. */
  readonly token: SecretText;
}

export async function startSandboxCluster(options: {
  readonly clock: Clock;
  readonly random: Random;
  readonly port: number;
  readonly findFaults: () => readonly KubernetesFault[];
}): Promise<SandboxCluster> {
  const api = new KubernetesApi(options);
  api.createNamespace(SANDBOX_NAMESPACE);
  const secrets = { apiGroups: [''], resources: ['secrets'] };
  const daemon = { namespace: SANDBOX_NAMESPACE, name: 'token-refresher' };
  const reader = { namespace: SANDBOX_NAMESPACE, name: 'reader' };
  api.grantRole(daemon, [{ ...secrets, verbs: ['get', 'create', 'update'] }]);
  api.grantRole(reader, [{ ...secrets, verbs: ['get'] }]);
  const token = api.issueToken(daemon);
  api.issueToken({ ...reader, text: READER_TOKEN });
  return { server: await startKubernetesServer({ ...options, api }), api, token };
}
