import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { OperationName } from '../../src/sandbox/secrets-manager/operation.ts';
import {
  createSecretsManager,
  type SecretsManager,
} from '../../src/sandbox/secrets-manager/secrets-manager.ts';
import {
  type SecretsManagerServer,
  startSecretsManagerServer,
} from '../../src/sandbox/secrets-manager/secrets-manager-server.ts';
import { FakeClock } from './fake-clock.ts';
import { createSeededRandom } from './seeded-random.ts';

export const DAY_MS = 86_400_000;

export interface EmulatedSecretsManager extends AsyncDisposable {
  readonly clock: FakeClock;
  readonly engine: SecretsManager;
  readonly server: SecretsManagerServer;
  /** The unmodified AWS SDK, one attempt per call. */
  readonly client: SecretsManagerClient;
}

/** A real AWS SDK client against a real server on a free port; time stands still until the test moves it. */
export async function startEmulatedSecretsManager(
  options: {
    readonly versionWall?: number;
    readonly dayMs?: number;
    /** What the client signs for. */
    readonly region?: string;
    /** Wall time to start at, as of {@link FakeClock}. */
    readonly startMs?: number;
    readonly onRequest?: (operation: OperationName) => void;
  } = {},
): Promise<EmulatedSecretsManager> {
  const { onRequest, region, startMs, ...limits } = options;
  const clock = new FakeClock(startMs);
  const engine = createSecretsManager({ clock, random: createSeededRandom(1), ...limits });
  const hook = onRequest === undefined ? {} : { onRequest };
  const server = await startSecretsManagerServer({ engine, clock, ...hook });
  const client = new SecretsManagerClient({
    endpoint: server.endpoint,
    region: region ?? engine.region,
    credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-a-real-key' },
    maxAttempts: 1,
  });
  return {
    clock,
    engine,
    server,
    client,
    async [Symbol.asyncDispose]() {
      client.destroy();
      await server.stop();
    },
  };
}

/** What `assert.rejects` compares a service error with; the message may be a pattern. */
export function serviceError(name: string, message?: string | RegExp) {
  return message === undefined ? { name } : { name, message };
}

/** A request token that says what it is for: `label` padded to 36 characters. */
export function requestToken(label: string): string {
  return label.padEnd(36, '-');
}
