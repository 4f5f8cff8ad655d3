/**
 * The operations of Secrets Manager that the daemon uses, one method each: what stands between our own rules and the
 * AWS SDK.
 *
 * Guarantee: one HTTP call each, nothing interpreted; a rejection is what the SDK throws. Nothing is retried but a call
 * whose credentials were refused, with others.
 */
import {
  BatchGetSecretValueCommand,
  type BatchGetSecretValueRequest,
  type BatchGetSecretValueResponse,
  CreateSecretCommand,
  type CreateSecretRequest,
  type CreateSecretResponse,
  DescribeSecretCommand,
  type DescribeSecretRequest,
  type DescribeSecretResponse,
  GetSecretValueCommand,
  type GetSecretValueRequest,
  type GetSecretValueResponse,
  ListSecretsCommand,
  type ListSecretsRequest,
  type ListSecretsResponse,
  ListSecretVersionIdsCommand,
  type ListSecretVersionIdsRequest,
  type ListSecretVersionIdsResponse,
  PutSecretValueCommand,
  type PutSecretValueRequest,
  type PutSecretValueResponse,
  type SecretsManagerClient,
  TagResourceCommand,
  type TagResourceRequest,
  UpdateSecretVersionStageCommand,
  type UpdateSecretVersionStageRequest,
} from '@aws-sdk/client-secrets-manager';
import { parseHttpDate } from '../../core/wire/http-date.ts';
import { isJsonObject } from '../../core/wire/json.ts';
import { type AwsCredentials, sendSigned } from '../aws-credentials/aws-credentials.ts';

export interface SecretsManagerService {
  batchGetSecretValue(
    input: BatchGetSecretValueRequest,
    signal: AbortSignal,
  ): Promise<BatchGetSecretValueResponse>;
  createSecret(input: CreateSecretRequest, signal: AbortSignal): Promise<CreateSecretResponse>;
  describeSecret(input: DescribeSecretRequest, signal: AbortSignal): Promise<DescribeSecretResponse>;
  getSecretValue(input: GetSecretValueRequest, signal: AbortSignal): Promise<GetSecretValueResponse>;
  listSecrets(input: ListSecretsRequest, signal: AbortSignal): Promise<ListSecretsResponse>;
  listSecretVersionIds(
    input: ListSecretVersionIdsRequest,
    signal: AbortSignal,
  ): Promise<Dated<ListSecretVersionIdsResponse>>;
  putSecretValue(input: PutSecretValueRequest, signal: AbortSignal): Promise<PutSecretValueResponse>;
  tagResource(input: TagResourceRequest, signal: AbortSignal): Promise<unknown>;
  updateSecretVersionStage(input: UpdateSecretVersionStageRequest, signal: AbortSignal): Promise<unknown>;
}

export interface Dated<Answer> {
  readonly answer: Answer;
  /** When the service answered, by its own clock, in milliseconds since the epoch; `undefined`: it did not say. */
  readonly answeredAtMs: number | undefined;
}

/**
 * The service over the network. The client is closed by whoever made it.
 * @param credentials what the client signs with, where that may change: what AWS refuses is looked up anew, and the call,
 *   which was not carried out, sent once more with what is found. `undefined`: fixed ones
 */
export function createSdkService(
  client: SecretsManagerClient,
  credentials?: AwsCredentials,
): SecretsManagerService {
  const signed = <T>(send: () => Promise<T>): Promise<T> => sendSigned(credentials, send);
  return {
    batchGetSecretValue: (input, abortSignal) =>
      signed(() => client.send(new BatchGetSecretValueCommand(input), { abortSignal })),
    createSecret: (input, abortSignal) =>
      signed(() => client.send(new CreateSecretCommand(input), { abortSignal })),
    describeSecret: (input, abortSignal) =>
      signed(() => client.send(new DescribeSecretCommand(input), { abortSignal })),
    getSecretValue: (input, abortSignal) =>
      signed(() => client.send(new GetSecretValueCommand(input), { abortSignal })),
    listSecrets: (input, abortSignal) =>
      signed(() => client.send(new ListSecretsCommand(input), { abortSignal })),
    listSecretVersionIds: (input, abortSignal) => signed(() => listVersionsDated(client, input, abortSignal)),
    putSecretValue: (input, abortSignal) =>
      signed(() => client.send(new PutSecretValueCommand(input), { abortSignal })),
    tagResource: (input, abortSignal) =>
      signed(() => client.send(new TagResourceCommand(input), { abortSignal })),
    updateSecretVersionStage: (input, abortSignal) =>
      signed(() => client.send(new UpdateSecretVersionStageCommand(input), { abortSignal })),
  };
}

async function listVersionsDated(
  client: SecretsManagerClient,
  input: ListSecretVersionIdsRequest,
  abortSignal: AbortSignal,
): Promise<Dated<ListSecretVersionIdsResponse>> {
  const command = new ListSecretVersionIdsCommand(input);
  let answeredAtMs: number | undefined;
  command.middlewareStack.add(
    (next) => async (call) => {
      const answer = await next(call);
      answeredAtMs = readDate(answer.response);
      return answer;
    },
    { step: 'deserialize', name: 'readAnswerDate' },
  );
  const answer = await client.send(command, { abortSignal });
  return { answer, answeredAtMs };
}

function readDate(response: unknown): number | undefined {
  const headers = isJsonObject(response) && isJsonObject(response['headers']) ? response['headers'] : {};
  const date = headers['date'];
  return typeof date === 'string' ? parseHttpDate(date) : undefined;
}
