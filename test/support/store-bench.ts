import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { TokenStore } from '../../src/core/ports.ts';
import { findOperationName } from '../../src/sandbox/secrets-manager/operation.ts';
import { STORE_TIMEOUT_MS, startEmulatedStore } from './emulated-store.ts';
import { settle } from './fake-clock.ts';
import { startKubernetesStore } from './kubernetes-store.ts';
import { MemoryStore, STORE_DOWN } from './memory-store.ts';
import { REAL_CLUSTER_SKIP } from './real-cluster.ts';
import { startRealStore } from './real-cluster-store.ts';

/** A store under test, with what the contract has to be able to do to it. */
export interface StoreBench {
  readonly store: TokenStore;
  /** The store of another replica, over the same secrets. */
  readonly rival: TokenStore;
  /** Versions of a secret, those that never became current included where the store keeps them. */
  countVersions(secretName: string): number;
  /** The next call of that name is carried out, and its answer does not arrive. */
  loseAnswer(call: string): void;
  /** Stops the next publish of a later version just before it would take effect. */
  pausePublish(): PausedPublish;
  /** From now on nothing is answered, until {@link StoreBench.recover}. */
  fallSilent(): void;
  /** Lets the deadline of the call in progress pass. */
  passDeadline(): Promise<void>;
  recover(): void;
}

export interface PausedPublish {
  reached(): Promise<void>;
  goOn(): Promise<void>;
}

export interface StoreUnderTest {
  readonly name: string;
  /** The calls that change something during a publish, and which publish makes them. */
  readonly writingCalls: readonly { readonly call: string; readonly during: 'first' | 'later' }[];
  /** Whether the store remembers what a secret held before, so that its versions can be counted. */
  readonly keepsVersions: boolean;
  start(t: TestContext): Promise<StoreBench>;
}

const KUBERNETES_CALLS = {
  writingCalls: [
    { call: 'POST', during: 'first' },
    { call: 'PUT', during: 'later' },
  ],
  keepsVersions: false,
} as const;

/** Every token store. A new one is added here, and the contract is run on it. */
export const STORES: readonly StoreUnderTest[] = [
  {
    name: 'memory store',
    writingCalls: [
      { call: 'publish', during: 'first' },
      { call: 'publish', during: 'later' },
    ],
    keepsVersions: true,
    start: async () => startMemoryStore(),
  },
  {
    name: 'Secrets Manager',
    writingCalls: [
      { call: 'CreateSecret', during: 'first' },
      { call: 'PutSecretValue', during: 'later' },
      { call: 'UpdateSecretVersionStage', during: 'later' },
    ],
    keepsVersions: true,
    start: startSecretsManagerStore,
  },
  {
    name: 'Secrets of Kubernetes',
    ...KUBERNETES_CALLS,
    start: startSecretsOfKubernetes,
  },
  ...(REAL_CLUSTER_SKIP === false
    ? [{ name: 'Secrets of a real Kubernetes', ...KUBERNETES_CALLS, start: startRealStore }]
    : []),
];

function startMemoryStore(): StoreBench {
  const store = new MemoryStore();
  return {
    store,
    rival: store,
    countVersions: (secretName) => store.writesTo(secretName),
    loseAnswer: () => store.loseNextAnswer(),
    pausePublish: () => {
      const held = store.holdNext('publish');
      return { reached: () => held.reached, goOn: async () => held.release() };
    },
    fallSilent: () => {
      store.outage = STORE_DOWN;
    },
    passDeadline: settle,
    recover: () => {
      store.outage = undefined;
    },
  };
}

const HOUR_MS = 3_600_000;

async function startSecretsManagerStore(t: TestContext): Promise<StoreBench> {
  const { sandbox, clock, store, createStore } = await startEmulatedStore(t);
  const { server, engine, clock: wireClock } = sandbox;
  return {
    store,
    rival: createStore(),
    countVersions: (secretName) => engine.versions(secretName).length,
    loseAnswer: (call) => {
      const operation = findOperationName(call);
      assert.ok(operation !== undefined);
      server.setFaults([{ kind: 'lost-answer', operations: [operation], times: 1 }]);
    },
    pausePublish: () => {
      server.setFaults([
        { kind: 'latency', delayMs: HOUR_MS, operations: ['UpdateSecretVersionStage'], times: 1 },
      ]);
      return {
        reached: () => wireClock.untilSleeping(),
        goOn: () => wireClock.advance(HOUR_MS),
      };
    },
    fallSilent: () => server.setFaults([{ kind: 'latency', delayMs: HOUR_MS }]),
    passDeadline: async () => {
      await wireClock.untilSleeping();
      await clock.advance(STORE_TIMEOUT_MS);
    },
    recover: () => server.setFaults([]),
  };
}

async function startSecretsOfKubernetes(t: TestContext): Promise<StoreBench> {
  const { server, clock, storeClock, store, createStore, writes } = await startKubernetesStore(t);
  return {
    store,
    rival: createStore(),
    countVersions: (secretName) => writes.filter((written) => written === secretName).length,
    loseAnswer: (call) => server.setFaults([{ kind: 'lost-answer', methods: [call], times: 1 }]),
    pausePublish: () => {
      server.setFaults([{ kind: 'latency', delayMs: HOUR_MS, methods: ['PUT'], times: 1 }]);
      return {
        reached: () => clock.untilSleeping(),
        goOn: () => clock.advance(HOUR_MS),
      };
    },
    fallSilent: () => server.setFaults([{ kind: 'latency', delayMs: HOUR_MS }]),
    passDeadline: async () => {
      await clock.untilSleeping();
      await storeClock.advance(STORE_TIMEOUT_MS);
    },
    recover: () => server.setFaults([]),
  };
}
