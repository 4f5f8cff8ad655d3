/** CreateSecret, PutSecretValue, UpdateSecret and UpdateSecretVersionStage. */
import type { JsonObject } from '../../core/wire/json.ts';
import type { OperationContext } from './operation.ts';
import { Refusal } from './refusal.ts';
import type {
  CreateSecretRequest,
  PutSecretValueRequest,
  UpdateSecretRequest,
  UpdateSecretVersionStageRequest,
} from './request-schema.ts';
import type { Secret } from './secret.ts';
import {
  assertEncryptable,
  findReplayed,
  readRequestToken,
  readValue,
  refuseLabel,
  storeValue,
} from './stored-value.ts';
import { addTags } from './tag-rules.ts';
import { CURRENT_LABEL, MAX_LABELS_PER_VERSION } from './version-history.ts';

const SECRET_NAME = /^[A-Za-z0-9/_+=.@-]+$/;

export function createSecret(context: OperationContext, request: CreateSecretRequest): JsonObject {
  if (!SECRET_NAME.test(request.Name)) {
    throw new Refusal(
      'ValidationException',
      'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
    );
  }
  const value = readValue(request);
  const token = value === undefined ? undefined : readRequestToken(request);
  const tags = new Map<string, string>();
  addTags(tags, request.Tags);

  const existing = context.account.findByName(request.Name);
  if (existing?.goneAtMs !== undefined) {
    throw new Refusal(
      'InvalidRequestException',
      "You can't create this secret because a secret with this name is already scheduled for deletion.",
    );
  }
  if (existing !== undefined) {
    const isReplay =
      value !== undefined && token !== undefined && findReplayed(existing, token, value) !== undefined;
    if (isReplay) return { ARN: context.account.arnOf(existing), Name: existing.name, VersionId: token };
    throw new Refusal(
      'ResourceExistsException',
      `The operation failed because the secret ${request.Name} already exists.`,
    );
  }
  if (value !== undefined) assertEncryptable(context);

  const secret = context.account.create(request.Name, context.nowMs);
  secret.description = request.Description;
  secret.kmsKeyId = request.KmsKeyId;
  for (const [key, tag] of tags) secret.tags.set(key, tag);
  if (value !== undefined && token !== undefined) storeValue(context, secret, value, token, [CURRENT_LABEL]);
  return { ARN: context.account.arnOf(secret), Name: secret.name, VersionId: token };
}

export function putSecretValue(context: OperationContext, request: PutSecretValueRequest): JsonObject {
  const value = readValue(request);
  if (value === undefined) {
    throw new Refusal('InvalidRequestException', 'You must provide either SecretString or SecretBinary.');
  }
  const token = readRequestToken(request);
  const secret = context.account.getActive(request.SecretId);
  const labels = request.VersionStages ?? [CURRENT_LABEL];
  const { versionId } = storeValue(context, secret, value, token, labels);
  return {
    ARN: context.account.arnOf(secret),
    Name: secret.name,
    VersionId: versionId,
    VersionStages: secret.versions.labelsOf(versionId),
  };
}

export function updateSecret(context: OperationContext, request: UpdateSecretRequest): JsonObject {
  const value = readValue(request);
  const token = value === undefined ? undefined : readRequestToken(request);
  const secret = context.account.getActive(request.SecretId);
  // First, because it may be refused; metadata changes only together with the value.
  if (value !== undefined && token !== undefined) storeValue(context, secret, value, token, [CURRENT_LABEL]);
  secret.description = request.Description ?? secret.description;
  secret.kmsKeyId = request.KmsKeyId ?? secret.kmsKeyId;
  secret.lastChangedAtMs = context.nowMs;
  return { ARN: context.account.arnOf(secret), Name: secret.name, VersionId: token };
}

/**
 * Moves, attaches or detaches one label. This is the service's only compare-and-swap: it fails when the label sits on
 * a version other than `RemoveFromVersionId`, also when the move that is asked for has already happened.
 */
export function updateSecretVersionStage(
  context: OperationContext,
  request: UpdateSecretVersionStageRequest,
): JsonObject {
  const { VersionStage: label, MoveToVersionId: toId, RemoveFromVersionId: fromId } = request;
  const secret = context.account.getActive(request.SecretId);
  if (toId === undefined && fromId === undefined) {
    refuse('You must provide MoveToVersionId, RemoveFromVersionId or both.');
  }
  assertVersionExists(secret, toId);
  assertVersionExists(secret, fromId);
  const holder = secret.versions.holderOf(label);
  if (fromId !== undefined && holder !== fromId) {
    refuse(
      `Staging label ${label} is not attached to version ${fromId}${holder === undefined ? '' : `, it is currently attached to version ${holder}`}.`,
    );
  }
  if (fromId === undefined && holder !== undefined && holder !== toId) {
    refuse(
      `The parameter RemoveFromVersionId can't be empty. Staging label ${label} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
    );
  }
  if (toId === undefined) {
    if (label === CURRENT_LABEL) {
      refuse(
        `You can only move staging label ${CURRENT_LABEL} to a different secret version. It can't be completely removed.`,
      );
    }
    secret.versions.detach(label);
  } else {
    const isFull = secret.versions.labelsOf(toId).length >= MAX_LABELS_PER_VERSION;
    if (holder !== toId && isFull) refuseLabel();
    secret.versions.move(label, toId);
  }
  secret.lastChangedAtMs = context.nowMs;
  return { ARN: context.account.arnOf(secret), Name: secret.name };
}

function assertVersionExists(secret: Secret, versionId: string | undefined): void {
  if (versionId === undefined || secret.versions.find(versionId) !== undefined) return;
  throw new Refusal(
    'ResourceNotFoundException',
    `Secrets Manager can't find the specified secret version: ${versionId}.`,
  );
}

function refuse(message: string): never {
  throw new Refusal('InvalidParameterException', message);
}
