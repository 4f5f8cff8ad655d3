import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { HttpTransport } from '../../core/wire/http-call.ts';
import type { AwsIdentity } from '../aws-credentials/aws-identity.ts';
import { AwsRequestHandler } from '../net/aws-request-handler.ts';

export interface ClientOptions {
  readonly transport: HttpTransport;
  /** `undefined`: the SDK's own chain (`AWS_REGION`, profile). */
  readonly region: string | undefined;
  /** For emulators and VPC endpoints; `undefined`: AWS. */
  readonly endpoint: string | undefined;
  /** `undefined`: the SDK's own chain (IRSA, Pod Identity, environment, profile). */
  readonly credentials: AwsIdentity | (() => Promise<AwsIdentity>) | undefined;
}

/**
 * One client for the whole process. One attempt per call: waits and retries are the managed token's, through its clock, and
 * the SDK would retry the version quota as if it were throttling.
 */
export function createSecretsManagerClient({
  transport,
  region,
  endpoint,
  credentials,
}: ClientOptions): SecretsManagerClient {
  return new SecretsManagerClient({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: 1,
    requestHandler: new AwsRequestHandler(transport),
  });
}
