/** DescribeSecret, ListSecrets, ListSecretVersionIds, TagResource, UntagResource, DeleteSecret and RestoreSecret. */
import type { JsonObject } from '../../core/wire/json.ts';
import type { OperationContext } from './operation.ts';
import { cutPage } from './page.ts';
import { Refusal } from './refusal.ts';
import type {
  DeleteSecretRequest,
  ListSecretsRequest,
  ListSecretVersionIdsRequest,
  SecretIdRequest,
  TagResourceRequest,
  UntagResourceRequest,
} from './request-schema.ts';
import { describeMetadata, describeVersion, epochSeconds, type Secret } from './secret.ts';
import { satisfiesFilters } from './secret-filter.ts';
import { addTags } from './tag-rules.ts';

const DAY_MS = 86_400_000;
const DEFAULT_RECOVERY_DAYS = 30;
const MIN_RECOVERY_DAYS = 7;
const MAX_RECOVERY_DAYS = 30;

/** Works for a secret that is scheduled for deletion too, and is how one sees that it is. */
export function describeSecret(context: OperationContext, request: SecretIdRequest): JsonObject {
  const secret = context.account.get(request.SecretId);
  return {
    ...describeMetadata(secret, context.account.arnOf(secret)),
    VersionIdsToStages: secret.versions.labelsByVersion(),
  };
}

export function listSecrets(context: OperationContext, request: ListSecretsRequest): JsonObject {
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
}

function compareBy(key: ListSecretsRequest['SortBy'], a: Secret, b: Secret): number {
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

export function listSecretVersionIds(
  context: OperationContext,
  request: ListSecretVersionIdsRequest,
): JsonObject {
  const secret = context.account.get(request.SecretId);
  const versions = secret.versions
    .all()
    .map((version) => describeVersion(secret, version))
    .filter((version) => request.IncludeDeprecated || version.VersionStages !== undefined);
  const page = cutPage(versions, 'ListSecretVersionIds', request.MaxResults, request.NextToken);
  return {
    ARN: context.account.arnOf(secret),
    Name: secret.name,
    Versions: page.items,
    NextToken: page.nextToken,
  };
}

export function tagResource(context: OperationContext, request: TagResourceRequest): JsonObject {
  const secret = context.account.getActive(request.SecretId);
  addTags(secret.tags, request.Tags);
  secret.lastChangedAtMs = context.nowMs;
  return {};
}

export function untagResource(context: OperationContext, request: UntagResourceRequest): JsonObject {
  const secret = context.account.getActive(request.SecretId);
  for (const key of request.TagKeys) secret.tags.delete(key);
  secret.lastChangedAtMs = context.nowMs;
  return {};
}

export function deleteSecret(context: OperationContext, request: DeleteSecretRequest): JsonObject {
  const { account, nowMs } = context;
  const { RecoveryWindowInDays: days, ForceDeleteWithoutRecovery: isForced } = request;
  if (isForced && days !== undefined) {
    refuse("You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.");
  }
  if (days !== undefined && (days < MIN_RECOVERY_DAYS || days > MAX_RECOVERY_DAYS)) {
    refuse('The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).');
  }
  if (isForced) {
    const secret = account.find(request.SecretId);
    if (secret !== undefined) account.remove(secret);
    // Documented: forcing the deletion of an absent secret is not an error.
    const arn =
      (secret === undefined ? undefined : account.arnOf(secret)) ??
      (request.SecretId.startsWith('arn:') ? request.SecretId : account.arnFor(request.SecretId));
    return { ARN: arn, Name: secret?.name ?? request.SecretId, DeletionDate: epochSeconds(nowMs) };
  }
  const secret = account.getActive(request.SecretId);
  const windowDays = days ?? DEFAULT_RECOVERY_DAYS;
  secret.goneAtMs = nowMs + windowDays * account.settings.dayMs;
  secret.statedGoneAtMs = nowMs + windowDays * DAY_MS;
  secret.lastChangedAtMs = nowMs;
  return {
    ARN: context.account.arnOf(secret),
    Name: secret.name,
    DeletionDate: epochSeconds(secret.statedGoneAtMs),
  };
}

/** Restoring a secret that is not scheduled for deletion changes nothing and succeeds. */
export function restoreSecret(context: OperationContext, request: SecretIdRequest): JsonObject {
  const secret = context.account.get(request.SecretId);
  if (secret.goneAtMs !== undefined) secret.lastChangedAtMs = context.nowMs;
  secret.goneAtMs = undefined;
  secret.statedGoneAtMs = undefined;
  return { ARN: context.account.arnOf(secret), Name: secret.name };
}

function refuse(message: string): never {
  throw new Refusal('InvalidParameterException', message);
}
