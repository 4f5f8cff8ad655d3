import { readFileSync } from 'node:fs';

/** Where the API server is and how a pod identifies itself there. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface ApiServer {
  /** `https://10.96.0.1:443`, without a slash at its end; http on loopback only. */
  readonly url: string;
  /** Certificates (PEM) to trust; `undefined`: the system's. */
  readonly caFile: string | undefined;
  /** Bearer token. Kubernetes replaces the file about every hour. */
  readonly tokenFile: string;
}

/** Holds the name of the pod's own namespace. */
export const NAMESPACE_FILE = `${SERVICE_ACCOUNT}/namespace`;

/** What {@link NAMESPACE_FILE} says; `undefined` outside of a cluster, and in a pod without a service account's token. */
export function readPodNamespace(): string | undefined {
  try {
    const name = readFileSync(NAMESPACE_FILE, 'utf8').trim();
    return /^[a-z0-9-]{1,63}$/.test(name) ? name : undefined;
  } catch {
    return undefined;
  }
}

/** The API server of the cluster that this process runs in, or `undefined` outside of one. */
export function findClusterApiServer(readEnv: (name: string) => string | undefined): ApiServer | undefined {
  const host = readEnv('KUBERNETES_SERVICE_HOST') ?? '';
  const port = readEnv('KUBERNETES_SERVICE_PORT') ?? '443';
  if (host === '' || !/^\d{1,5}$/.test(port)) return undefined;
  const authority = host.includes(':') ? `[${host}]` : host;
  return {
    url: `https://${authority}:${port}`,
    caFile: `${SERVICE_ACCOUNT}/ca.crt`,
    tokenFile: `${SERVICE_ACCOUNT}/token`,
  };
}
