/** GetSecretValue and BatchGetSecretValue: the only operations that give a value away. */

import * as z from 'zod';
import { DAY_MS } from '../../core/wire/duration.ts';
import type { JsonObject } from '../../core/wire/json.ts';
import { defineOperation, type OperationContext } from './operation.ts';
import { cutPage, type Page } from './page.ts';
import { Refusal, refuseParameter } from './refusal.ts';
import * as members from './request-schema.ts';
import { epochSeconds, type Secret } from './secret.ts';
import { satisfiesFilters } from './secret-filter.ts';
import { CURRENT_LABEL, type SecretVersion } from './version-history.ts';

const MAX_BATCH = 20;

const getSecretValueSchema = z.object({
  SecretId: members.secretId,
  VersionId: members.versionId.optional(),
  VersionStage: members.label.optional(),
});

export const getSecretValue = defineOperation(getSecretValueSchema, (context, request) => {
  const secret = context.account.getActive(request.SecretId);
  const version = selectVersion(secret, request.VersionId, request.VersionStage);
  if (!context.isKeyUsable) {
    throw new Refusal(
      'DecryptionFailure',
      "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
    );
  }
  // A day of the calendar, also in time-lapse: nothing depends on it, people read it.
  const dayStartMs = Math.floor(context.nowMs / DAY_MS) * DAY_MS;
  secret.lastReadDayMs = dayStartMs;
  version.lastReadDayMs = dayStartMs;
  const { kind, content } = version.value;
  const labels = secret.versions.labelsOf(version.versionId);
  return {
    ...context.account.identify(secret),
    VersionId: version.versionId,
    ...(kind === 'text' ? { SecretString: content.reveal() } : { SecretBinary: content.reveal() }),
    VersionStages: labels.length === 0 ? undefined : labels,
    CreatedDate: epochSeconds(version.createdAtMs),
  };
});

const batchGetSecretValueSchema = z.object({
  SecretIdList: z.array(members.secretId).min(1).max(20).optional(),
  Filters: members.filters.optional(),
  MaxResults: z.int().min(1).max(20).optional(),
  NextToken: members.nextToken.optional(),
});

export const batchGetSecretValue = defineOperation(batchGetSecretValueSchema, (context, request) => {
  const page = selectBatch(context, request);
  const values: JsonObject[] = [];
  const errors: JsonObject[] = [];
  for (const secretId of page.items) {
    try {
      values.push(getSecretValue(context, { SecretId: secretId }));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      errors.push({ SecretId: secretId, ErrorCode: error.name, Message: error.message });
    }
  }
  return { SecretValues: values, Errors: errors, NextToken: page.nextToken };
});

function selectBatch(
  { account }: OperationContext,
  {
    SecretIdList: secretIds,
    Filters: filters,
    MaxResults: maxResults,
    NextToken: nextToken,
  }: z.output<typeof batchGetSecretValueSchema>,
): Page<string> {
  if ((secretIds === undefined) === (filters === undefined)) {
    refuseParameter("Either 'SecretIdList' or 'Filters' must be provided, but not both.");
  }
  if (secretIds !== undefined) {
    if (maxResults === undefined && nextToken === undefined) return { items: secretIds, nextToken };
    refuseParameter("'MaxResults' and 'NextToken' can only be used together with 'Filters'.");
  }
  const matching = account
    .all()
    .filter((secret) => secret.goneAtMs === undefined && satisfiesFilters(secret, filters ?? []))
    .map((secret) => secret.name);
  return cutPage(matching, 'BatchGetSecretValue', maxResults ?? MAX_BATCH, nextToken);
}

function selectVersion(
  secret: Secret,
  versionId: string | undefined,
  label: string | undefined,
): SecretVersion {
  if (versionId === undefined) {
    const wanted = label ?? CURRENT_LABEL;
    const holder = secret.versions.holderOf(wanted);
    const version = holder === undefined ? undefined : secret.versions.find(holder);
    return version ?? refuseAbsent(`staging label: ${wanted}`);
  }
  const version = secret.versions.find(versionId) ?? refuseAbsent(`VersionId: ${versionId}`);
  if (label !== undefined && secret.versions.holderOf(label) !== versionId) {
    throw new Refusal(
      'InvalidRequestException',
      'You provided a VersionStage that is not associated to the provided VersionId.',
    );
  }
  return version;
}

function refuseAbsent(what: string): never {
  throw new Refusal(
    'ResourceNotFoundException',
    `Secrets Manager can't find the specified secret value for ${what}`,
  );
}
