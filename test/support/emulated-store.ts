import type { TestContext } from 'node:test';
import { createSecretsManagerClient } from '../../src/adapters/secrets-manager/client.ts';
import {
  createSecretsManagerStore,
  type StoreOptions,
} from '../../src/adapters/secrets-manager/secrets-manager-store.ts';
import type { SecretWrite, TokenStore } from '../../src/core/ports.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import type { OperationName } from '../../src/sandbox/secrets-manager/operation.ts';
import {
  type EmulatedSecretsManager,
  requestToken,
  startEmulatedSecretsManager,
} from './emulated-secrets-manager.ts';
import { FakeClock } from './fake-clock.ts';

export const STORE_TIMEOUT_MS = 10_000;

/** The secret that the tests write to, unless they say otherwise. */
export const SECRET = 'payments/pik';

export const never = new AbortController().signal;

export interface EmulatedStore {
  readonly sandbox: EmulatedSecretsManager;
  /** The store's clock, for its deadlines; the emulator has one of its own. */
  readonly clock: FakeClock;
  /** Creates secrets; nothing to adopt, no tags, the default key. */
  readonly store: TokenStore;
  /** Every request that has arrived, in order. */
  readonly requests: OperationName[];
  /** Another store over the same secrets, with a client of its own. */
  createStore(changes?: Partial<StoreOptions>): TokenStore;
}

/** The adapter with the daemon's own SDK client against the emulator; all of it is closed when the test ends. */
export async function startEmulatedStore(
  t: TestContext,
  limits: { readonly versionWall?: number } = {},
): Promise<EmulatedStore> {
  const requests: OperationName[] = [];
  const onRequest = (operation: OperationName): void => void requests.push(operation);
  const sandbox = await startEmulatedSecretsManager({ ...limits, onRequest });
  t.after(() => sandbox[Symbol.asyncDispose]());
  const clock = new FakeClock();
  const createStore = (changes: Partial<StoreOptions> = {}): TokenStore => {
    const client = createSecretsManagerClient({
      region: sandbox.engine.region,
      endpoint: sandbox.server.endpoint,
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
    });
    t.after(() => client.destroy());
    return createSecretsManagerStore({
      client,
      clock,
      timeoutMs: STORE_TIMEOUT_MS,
      createSecrets: true,
      kmsKeyId: undefined,
      tags: {},
      adopt: new Set(),
      ...changes,
    });
  };
  return { sandbox, clock, store: createStore(), requests, createStore };
}

/**
 * A write to {@link SECRET} over `expectedVersion`. The text follows from the label, and so does the request token:
 * two writes of one label are the same write.
 */
export function buildWrite(
  label: string,
  expectedVersion: string | undefined,
  changes: Partial<SecretWrite> = {},
): SecretWrite {
  return {
    secretName: SECRET,
    text: new SecretText(textOf(label)),
    requestToken: requestToken(label),
    expectedVersion,
    ...changes,
  };
}

/** The text that {@link buildWrite} writes. */
export function textOf(label: string): string {
  return `{"access_token":"canary-${label}"}`;
}
