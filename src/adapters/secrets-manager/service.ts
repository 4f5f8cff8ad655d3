/**
 * The operations of Secrets Manager that the daemon uses, one method each: what stands between our own rules and the
 * AWS SDK.
 *
 * Guarantee: one HTTP call each, nothing interpreted; a rejection is what the SDK throws. Nothing is retried but a call
 * whose credentials were refused, with others.
 */
import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  DescribeSecretCommand,
  GetSecretValueCommand,
  ListSecretsCommand,
  ListSecretVersionIdsCommand,
  type ListSecretVersionIdsRequest,
  type ListSecretVersionIdsResponse,
  PutSecretValueCommand,
  type SecretsManagerClient,
  type ServiceInputTypes,
  type ServiceOutputTypes,
  TagResourceCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { parseHttpDate } from '../../core/wire/http-date.ts';
import { valueAtPath } from '../../core/wire/json.ts';
import { type AwsCredentials, sendSigned } from '../aws-credentials/aws-credentials.ts';

type Sdk = ReturnType<typeof createSdkService>;

export type SecretsManagerService = {
  readonly [Operation in keyof Sdk]: (
    input: Parameters<Sdk[Operation]>[0],
    signal: AbortSignal,
  ) => Promise<Omit<Awaited<ReturnType<Sdk[Operation]>>, '$metadata'>>;
};

export interface Dated<Answer> {
  readonly answer: Answer;
  /** When the service answered, by its own clock, in milliseconds since the epoch; `undefined`: it did not say. */
  readonly answeredAtMs: number | undefined;
}

/**
 * The service over the network. The client is closed by its maker.
 * @param credentials what the client signs with, where that may change: what AWS refuses is looked up again, and the call,
 *   which was not carried out, sent once more with what is found. `undefined`: fixed ones
 */
export function createSdkService(client: SecretsManagerClient, credentials?: AwsCredentials) {
  const signed = <T>(send: () => Promise<T>): Promise<T> => sendSigned(credentials, send);
  const operation =
    <Input extends ServiceInputTypes, Output extends ServiceOutputTypes>(
      Command: new (input: Input) => Parameters<typeof client.send<Input, Output>>[0],
    ) =>
    (input: Input, abortSignal: AbortSignal): Promise<Output> =>
      signed(() => client.send(new Command(input), { abortSignal }));
  return {
    batchGetSecretValue: operation(BatchGetSecretValueCommand),
    createSecret: operation(CreateSecretCommand),
    describeSecret: operation(DescribeSecretCommand),
    getSecretValue: operation(GetSecretValueCommand),
    listSecrets: operation(ListSecretsCommand),
    listSecretVersionIds: (input: ListSecretVersionIdsRequest, abortSignal: AbortSignal) =>
      signed(() => listVersionsDated(client, input, abortSignal)),
    putSecretValue: operation(PutSecretValueCommand),
    tagResource: operation(TagResourceCommand),
    updateSecretVersionStage: operation(UpdateSecretVersionStageCommand),
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
  const date = valueAtPath(response, ['headers', 'date']);
  return typeof date === 'string' ? parseHttpDate(date) : undefined;
}
