/** Putting values into versions: idempotency, the version quota, the labels of a new version. */
import { Buffer } from 'node:buffer';
import { SecretText } from '../../core/secret-text.ts';
import type { OperationContext } from './operation.ts';
import { Refusal, refuseParameter } from './refusal.ts';
import type { ValueMembers } from './request-schema.ts';
import type { Secret } from './secret.ts';
import {
  CURRENT_LABEL,
  MAX_LABELS_PER_VERSION,
  type SecretValue,
  type SecretVersion,
} from './version-history.ts';

/** What a request wants to store. */
export interface NewValue {
  readonly value: SecretValue;
  /** The request token, which becomes the version's name. */
  readonly token: string;
}

/**
 * `undefined` when the request has no value.
 * @throws {Refusal} `InvalidParameterException` when it has both a text and a binary one, or a token that is not 32-64
 *   characters; `InvalidRequestException` when it has no token
 */
export function readNewValue(request: ValueMembers): NewValue | undefined {
  const value = readValue(request);
  return value && { value, token: readRequestToken(request) };
}

function readValue(request: ValueMembers): SecretValue | undefined {
  const { SecretString: text, SecretBinary: base64 } = request;
  if (text !== undefined && base64 !== undefined) {
    refuseParameter(
      "You can't specify both a binary secret value and a string secret value in the same secret.",
    );
  }
  if (text !== undefined) return { kind: 'text', content: new SecretText(text) };
  if (base64 === undefined) return undefined;
  const canonical = Buffer.from(base64, 'base64').toString('base64');
  return { kind: 'binary', content: new SecretText(canonical) };
}

/** SDKs and the CLI always send one, so its absence is an error. */
function readRequestToken({ ClientRequestToken: token }: ValueMembers): string {
  if (token === undefined) {
    throw new Refusal(
      'InvalidRequestException',
      'You must provide a ClientRequestToken value. We recommend a UUID-type value.',
    );
  }
  if (token.length >= 32 && token.length <= 64) return token;
  refuseParameter('ClientRequestToken must be 32-64 characters long.');
}

/**
 * The version that an earlier request with the same token and the same value made, `undefined` when there is none.
 * Replaying moves no label.
 * @throws {Refusal} `ResourceExistsException` when the token made a version with another value
 */
export function findReplayed(secret: Secret, { token, value }: NewValue): SecretVersion | undefined {
  const version = secret.versions.find(token);
  if (version === undefined) return undefined;
  if (version.value.kind === value.kind && version.value.content.equals(value.content)) return version;
  throw new Refusal(
    'ResourceExistsException',
    `You can't use ClientRequestToken ${token} because that value is already in use for a version of secret ${secret.name}.`,
  );
}

/**
 * Stores a value with `labels`, or finds that it is already stored. The first version of a secret gets
 * AWSCURRENT in any case.
 * @throws {Refusal} see {@link findReplayed}; `EncryptionFailure`; `LimitExceededException` at the version quota
 */
export function storeValue(
  context: OperationContext,
  secret: Secret,
  given: NewValue,
  labels: readonly string[],
): SecretVersion {
  assertEncryptable(context);
  const replayed = findReplayed(secret, given);
  if (replayed !== undefined) return replayed;
  const { versionWall, dayMs } = context.account.settings;
  if (secret.versions.countCreatedAfter(context.nowMs - dayMs) >= versionWall) {
    throw new Refusal(
      'LimitExceededException',
      `You've reached the quota of ${versionWall} versions created within 24 hours for this secret.`,
    );
  }
  const attached = new Set(secret.versions.size === 0 ? [...labels, CURRENT_LABEL] : labels);
  if (attached.size > MAX_LABELS_PER_VERSION) refuseLabel();
  const version: SecretVersion = {
    versionId: given.token,
    value: given.value,
    createdAtMs: context.nowMs,
    kmsKeyId: secret.kmsKeyId,
    lastReadDayMs: undefined,
  };
  secret.versions.add(version, [...attached]);
  secret.lastChangedAtMs = context.nowMs;
  return version;
}

export function refuseLabel(): never {
  throw new Refusal(
    'LimitExceededException',
    `A version can have at most ${MAX_LABELS_PER_VERSION} staging labels.`,
  );
}

/** @throws {Refusal} `EncryptionFailure` while KMS refuses */
export function assertEncryptable(context: OperationContext): void {
  if (context.isKeyUsable) return;
  throw new Refusal(
    'EncryptionFailure',
    "Secrets Manager can't encrypt the protected secret text using the provided KMS key.",
  );
}
