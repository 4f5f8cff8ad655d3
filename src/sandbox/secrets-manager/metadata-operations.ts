/** DescribeSecret, ListSecrets, ListSecretVersionIds, TagResource, UntagResource, DeleteSecret and RestoreSecret. */

import * as z from 'zod';
import { DAY_MS } from '../../core/wire/duration.ts';
import { defineOperation } from './operation.ts';
import { cutPage } from './page.ts';
import { refuseParameter } from './refusal.ts';
import * as members from './request-schema.ts';
import { describeMetadata, describeVersion, epochSeconds, type Secret } from './secret.ts';
import { satisfiesFilters } from './secret-filter.ts';
import { addTags } from './tag-rules.ts';

const DEFAULT_RECOVERY_DAYS = 30;
const MIN_RECOVERY_DAYS = 7;
const MAX_RECOVERY_DAYS = 30;

/** Works for a secret that is scheduled for deletion too, and is how one sees that it is. */
export const describeSecret = defineOperation(members.secretIdSchema, (context, request) => {
  const secret = context.account.get(request.SecretId);
  return {
    ...describeMetadata(secret, context.account.arnOf(secret)),
    VersionIdsToStages: secret.versions.labelsByVersion(),
  };
});

/** Of a list: where a page begins, and how long it is. */
const pageMembers = {
  MaxResults: z.int().min(1).max(100).default(100),
  NextToken: members.nextToken.optional(),
};

const SORT_KEYS = ['created-date', 'last-accessed-date', 'last-changed-date', 'name'] as const;

const listSecretsSchema = z.object({
  ...pageMembers,
  Filters: members.filters.default([]),
  IncludePlannedDeletion: z.boolean().default(false),
  SortBy: z.enum(SORT_KEYS).default('created-date'),
  SortOrder: z.enum(['asc', 'desc']).default('asc'),
});

export const listSecrets = defineOperation(listSecretsSchema, (context, request) => {
  const direction = request.SortOrder === 'asc' ? 1 : -1;
  const matching = context.account
    .all()
    .filter((secret) => request.IncludePlannedDeletion || secret.goneAtMs === undefined)
    .filter((secret) => satisfiesFilters(secret, request.Filters))
    .toSorted((a, b) => direction * compareBy(request.SortBy, a, b));
  const page = cutPage(matching, 'ListSecrets', request.MaxResults, request.NextToken);
  const list = page.items.map((secret) => ({
    ...describeMetadata(secret, context.account.arnOf(secret)),
    SecretVersionsToStages: secret.versions.labelsByVersion(),
  }));
  return { SecretList: list, NextToken: page.nextToken };
});

function compareBy(key: (typeof SORT_KEYS)[number], a: Secret, b: Secret): number {
  switch (key) {
    case 'name':
      return a.name < b.name ? -1 : 1;
    case 'created-date':
      return a.createdAtMs - b.createdAtMs;
    case 'last-changed-date':
      return a.lastChangedAtMs - b.lastChangedAtMs;
    case 'last-accessed-date':
      return (a.lastReadDayMs ?? 0) - (b.lastReadDayMs ?? 0);
  }
}

const listSecretVersionIdsSchema = z.object({
  ...pageMembers,
  SecretId: members.secretId,
  IncludeDeprecated: z.boolean().default(false),
});

export const listSecretVersionIds = defineOperation(listSecretVersionIdsSchema, (context, request) => {
  const secret = context.account.get(request.SecretId);
  const versions = secret.versions
    .all()
    .map((version) => describeVersion(secret, version))
    .filter((version) => request.IncludeDeprecated || version.VersionStages !== undefined);
  const page = cutPage(versions, 'ListSecretVersionIds', request.MaxResults, request.NextToken);
  return { ...context.account.identify(secret), Versions: page.items, NextToken: page.nextToken };
});

const tagResourceSchema = z.object({ SecretId: members.secretId, Tags: members.tags });

export const tagResource = defineOperation(tagResourceSchema, (context, request) => {
  const secret = context.account.getActive(request.SecretId);
  addTags(secret.tags, request.Tags);
  secret.lastChangedAtMs = context.nowMs;
  return {};
});

const untagResourceSchema = z.object({
  SecretId: members.secretId,
  TagKeys: z.array(z.string().min(1).max(128)),
});

export const untagResource = defineOperation(untagResourceSchema, (context, request) => {
  const secret = context.account.getActive(request.SecretId);
  for (const key of request.TagKeys) secret.tags.delete(key);
  secret.lastChangedAtMs = context.nowMs;
  return {};
});

const deleteSecretSchema = z.object({
  SecretId: members.secretId,
  RecoveryWindowInDays: z.int().optional(),
  ForceDeleteWithoutRecovery: z.boolean().default(false),
});

export const deleteSecret = defineOperation(deleteSecretSchema, ({ account, nowMs }, request) => {
  const { RecoveryWindowInDays: days, ForceDeleteWithoutRecovery: isForced } = request;
  if (isForced && days !== undefined) {
    refuseParameter("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
  }
  if (days !== undefined && (days < MIN_RECOVERY_DAYS || days > MAX_RECOVERY_DAYS)) {
    refuseParameter('The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).');
  }
  if (isForced) {
    const secret = account.find(request.SecretId);
    if (secret !== undefined) account.remove(secret);
    // Documented: forcing the deletion of an absent secret is not an error.
    const named = secret === undefined ? account.identifyAbsent(request.SecretId) : account.identify(secret);
    return { ...named, DeletionDate: epochSeconds(nowMs) };
  }
  const secret = account.getActive(request.SecretId);
  const windowDays = days ?? DEFAULT_RECOVERY_DAYS;
  secret.goneAtMs = nowMs + windowDays * account.settings.dayMs;
  secret.statedGoneAtMs = nowMs + windowDays * DAY_MS;
  secret.lastChangedAtMs = nowMs;
  return { ...account.identify(secret), DeletionDate: epochSeconds(secret.statedGoneAtMs) };
});

/** Restoring a secret that is not scheduled for deletion changes nothing and succeeds. */
export const restoreSecret = defineOperation(members.secretIdSchema, (context, request) => {
  const secret = context.account.get(request.SecretId);
  if (secret.goneAtMs !== undefined) secret.lastChangedAtMs = context.nowMs;
  secret.goneAtMs = undefined;
  secret.statedGoneAtMs = undefined;
  return context.account.identify(secret);
});
