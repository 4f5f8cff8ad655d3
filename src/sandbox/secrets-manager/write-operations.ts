/** CreateSecret, PutSecretValue, UpdateSecret and UpdateSecretVersionStage. */
import * as z from 'zod';
import { defineOperation } from './operation.ts';
import { Refusal, refuseParameter } from './refusal.ts';
import * as members from './request-schema.ts';
import type { Secret } from './secret.ts';
import { assertEncryptable, findReplayed, readNewValue, refuseLabel, storeValue } from './stored-value.ts';
import { addTags } from './tag-rules.ts';
import { CURRENT_LABEL, MAX_LABELS_PER_VERSION } from './version-history.ts';

const SECRET_NAME = /^[A-Za-z0-9/_+=.@-]+$/;

const metadataMembers = {
  Description: z.string().max(2048).optional(),
  KmsKeyId: z.string().max(2048).optional(),
};

const createSecretSchema = z.object({
  ...members.valueMembers,
  ...metadataMembers,
  Name: z.string().min(1).max(512),
  Tags: members.tags.default([]),
});

export const createSecret = defineOperation(createSecretSchema, (context, request) => {
  if (!SECRET_NAME.test(request.Name)) {
    throw new Refusal(
      'ValidationException',
      'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
    );
  }
  const given = readNewValue(request);
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
    const replayed = given && findReplayed(existing, given);
    if (replayed !== undefined)
      return { ...context.account.identify(existing), VersionId: replayed.versionId };
    throw new Refusal(
      'ResourceExistsException',
      `The operation failed because the secret ${request.Name} already exists.`,
    );
  }
  if (given !== undefined) assertEncryptable(context);

  const secret = context.account.create(request.Name, context.nowMs);
  secret.description = request.Description;
  secret.kmsKeyId = request.KmsKeyId;
  for (const [key, tag] of tags) secret.tags.set(key, tag);
  if (given !== undefined) storeValue(context, secret, given, [CURRENT_LABEL]);
  return { ...context.account.identify(secret), VersionId: given?.token };
});

const putSecretValueSchema = z.object({
  ...members.valueMembers,
  SecretId: members.secretId,
  VersionStages: z.array(members.label).min(1).max(20).optional(),
});

export const putSecretValue = defineOperation(putSecretValueSchema, (context, request) => {
  const given = readNewValue(request);
  if (given === undefined) {
    throw new Refusal('InvalidRequestException', 'You must provide either SecretString or SecretBinary.');
  }
  const secret = context.account.getActive(request.SecretId);
  const labels = request.VersionStages ?? [CURRENT_LABEL];
  const { versionId } = storeValue(context, secret, given, labels);
  return {
    ...context.account.identify(secret),
    VersionId: versionId,
    VersionStages: secret.versions.labelsOf(versionId),
  };
});

const updateSecretSchema = z.object({
  ...members.valueMembers,
  ...metadataMembers,
  SecretId: members.secretId,
});

export const updateSecret = defineOperation(updateSecretSchema, (context, request) => {
  const given = readNewValue(request);
  const secret = context.account.getActive(request.SecretId);
  // First, because it may be refused; metadata changes only together with the value.
  if (given !== undefined) storeValue(context, secret, given, [CURRENT_LABEL]);
  secret.description = request.Description ?? secret.description;
  secret.kmsKeyId = request.KmsKeyId ?? secret.kmsKeyId;
  secret.lastChangedAtMs = context.nowMs;
  return { ...context.account.identify(secret), VersionId: given?.token };
});

const updateSecretVersionStageSchema = z.object({
  SecretId: members.secretId,
  VersionStage: members.label,
  RemoveFromVersionId: members.versionId.optional(),
  MoveToVersionId: members.versionId.optional(),
});

/**
 * Moves, attaches or detaches one label. This is the service's only compare-and-swap: it fails when the label sits on
 * a version other than `RemoveFromVersionId`, also when the move that is asked for has already happened.
 */
export const updateSecretVersionStage = defineOperation(
  updateSecretVersionStageSchema,
  (context, request) => {
    const { VersionStage: label, MoveToVersionId: toId, RemoveFromVersionId: fromId } = request;
    const secret = context.account.getActive(request.SecretId);
    if (toId === undefined && fromId === undefined) {
      refuseParameter('You must provide MoveToVersionId, RemoveFromVersionId or both.');
    }
    assertVersionExists(secret, toId);
    assertVersionExists(secret, fromId);
    const holder = secret.versions.holderOf(label);
    if (fromId !== undefined && holder !== fromId) {
      refuseParameter(
        `Staging label ${label} is not attached to version ${fromId}${holder === undefined ? '' : `, it is currently attached to version ${holder}`}.`,
      );
    }
    if (fromId === undefined && holder !== undefined && holder !== toId) {
      refuseParameter(
        `The parameter RemoveFromVersionId can't be empty. Staging label ${label} is currently attached to version ${holder}, so you must explicitly reference that version in RemoveFromVersionId.`,
      );
    }
    if (toId === undefined) {
      if (label === CURRENT_LABEL) {
        refuseParameter(
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
    return context.account.identify(secret);
  },
);

function assertVersionExists(secret: Secret, versionId: string | undefined): void {
  if (versionId === undefined || secret.versions.find(versionId) !== undefined) return;
  throw new Refusal(
    'ResourceNotFoundException',
    `Secrets Manager can't find the specified secret version: ${versionId}.`,
  );
}
