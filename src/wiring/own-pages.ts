/** Where people reach the daemon's own pages, and what they have to do before. */
import type { Configuration } from '../config/configuration.ts';
import type { ConnectionPorts } from './connections.ts';

export interface OwnPages {
  /** Without a slash at the end. */
  readonly ownUrl: string;
  /** A sentence for alerts; `undefined`: nothing has to be done, as far as is known. */
  readonly ownUrlHint: string | undefined;
}

/**
 * `http.url` where it is set. Else a pod is reached by a port-forward, as its network is not that of people, and any other
 * program on the machine it runs on.
 */
export function findOwnPages(
  { http, coordination }: Pick<Configuration, 'http' | 'coordination'>,
  readEnv: ConnectionPorts['readEnv'],
): OwnPages {
  if (http.url !== undefined) return { ownUrl: http.url, ownUrlHint: undefined };
  const { port } = http;
  const ownUrl = `http://localhost:${port}`;
  const pod = readEnv('POD_NAME');
  if (pod === undefined) return { ownUrl, ownUrlHint: undefined };
  const namespace =
    readEnv('POD_NAMESPACE') ?? (coordination.kind === 'kubernetes' ? coordination.namespace : undefined);
  const option = namespace === undefined ? '' : ` -n ${namespace}`;
  return {
    ownUrl,
    ownUrlHint: `the runbook's link works while this runs: kubectl${option} port-forward pod/${pod} ${port}`,
  };
}
