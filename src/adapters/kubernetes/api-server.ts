import { readFileSync } from 'node:fs';
import type { ApiServer } from '../../core/wire/api-server-fields.ts';

/** How a pod identifies itself. */
const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

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
