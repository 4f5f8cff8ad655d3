/** The daemon's own AWS credentials in a real process, for the clients of the SDK. */
import { addAbortListener } from 'node:events';
import type { Clock } from '../../core/ports.ts';
import type { HttpTransport } from '../../core/wire/http-call.ts';
import type { FileLanes } from '../files/file-lanes.ts';
import { createHttpTransport } from '../net/http-transport.ts';
import { createSecretsManagerClient } from '../secrets-manager/client.ts';
import { AwsCredentials, LOOK_UP_MS } from './aws-credentials.ts';
import type { AwsIdentity } from './aws-identity.ts';
import { lookUpCredentials, placeOf } from './credential-chain.ts';

/**
 * The SDK's chain of credentials, reached through a client of its own, which is thrown away: so it remembers nothing of
 * a look-up that hangs, and its calls of STS end with the signal.
 */
async function askSdk(
  transport: HttpTransport,
  region: string | undefined,
  signal: AbortSignal,
): Promise<AwsIdentity> {
  const client = createSecretsManagerClient({
    transport,
    region,
    endpoint: undefined,
    credentials: undefined,
  });
  using _ending = addAbortListener(signal, () => client.destroy());
  try {
    const { config } = client;
    // As the client itself does, but for the cache: the SDK keeps the text of profiles for the life of the process, and a
    // key that was replaced there would never count.
    const lookUp = config.credentialDefaultProvider({
      ...config,
      parentClientConfig: config,
      ignoreCache: true,
    });
    // Not abandoned when aborted: the caller counts a look-up that ignores its end.
    return await lookUp({ callerClientConfig: config });
  } finally {
    client.destroy();
  }
}

export interface OwnCredentialsOptions {
  readonly transport: HttpTransport;
  /** Of STS, where that is asked; `undefined`: the SDK's own chain. */
  readonly region: string | undefined;
  readonly clock: Clock;
  readonly files: Pick<FileLanes, 'run'>;
  /** Deadline of a call that waits for them, in milliseconds. */
  readonly callLimitMs: number;
}

/** The daemon's own credentials, for clients that are given none. */
export function createAwsCredentials({
  transport,
  region,
  clock,
  files,
  callLimitMs,
}: OwnCredentialsOptions): AwsCredentials {
  // The SDK reads the variables where it likes, so they are looked at in the same place.
  const readEnv = (name: string): string | undefined => process.env[name];
  const agentTransport = createHttpTransport({ clock, readEnv: undefined });
  return new AwsCredentials({
    clock,
    // The message of a call that has run out of time would name the way to the store instead.
    limitMs: Math.min(LOOK_UP_MS, 0.8 * callLimitMs),
    place: () => placeOf(readEnv),
    lookUp: (signal) =>
      lookUpCredentials(
        { readEnv, files, agentTransport, askSdk: (until) => askSdk(transport, region, until) },
        signal,
      ),
  });
}
