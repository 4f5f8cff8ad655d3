/**
 * How the processes of one installation agree who refreshes, and how a command asks whoever does.
 */
import { DirectoryRequests } from '../adapters/journal/directory-requests.ts';
import type { CallLimits } from '../adapters/kubernetes/api-client.ts';
import { findClusterApiServer, NAMESPACE_FILE } from '../adapters/kubernetes/api-server.ts';
import { createLeaseClient, type LeaseClient } from '../adapters/kubernetes/lease-client.ts';
import { LeaseElector } from '../adapters/kubernetes/lease-elector.ts';
import { askLeaseHolder, createRequestDesk } from '../adapters/kubernetes/lease-requests.ts';
import { createSoleLeader } from '../adapters/system/sole-leader.ts';
import type { Configuration, CoordinationConfiguration } from '../config/configuration.ts';
import type { Coordinator } from '../core/ports.ts';
import type { ApiServer } from '../core/wire/api-server-fields.ts';
import type { RefreshReport, RefreshRequests } from '../core/wire/refresh-request.ts';
import type { ConnectionPorts } from './connections.ts';
import { describeInstallation } from './installation.ts';
import type { SystemPorts } from './system-ports.ts';

export { describeHolder, findLeaseProblem } from '../adapters/kubernetes/lease-check.ts';

/** Deadline for a call to the API server of a process that takes no part in the election. */
const LEASE_CALL_MS = 5000;

type KubernetesCoordination = Extract<CoordinationConfiguration, { kind: 'kubernetes' }>;

/** Why the replicas cannot agree with this configuration here; `undefined` when they can. */
export function findCoordinationProblem(
  { coordination }: Configuration,
  readEnv: ConnectionPorts['readEnv'],
): string | undefined {
  if (coordination.kind === 'none' || findApiServer(coordination, readEnv) !== undefined) return undefined;
  return (
    'coordination: kubernetes, but this is no pod (KUBERNETES_SERVICE_HOST is not set): ' +
    'set coordination.apiServer, or coordination.kind to none'
  );
}

interface CoordinatorDeps extends SystemPorts, Pick<ConnectionPorts, 'events' | 'readEnv'> {
  /** What a command asks for while this process leads; `undefined`: it cannot be asked. */
  readonly handleRequest?: RefreshRequests;
  /** Where other replicas pass reports of refused tokens on to this one; see `LeaseChange.rejectionsAt`. */
  readonly rejectionsAt?: () => string | undefined;
}

/** @throws outside of a cluster, unless {@link findCoordinationProblem} was heeded */
export function createCoordinator(
  configuration: Configuration,
  { clock, random, events, readEnv, files, handleRequest, rejectionsAt }: CoordinatorDeps,
): Coordinator {
  const { coordination, journal } = configuration;
  if (coordination.kind === 'none') {
    const requests = journal === undefined ? undefined : new DirectoryRequests(journal.dir, clock);
    return createSoleLeader(
      requests === undefined
        ? undefined
        : { take: (signal) => requests.take(handleRequest, signal), release: () => requests.release() },
    );
  }
  const client = connectLease(coordination, { clock, readEnv, files });
  if (client === undefined) throw new Error('there is no API server to coordinate by');
  const { leaseName, timing } = coordination;
  return new LeaseElector({
    client,
    ...(handleRequest === undefined
      ? {}
      : { onOwnLease: createRequestDesk({ client, clock, handle: handleRequest }) }),
    // Two replicas of one name would both take the lease for theirs, and so would a restarted one for its former self.
    identity: `${nameReplica(coordination, readEnv)}_${random.uuid()}`,
    leaseName,
    installation: describeInstallation(configuration),
    podPort: findPodPort(configuration),
    ...(rejectionsAt === undefined ? {} : { rejectionsAt }),
    timing,
    clock,
    random,
    events,
  });
}

/**
 * Asks whoever leads to refresh a token now. `undefined`: there is nobody to ask by this configuration, or at present.
 * Waits while somebody leads who does not answer; rejects when aborted.
 */
export async function askLeader(
  configuration: Configuration,
  name: string,
  ports: SystemPorts & Pick<ConnectionPorts, 'readEnv'>,
  signal: AbortSignal,
): Promise<readonly RefreshReport[] | undefined> {
  const { coordination, journal } = configuration;
  if (coordination.kind === 'none')
    return journal === undefined
      ? undefined
      : new DirectoryRequests(journal.dir, ports.clock).ask(name, signal);
  return withLease(configuration, ports, (client) => askLeaseHolder(name, { ...ports, client }, signal));
}

type LeasePorts = Pick<SystemPorts, 'clock' | 'files'> & Pick<ConnectionPorts, 'readEnv'>;

/**
 * Works with the Lease that replicas agree by, without taking part in the election.
 * @returns `undefined` where there is none, or none can be reached from here
 */
export async function withLease<Found>(
  { coordination }: Configuration,
  ports: LeasePorts,
  work: (client: LeaseClient, call: CallLimits) => Promise<Found>,
): Promise<Found | undefined> {
  const client = coordination.kind === 'none' ? undefined : connectLease(coordination, ports);
  if (client === undefined) return undefined;
  try {
    return await work(client, { timeoutMs: LEASE_CALL_MS, signal: new AbortController().signal });
  } finally {
    client.close();
  }
}

/** `undefined` outside of a cluster. Opens no connection yet. */
function connectLease(
  coordination: KubernetesCoordination,
  { clock, readEnv, files }: LeasePorts,
): LeaseClient | undefined {
  const { leaseName, namespace } = coordination;
  const apiServer = findApiServer(coordination, readEnv);
  if (apiServer === undefined) return undefined;
  return createLeaseClient({
    apiServer,
    leaseName,
    namespace: namespace === undefined ? { file: NAMESPACE_FILE } : { name: namespace },
    clock,
    files,
  });
}

/** Which of the replicas this is, as people call it. */
export function nameReplica(
  coordination: CoordinationConfiguration,
  readEnv: ConnectionPorts['readEnv'],
): string {
  const configured = coordination.kind === 'kubernetes' ? coordination.identity : undefined;
  return configured ?? readEnv('POD_NAME') ?? readEnv('HOSTNAME') ?? 'token-refresher';
}

/** Where other replicas have their status page; undefined unless they are pods beside the Lease, and called as these. */
function findPodPort({ coordination, http }: Configuration): number | undefined {
  if (coordination.kind === 'none') return undefined;
  const { apiServer, namespace, identity } = coordination;
  const isPod = apiServer === undefined && namespace === undefined && identity === undefined;
  return isPod ? http.port : undefined;
}

/** The API server that this process talks to; `undefined`: none. */
export function findApiServer(
  coordination: CoordinationConfiguration,
  readEnv: ConnectionPorts['readEnv'],
): ApiServer | undefined {
  const configured = coordination.kind === 'kubernetes' ? coordination.apiServer : undefined;
  return configured ?? findClusterApiServer(readEnv);
}
