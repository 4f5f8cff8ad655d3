import type { z } from 'zod';
import type { JsonObject } from '../../core/wire/json.ts';
import type { Account } from './account.ts';
import { parseRequest } from './request-validation.ts';

/** The operations that the emulator carries out. */
export const OPERATION_NAMES = [
  'BatchGetSecretValue',
  'CreateSecret',
  'DeleteSecret',
  'DescribeSecret',
  'GetSecretValue',
  'ListSecretVersionIds',
  'ListSecrets',
  'PutSecretValue',
  'RestoreSecret',
  'TagResource',
  'UntagResource',
  'UpdateSecret',
  'UpdateSecretVersionStage',
] as const;

export type OperationName = (typeof OPERATION_NAMES)[number];

/** The operation of that name, `undefined` when the emulator has none. */
export function findOperationName(name: string): OperationName | undefined {
  return OPERATION_NAMES.find((known) => known === name);
}

/** What an operation works on. */
export interface OperationContext {
  readonly account: Account;
  /** Wall time in milliseconds. */
  readonly nowMs: number;
  /** False while KMS refuses: values can be neither encrypted nor decrypted, all else works. */
  readonly isKeyUsable: boolean;
}

export type Operation = (context: OperationContext, input: JsonObject) => JsonObject;

/** @param schema of the request, whatever else it holds. @throws {Refusal} from `run`, and for a request of another shape */
export function defineOperation<Schema extends z.ZodType>(
  schema: Schema,
  run: (context: OperationContext, request: z.output<Schema>) => JsonObject,
): Operation {
  return (context, input) => run(context, parseRequest(schema, input));
}
