/**
 * A client for one Lease: get, create, update.
 *
 * Guarantee: as of {@link ApiClient}; everything that the server can say becomes a {@link LeaseAnswer}.
 * Non-guarantee: after a failure it is unknown whether the server has carried a write out.
 */
import type { JsonObject } from '../../core/wire/json.ts';
import { ApiClient, type ApiClientOptions, type CallLimits } from './api-client.ts';
import {
  buildAnnotatedLease,
  buildLeaseUpdate,
  buildNewLease,
  buildUnheldLease,
  type Lease,
  type LeaseChange,
} from './lease.ts';
import { failed, type LeaseAnswer, type LeaseOperation, parseAnswer } from './lease-answer.ts';

/** Calls about one lease. None of them throws for what a network, a server or a file can do. */
export interface LeaseClient {
  get(call: CallLimits): Promise<LeaseAnswer>;
  create(change: LeaseChange, call: CallLimits): Promise<LeaseAnswer>;
  /** Replaces `lease` if nobody has changed it since it was read. */
  update(lease: Lease, change: LeaseChange, call: CallLimits): Promise<LeaseAnswer>;
  /** Adds annotations to `lease`, and leaves the record alone, if nobody has changed it since it was read. */
  annotate(
    lease: Lease,
    annotations: Readonly<Record<string, string>>,
    call: CallLimits,
  ): Promise<LeaseAnswer>;
  /**
   * Asks whether a write would be taken, by one that the server carries out in part and does not keep (`dryRun=All`): of
   * `lease` as it is, or of a new one that names nobody. A server that knows no dry run finds nothing to change.
   */
  rehearse(lease: Lease | undefined, call: CallLimits): Promise<LeaseAnswer>;
  /** Gives up the calls that still run. */
  close(): void;
}

export interface LeaseClientOptions extends ApiClientOptions {
  readonly leaseName: string;
}

export function createLeaseClient(options: LeaseClientOptions): LeaseClient {
  const { leaseName, clock } = options;
  const api = new ApiClient(options);

  async function send(
    operation: LeaseOperation,
    buildBody: (namespace: string) => JsonObject | undefined,
    call: CallLimits,
    query = '',
  ): Promise<LeaseAnswer> {
    let name = leaseName;
    const reply = await api.send((namespace) => {
      name = `${namespace}/${leaseName}`;
      const collection = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
      const path = operation === 'create' ? collection : `${collection}/${leaseName}`;
      return { method: METHODS[operation], path: `${path}${query}`, body: buildBody(namespace) };
    }, call);
    if (reply.kind === 'failed') return failed(reply.message);
    return parseAnswer({ ...reply, operation, nowMs: clock.now(), leaseName: name });
  }

  return {
    get: (call) => send('get', () => undefined, call),
    create: (change, call) =>
      send('create', (namespace) => buildNewLease(leaseName, namespace, change), call),
    update: (lease, change, call) => send('update', () => buildLeaseUpdate(lease, change), call),
    annotate: (lease, annotations, call) =>
      send('update', () => buildAnnotatedLease(lease, annotations), call),
    rehearse: (lease, call) =>
      lease === undefined
        ? send('create', (namespace) => buildUnheldLease(leaseName, namespace), call, DRY_RUN)
        : send('update', () => lease.raw, call, DRY_RUN),
    close: () => api.close(),
  };
}

const DRY_RUN = '?dryRun=All';

const METHODS = { get: 'GET', create: 'POST', update: 'PUT' } as const;
