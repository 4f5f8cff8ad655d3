import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { UndiciHttpHandler } from '@smithy/undici-http-handler';
import { Agent } from 'undici';
import type { AwsIdentity } from '../aws-credentials/aws-identity.ts';

export interface ClientOptions {
  /** `undefined`: the SDK's own chain (`AWS_REGION`, profile). */
  readonly region: string | undefined;
  /** For emulators and VPC endpoints; `undefined`: AWS. */
  readonly endpoint: string | undefined;
  /** `undefined`: the SDK's own chain (IRSA, Pod Identity, environment, profile). */
  readonly credentials: AwsIdentity | (() => Promise<AwsIdentity>) | undefined;
}

/** Longer than the time between two refreshes of a busy daemon: a new TLS connection costs 20 times a kept one. */
const KEEP_ALIVE_MS = 120_000;
const CONNECTIONS = 16;

/**
 * One client for the whole process. One attempt per call: waits and retries are the keeper's, through its clock, and
 * the SDK would retry the version quota as if it were throttling.
 */
export function createSecretsManagerClient({
  region,
  endpoint,
  credentials,
}: ClientOptions): SecretsManagerClient {
  const dispatcher = new Agent({ allowH2: false, keepAliveTimeout: KEEP_ALIVE_MS, connections: CONNECTIONS });
  return new SecretsManagerClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: 1,
    requestHandler: new UndiciHttpHandler({ dispatcher }),
  });
}
