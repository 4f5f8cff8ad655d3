/** The Lease API as the processes reach it: the API server of the tests behind a network. */

import type { CallLimits } from '../../src/adapters/kubernetes/api-client.ts';
import { buildAnnotatedLease, buildLeaseUpdate, buildNewLease } from '../../src/adapters/kubernetes/lease.ts';
import {
  failed,
  type LeaseAnswer,
  type LeaseOperation,
  parseAnswer,
} from '../../src/adapters/kubernetes/lease-answer.ts';
import type { LeaseClient } from '../../src/adapters/kubernetes/lease-client.ts';
import { withDeadline } from '../../src/core/deadline.ts';
import type { Clock } from '../../src/core/ports.ts';
import type { JsonObject } from '../../src/core/wire/json.ts';
import type { ApiAnswer } from '../../src/sandbox/kubernetes/kubernetes-api.ts';
import { LEASE_NAME, LEASE_NAMESPACE, LeaseApi, SERVICE_ACCOUNT_TOKEN } from '../support/lease-api.ts';
import type { Chance } from './chance.ts';
import { type Network, type Passage, usualPassage } from './network.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { World } from './world.ts';

const PATH = `/apis/coordination.k8s.io/v1/namespaces/${LEASE_NAMESPACE}/leases`;

const DRY_RUN = '?dryRun=All';

interface Request {
  readonly operation: LeaseOperation;
  readonly method: string;
  readonly path: string;
  readonly body: JsonObject | undefined;
}

export class SimulatedLease {
  readonly api = new LeaseApi();
  /** When each process sent its last renewal that was carried out and answered, by process. */
  readonly renewals = new WeakMap<VirtualProcess, number>();
  readonly #world: World;
  readonly #network: Network;
  readonly #chance: Chance;

  constructor(world: World, network: Network) {
    this.#world = world;
    this.#network = network;
    this.#chance = world.chance.fork('lease');
  }

  /** The client of one process. */
  connect(process: VirtualProcess, pod: string, clock: Clock): LeaseClient {
    const send = (request: Request, call: CallLimits): Promise<LeaseAnswer> =>
      this.#send(process, pod, clock, request, call);
    const one = `${PATH}/${LEASE_NAME}`;
    return {
      get: (call) => send({ operation: 'get', method: 'GET', path: one, body: undefined }, call),
      create: (change, call) =>
        send(
          {
            operation: 'create',
            method: 'POST',
            path: PATH,
            body: buildNewLease(LEASE_NAME, LEASE_NAMESPACE, change),
          },
          call,
        ),
      update: (lease, change, call) =>
        send({ operation: 'update', method: 'PUT', path: one, body: buildLeaseUpdate(lease, change) }, call),
      annotate: (lease, annotations, call) =>
        send(
          { operation: 'update', method: 'PUT', path: one, body: buildAnnotatedLease(lease, annotations) },
          call,
        ),
      rehearse: (held, call) =>
        held === undefined
          ? Promise.resolve({ kind: 'absent' })
          : send({ operation: 'update', method: 'PUT', path: `${one}${DRY_RUN}`, body: held.raw }, call),
      close: () => undefined,
    };
  }

  async #send(
    process: VirtualProcess,
    pod: string,
    clock: Clock,
    { operation, method, path, body }: Request,
    { timeoutMs, signal }: CallLimits,
  ): Promise<LeaseAnswer> {
    const sentAtMs = this.#world.time.nowMs;
    const passage = this.#drawPassage(pod);
    const isRefused = this.#world.weather.lease === 'error';
    try {
      const answer = await withDeadline(clock, timeoutMs, signal, () =>
        this.#network.call({
          process,
          port: 'lease',
          what: `${operation} of the lease`,
          passage,
          execute: (): ApiAnswer =>
            isRefused
              ? { status: 500, body: {} }
              : this.api.handle({
                  method,
                  path,
                  authorization: `Bearer ${SERVICE_ACCOUNT_TOKEN}`,
                  body: body === undefined ? '' : JSON.stringify(body),
                }),
        }),
      );
      if (operation !== 'get' && !path.endsWith(DRY_RUN) && answer.status < 300)
        this.renewals.set(process, sentAtMs);
      return parseAnswer({
        operation,
        status: answer.status,
        retryAfter: undefined,
        body: JSON.stringify(answer.body),
        nowMs: clock.now(),
        leaseName: LEASE_NAME,
      });
    } catch {
      return failed('the API server gave no answer');
    }
  }

  #drawPassage(pod: string): Passage {
    const { weather } = this.#world;
    const passage = usualPassage(this.#chance, 1, 20);
    if (weather.cutOff.has(pod) || weather.lease === 'hang') return { ...passage, request: 'hang' };
    if (weather.lease === 'reset') return { ...passage, request: 'reset' };
    if (weather.isQuiet) return passage;
    const draw = this.#chance.between(1, 1000);
    if (draw > 12) return passage;
    this.#world.countFault('lease call lost, late or doubled');
    if (draw <= 3) return { ...passage, request: 'reset' };
    if (draw <= 6) return { ...passage, answer: 'reset' };
    if (draw <= 8) return { ...passage, answer: 'hang' };
    if (draw <= 10) return { ...passage, requestMs: this.#chance.between(200, 8000) };
    return { ...passage, repeatAfterMs: this.#chance.between(1, 20_000) };
  }
}
