/**
 * The shapes of the requests. Limits are those of the service model (`secretsmanager/2017-10-17`); what the service
 * checks itself, with an error of its own, is checked in the operations. Unknown members are ignored, as the service
 * does.
 */
import { Buffer } from 'node:buffer';
import { z } from 'zod';

const MAX_VALUE_BYTES = 65_536;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const FILTER_VALUE = /^!?[a-zA-Z0-9 :_@/+=.\-!]*$/;
const FILTER_KEYS = [
  'description',
  'name',
  'tag-key',
  'tag-value',
  'primary-region',
  'owning-service',
  'all',
] as const;

const secretId = z.string().min(1).max(2048);
const versionId = z.string().min(32).max(64);
const label = z.string().min(1).max(256);
const nextToken = z.string().min(1).max(4096);
const tags = z.array(z.object({ Key: z.string().min(1).max(128), Value: z.string().max(256).default('') }));
const filters = z
  .array(
    z.object({
      Key: z.enum(FILTER_KEYS),
      Values: z.array(z.string().max(512).regex(FILTER_VALUE)).min(1).max(10),
    }),
  )
  .max(10);

const secretString = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= MAX_VALUE_BYTES, {
    error: `Member must have length less than or equal to ${MAX_VALUE_BYTES}`,
  });
const secretBinary = z
  .string()
  .min(1)
  .regex(BASE64)
  .refine((base64) => Buffer.byteLength(base64, 'base64') <= MAX_VALUE_BYTES, {
    error: `Member must have length less than or equal to ${MAX_VALUE_BYTES}`,
  });

/** A value to store; that there is exactly one is checked by the operation. */
const valueMembers = {
  ClientRequestToken: z.string().optional(),
  SecretString: secretString.optional(),
  SecretBinary: secretBinary.optional(),
};
export type ValueMembers = z.output<z.ZodObject<typeof valueMembers>>;

export const createSecretSchema = z.object({
  ...valueMembers,
  Name: z.string().min(1).max(512),
  Description: z.string().max(2048).optional(),
  KmsKeyId: z.string().max(2048).optional(),
  Tags: tags.default([]),
});

export const putSecretValueSchema = z.object({
  ...valueMembers,
  SecretId: secretId,
  VersionStages: z.array(label).min(1).max(20).optional(),
});

export const updateSecretSchema = z.object({
  ...valueMembers,
  SecretId: secretId,
  Description: z.string().max(2048).optional(),
  KmsKeyId: z.string().max(2048).optional(),
});

export const getSecretValueSchema = z.object({
  SecretId: secretId,
  VersionId: versionId.optional(),
  VersionStage: label.optional(),
});

export const batchGetSecretValueSchema = z.object({
  SecretIdList: z.array(secretId).min(1).max(20).optional(),
  Filters: filters.optional(),
  MaxResults: z.int().min(1).max(20).optional(),
  NextToken: nextToken.optional(),
});

export const listSecretsSchema = z.object({
  Filters: filters.default([]),
  IncludePlannedDeletion: z.boolean().default(false),
  MaxResults: z.int().min(1).max(100).default(100),
  NextToken: nextToken.optional(),
  SortBy: z.enum(['created-date', 'last-accessed-date', 'last-changed-date', 'name']).default('created-date'),
  SortOrder: z.enum(['asc', 'desc']).default('asc'),
});

export const listSecretVersionIdsSchema = z.object({
  SecretId: secretId,
  IncludeDeprecated: z.boolean().default(false),
  MaxResults: z.int().min(1).max(100).default(100),
  NextToken: nextToken.optional(),
});

export const updateSecretVersionStageSchema = z.object({
  SecretId: secretId,
  VersionStage: label,
  RemoveFromVersionId: versionId.optional(),
  MoveToVersionId: versionId.optional(),
});

export const tagResourceSchema = z.object({ SecretId: secretId, Tags: tags });
export const untagResourceSchema = z.object({
  SecretId: secretId,
  TagKeys: z.array(z.string().min(1).max(128)),
});

export const deleteSecretSchema = z.object({
  SecretId: secretId,
  RecoveryWindowInDays: z.int().optional(),
  ForceDeleteWithoutRecovery: z.boolean().default(false),
});

/** DescribeSecret, RestoreSecret. */
export const secretIdSchema = z.object({ SecretId: secretId });

export type CreateSecretRequest = z.output<typeof createSecretSchema>;
export type PutSecretValueRequest = z.output<typeof putSecretValueSchema>;
export type UpdateSecretRequest = z.output<typeof updateSecretSchema>;
export type GetSecretValueRequest = z.output<typeof getSecretValueSchema>;
export type BatchGetSecretValueRequest = z.output<typeof batchGetSecretValueSchema>;
export type ListSecretsRequest = z.output<typeof listSecretsSchema>;
export type ListSecretVersionIdsRequest = z.output<typeof listSecretVersionIdsSchema>;
export type UpdateSecretVersionStageRequest = z.output<typeof updateSecretVersionStageSchema>;
export type TagResourceRequest = z.output<typeof tagResourceSchema>;
export type UntagResourceRequest = z.output<typeof untagResourceSchema>;
export type DeleteSecretRequest = z.output<typeof deleteSecretSchema>;
export type SecretIdRequest = z.output<typeof secretIdSchema>;
export type SecretFilter = z.output<typeof filters>[number];
export type Tags = z.output<typeof tags>;
