/**
 * Credentials from the agent beside a container: EKS Pod Identity, ECS. Ours and not the SDK's, which has no limit for an
 * answer and keeps the connection of an abandoned look-up.
 *
 * Source: AWS SDKs and Tools Reference Guide, "Container credential provider".
 */
import * as z from 'zod';
import type { HttpTransport } from '../../core/wire/http-call.ts';
import { parseJson } from '../../core/wire/json.ts';
import { isLoopback } from '../../core/wire/loopback.ts';
import { AwsCredentialsError, type AwsIdentity } from './aws-identity.ts';

const ECS_HOST = '169.254.170.2';
const EKS_HOSTS: ReadonlySet<string> = new Set([ECS_HOST, '169.254.170.23', '[fd00:ec2::23]']);

const answerSchema = z.object({
  AccessKeyId: z.string().min(1),
  SecretAccessKey: z.string().min(1),
  Token: z.string().min(1),
  Expiration: z.string().pipe(z.coerce.date()),
});

export interface ContainerSettings {
  readonly relativeUri: string | undefined;
  readonly fullUri: string | undefined;
}

/** @returns `undefined` when there is none; a text that says what is wrong with it */
export function findContainerEndpoint({ relativeUri, fullUri }: ContainerSettings): URL | string | undefined {
  if (relativeUri) return URL.parse(relativeUri, `http://${ECS_HOST}`) ?? UNUSABLE('RELATIVE');
  if (!fullUri) return undefined;
  const url = URL.parse(fullUri);
  if (url === null) return UNUSABLE('FULL');
  const isTrusted = url.protocol === 'https:' || isLoopback(url.hostname) || EKS_HOSTS.has(url.hostname);
  return isTrusted ? url : UNUSABLE('FULL');
}

const UNUSABLE = (kind: string): string =>
  `AWS_CONTAINER_CREDENTIALS_${kind}_URI is no URL of https, of this machine or of an agent of AWS`;

/**
 * @param transport without a proxy: the agent is on the same machine
 * @param token value of `authorization`; `undefined`: none
 */
export async function fetchContainerCredentials(
  transport: HttpTransport,
  endpoint: URL,
  token: string | undefined,
  signal: AbortSignal,
): Promise<AwsIdentity> {
  const headers = token === undefined ? {} : { authorization: token };
  const { status, body } = await transport.send({ method: 'GET', url: endpoint, headers }, signal);
  if (status !== 200) {
    throw new AwsCredentialsError(
      `the container credentials endpoint (Pod Identity agent) answered with status ${status}: check the pod's identity association and role`,
    );
  }
  const text = 'bytes' in body ? new TextDecoder().decode(body.bytes) : '';
  const parsed = answerSchema.safeParse(parseJson(text));
  if (!parsed.success)
    throw new AwsCredentialsError(
      'the container credentials endpoint (Pod Identity agent) did not answer with credentials',
    );
  const { AccessKeyId, SecretAccessKey, Token, Expiration } = parsed.data;
  return {
    accessKeyId: AccessKeyId,
    secretAccessKey: SecretAccessKey,
    sessionToken: Token,
    expiration: Expiration,
  };
}
