/**
 * AWS Secrets Manager as a pure state machine: one request in, one answer out, no I/O.
 *
 * Guarantee: names, limits, error names, idempotency tokens, staging labels, recovery windows, retention of versions
 * and their quota behave as the API reference says. Time comes from the clock alone, so a test can move it.
 * Non-guarantee: no IAM, KMS, replication, rotation or resource policies; every answer is consistent at once, whereas
 * the real service is eventually consistent.
 */
import type { Clock, Random } from '../../core/ports.ts';
import type { SecretText } from '../../core/secret-text.ts';
import type { JsonObject } from '../../core/wire/json.ts';
import { Account } from './account.ts';
import {
  deleteSecret,
  describeSecret,
  listSecrets,
  listSecretVersionIds,
  restoreSecret,
  tagResource,
  untagResource,
} from './metadata-operations.ts';
import type { Operation, OperationName } from './operation.ts';
import { batchGetSecretValue, getSecretValue } from './read-operations.ts';
import { Refusal } from './refusal.ts';
import { createSecret, putSecretValue, updateSecret, updateSecretVersionStage } from './write-operations.ts';

export interface SecretsManagerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /**
   * Versions of one secret that can be created within a day; the next is refused with `LimitExceededException`.
   * What the real service enforces is documented as a rate only: one per ten minutes, 144 a day, is the default.
   */
  readonly versionWall?: number | undefined;
  /** Length of a day in milliseconds, 86,400,000 by default; time-lapse shrinks it. Dates in answers are not shrunk. */
  readonly dayMs?: number;
  /** Shown in ARNs to those whose requests say none; `us-east-1` by default. */
  readonly region?: string;
}

export type Answer =
  | { readonly ok: true; readonly body: JsonObject }
  | { readonly ok: false; readonly refusal: Refusal };

/** One stored version as an observer sees it, without going through the protocol. */
export interface ObservedVersion {
  readonly versionId: string;
  /** Wall time in milliseconds. */
  readonly createdAtMs: number;
  /** Sorted; empty for a deprecated version. */
  readonly labels: readonly string[];
  /** The text, or the binary value as base64. */
  readonly value: SecretText;
}

export interface SecretsManager {
  readonly region: string;
  /**
   * Carries one operation out. A body of an answer may hold a secret value in plain text.
   * @param conditions `isKeyUsable: false` lets KMS refuse: writes of values fail with `EncryptionFailure`, reads with
   * `DecryptionFailure`, all else works; `region`: what the request is signed for
   */
  execute(
    operation: OperationName,
    input: JsonObject,
    conditions?: { readonly isKeyUsable?: boolean; readonly region?: string | undefined },
  ): Answer;
  /** The versions that the secret of that name still holds, oldest first; empty when there is no such secret. */
  versions(name: string): readonly ObservedVersion[];
}

const OPERATIONS: Readonly<Record<OperationName, Operation>> = {
  BatchGetSecretValue: batchGetSecretValue,
  CreateSecret: createSecret,
  DeleteSecret: deleteSecret,
  DescribeSecret: describeSecret,
  GetSecretValue: getSecretValue,
  ListSecretVersionIds: listSecretVersionIds,
  ListSecrets: listSecrets,
  PutSecretValue: putSecretValue,
  RestoreSecret: restoreSecret,
  TagResource: tagResource,
  UntagResource: untagResource,
  UpdateSecret: updateSecret,
  UpdateSecretVersionStage: updateSecretVersionStage,
};

/** Creates an empty Secrets Manager. */
export function createSecretsManager(options: SecretsManagerOptions): SecretsManager {
  const { clock, random, versionWall = 144, dayMs = 86_400_000, region = 'us-east-1' } = options;
  const account = new Account({ region, versionWall, dayMs, clock, random });

  return {
    region,
    execute(operation, input, { isKeyUsable = true, region: seenFrom } = {}) {
      try {
        const seen = seenFrom === undefined ? account : account.in(seenFrom);
        const context = { account: seen, nowMs: clock.now(), isKeyUsable };
        return { ok: true, body: OPERATIONS[operation](context, input) };
      } catch (error) {
        if (error instanceof Refusal) return { ok: false, refusal: error };
        throw error;
      }
    },
    versions(name) {
      const history = account.findByName(name)?.versions;
      if (history === undefined) return [];
      return history.all().map((version) => ({
        versionId: version.versionId,
        createdAtMs: version.createdAtMs,
        labels: history.labelsOf(version.versionId),
        value: version.value.content,
      }));
    },
  };
}
