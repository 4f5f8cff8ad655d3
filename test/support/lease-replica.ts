import { buildAnnotatedLease, buildLeaseUpdate, buildNewLease } from '../../src/adapters/kubernetes/lease.ts';
import {
  failed,
  type LeaseAnswer,
  type LeaseOperation,
  parseAnswer,
} from '../../src/adapters/kubernetes/lease-answer.ts';
import type { LeaseClient } from '../../src/adapters/kubernetes/lease-client.ts';
import { LeaseElector } from '../../src/adapters/kubernetes/lease-elector.ts';
import { withDeadline } from '../../src/core/deadline.ts';
import type { LeaseTiming } from '../../src/core/lease-timing.ts';
import type { Clock, Coordinator, Random } from '../../src/core/ports.ts';
import type { JsonObject } from '../../src/core/wire/json.ts';
import type { FakeClock } from './fake-clock.ts';
import { LEASE_NAME, LEASE_NAMESPACE, type LeaseApi, SERVICE_ACCOUNT_TOKEN } from './lease-api.ts';
import { RecordedEvents } from './recorded-events.ts';
import { createSeededRandom } from './seeded-random.ts';

/** What becomes of one call on its way. */
export interface Passage {
  /** Until the server handles it, in milliseconds; `Infinity`: it never arrives. */
  readonly requestMs: number;
  /** From there until the caller has the answer; `Infinity`: it is lost. */
  readonly answerMs: number;
  /** The server answers with this status and does nothing. */
  readonly refusal?: number;
  /** Body of the refusal; an empty object when left out. */
  readonly refusalBody?: JsonObject;
  /** Header of the refusal. */
  readonly retryAfter?: string;
}

/** Neither delay nor loss. */
export const INSTANT: Passage = { requestMs: 0, answerMs: 0 };

export interface ReplicaOptions {
  readonly api: LeaseApi;
  /** The true time, which no replica sees. */
  readonly clock: FakeClock;
  readonly identity: string;
  readonly timing: LeaseTiming;
  /** This replica's wall clock minus the true one, in milliseconds. */
  readonly wallSkewMs?: number;
  /** This replica's monotonic clock minus the true one. */
  readonly monotonicSkewMs?: number;
  readonly random?: Random;
  /** What it writes into the lease; `blue` when left out. */
  readonly installation?: string;
  /** Its client's calls end when they are answered, and never by their deadline. */
  readonly ignoresDeadlines?: boolean;
  /** Told when the client is closed. */
  readonly close?: () => void;
  /** Asked once per call; without delay and loss when left out. */
  readonly passage?: (operation: LeaseOperation) => Passage;
}

/**
 * One replica with an elector on a simulated network: true time is a {@link FakeClock}, its own clocks are wrong, calls
 * are late or lost, and its process can be stopped (SIGSTOP).
 */
export class LeaseReplica {
  readonly identity: string;
  readonly events = new RecordedEvents();
  readonly elector: Coordinator;
  /** The calls so far that have left for the server. */
  readonly calls: { readonly operation: LeaseOperation; readonly atMs: number }[] = [];
  /** While it is true no call arrives. */
  isCutOff = false;
  readonly clock: Clock;
  readonly #options: ReplicaOptions;
  #resumed: Promise<void> | undefined;
  #resume: (() => void) | undefined;

  constructor(options: ReplicaOptions) {
    const { identity, timing, clock, wallSkewMs = 0, monotonicSkewMs = 0 } = options;
    this.#options = options;
    this.identity = identity;
    this.clock = {
      now: () => clock.now() + wallSkewMs,
      monotonicMs: () => clock.monotonicMs() + monotonicSkewMs,
      sleep: async (delayMs, signal) => {
        await clock.sleep(delayMs, signal);
        await this.#running();
      },
    };
    this.elector = new LeaseElector({
      client: this.#createClient(),
      identity,
      leaseName: LEASE_NAME,
      installation: options.installation ?? 'blue',
      podPort: 8080,
      timing,
      clock: this.clock,
      random: options.random ?? createSeededRandom(identity.length),
      events: this.events.record,
    });
  }

  /** SIGSTOP: time goes on, and nothing of this replica runs until {@link LeaseReplica.resume}. */
  pause(): void {
    if (this.#resumed !== undefined) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resumed = promise;
    this.#resume = resolve;
  }

  resume(): void {
    this.#resumed = undefined;
    this.#resume?.();
  }

  get isPaused(): boolean {
    return this.#resumed !== undefined;
  }

  async #running(): Promise<void> {
    while (this.#resumed !== undefined) await this.#resumed;
  }

  #createClient(): LeaseClient {
    const path = `/apis/coordination.k8s.io/v1/namespaces/${LEASE_NAMESPACE}/leases`;
    const one = `${path}/${LEASE_NAME}`;
    const options = this.#options;
    return {
      get: (call) => this.#send('get', 'GET', one, undefined, call),
      create: (change, call) =>
        this.#send('create', 'POST', path, buildNewLease(LEASE_NAME, LEASE_NAMESPACE, change), call),
      update: (lease, change, call) =>
        this.#send('update', 'PUT', one, buildLeaseUpdate(lease, change), call),
      annotate: (lease, annotations, call) =>
        this.#send('update', 'PUT', one, buildAnnotatedLease(lease, annotations), call),
      rehearse: (lease, call) => this.#send('update', 'PUT', `${one}?dryRun=All`, lease?.raw, call),
      close: options.close ?? (() => undefined),
    };
  }

  async #send(
    operation: LeaseOperation,
    method: string,
    path: string,
    body: JsonObject | undefined,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<LeaseAnswer> {
    const { api, clock, passage } = this.#options;
    this.calls.push({ operation, atMs: clock.monotonicMs() });
    const { requestMs, answerMs, refusal, refusalBody = {}, retryAfter } = passage?.(operation) ?? INSTANT;
    const isLost = this.isCutOff;
    // What is under way arrives although its sender has given up, or was stopped.
    const arrival = async (): Promise<LeaseAnswer> => {
      if (isLost || requestMs === Number.POSITIVE_INFINITY) await new Promise<never>(() => undefined);
      if (requestMs > 0) await clock.sleep(requestMs);
      const answer =
        refusal === undefined
          ? api.handle({
              method,
              path,
              authorization: `Bearer ${SERVICE_ACCOUNT_TOKEN}`,
              body: body === undefined ? '' : JSON.stringify(body),
            })
          : { status: refusal, body: refusalBody };
      if (answerMs === Number.POSITIVE_INFINITY) await new Promise<never>(() => undefined);
      if (answerMs > 0) await clock.sleep(answerMs);
      return parseAnswer({
        operation,
        status: answer.status,
        retryAfter,
        body: JSON.stringify(answer.body),
        nowMs: clock.now(),
        leaseName: `${LEASE_NAMESPACE}/${LEASE_NAME}`,
      });
    };
    const arriving = arrival();
    try {
      const limitMs = this.#options.ignoresDeadlines === true ? Number.POSITIVE_INFINITY : timeoutMs;
      return await withDeadline(this.clock, limitMs, signal, async () => {
        const answer = await arriving;
        await this.#running();
        return answer;
      });
    } catch {
      return failed(signal.aborted ? 'given up' : 'no answer');
    }
  }
}
