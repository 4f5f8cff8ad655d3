import type { TestContext } from 'node:test';
import { createSecretsManagerClient } from '../../src/adapters/secrets-manager/client.ts';
import {
  SecretsManagerStore,
  type StoreOptions,
} from '../../src/adapters/secrets-manager/secrets-manager-store.ts';
import { createSdkService } from '../../src/adapters/secrets-manager/service.ts';
import type { TokenStore } from '../../src/core/ports.ts';
import type { OperationName } from '../../src/sandbox/secrets-manager/operation.ts';
import { type EmulatedSecretsManager, startEmulatedSecretsManager } from './emulated-secrets-manager.ts';
import { FakeClock } from './fake-clock.ts';
import { createDirectTransport } from './transport.ts';

export const STORE_TIMEOUT_MS = 10_000;

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
      transport: createDirectTransport(),
      region: sandbox.engine.region,
      endpoint: sandbox.server.endpoint,
      credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
    });
    t.after(() => client.destroy());
    return new SecretsManagerStore({
      service: createSdkService(client),
      clock,
      timeoutMs: STORE_TIMEOUT_MS,
      section: 'store',
      createSecrets: true,
      kmsKeyId: undefined,
      tags: {},
      adopt: new Set(),
      onBatchDenied: () => undefined,
      ...changes,
    });
  };
  return { sandbox, clock, store: createStore(), requests, createStore };
}
