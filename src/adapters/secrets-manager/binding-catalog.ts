/**
 * Finds secrets by tag.
 *
 * Guarantee: a list is complete as far as Secrets Manager tells, or a failure; what is on it carries exactly that tag
 * (filters of ListSecrets match prefixes, and key and value apart from each other). Pages are asked for at
 * {@link PAGE_EVERY_MS}: 10,000 secrets take 20 seconds and a tenth of the 50 calls a second that an account has.
 *
 * Non-guarantee: ListSecrets is eventually consistent. What was written a moment ago may be missing, and so may anything
 * while pages shift; `findLoss` asks about one secret by name.
 */
import type { SecretListEntry, Tag } from '@aws-sdk/client-secrets-manager';
import type { BindingCatalog, BindingSecret } from '../../core/ports.ts';
import { fail, type Result, succeed } from '../../core/result.ts';
import { formatTag, type SecretTag } from '../../core/token/secret-tag.ts';
import { type CallOptions, callService } from './store-call.ts';

const PAGE_EVERY_MS = 200;
/** The service's limit. */
const SECRETS_PER_PAGE = 100;
/** An account has at most 500,000 secrets. */
const MAX_PAGES = 5_000;

export function createBindingCatalog(options: CallOptions): BindingCatalog {
  return {
    list: (tag, signal) => listTagged(options, tag, signal),
    findLoss: (secretName, tag, signal) => findLoss(options, secretName, tag, signal),
  };
}

async function listTagged(
  options: CallOptions,
  tag: SecretTag,
  signal: AbortSignal,
): Promise<Result<readonly BindingSecret[]>> {
  const call = { operation: 'ListSecrets', secretName: `secrets with the tag ${formatTag(tag)}` };
  const found = new Map<string, BindingSecret>();
  let nextToken: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    // Once it is aborted the next call says so.
    if (page > 0) await options.clock.sleep(PAGE_EVERY_MS, signal).catch(() => undefined);
    const listed = await callService(options, call, signal, (service, limited) =>
      service.listSecrets(
        {
          MaxResults: SECRETS_PER_PAGE,
          SortOrder: 'asc',
          Filters: [
            { Key: 'tag-key', Values: [tag.key] },
            { Key: 'tag-value', Values: [tag.value] },
          ],
          ...(nextToken === undefined ? {} : { NextToken: nextToken }),
        },
        limited,
      ),
    );
    if (!listed.ok) return listed;
    for (const entry of listed.value.SecretList ?? []) {
      if (entry.Name !== undefined && entry.DeletedDate === undefined && hasTag(entry.Tags, tag)) {
        found.set(entry.Name, toBinding(entry.Name, entry));
      }
    }
    nextToken = listed.value.NextToken;
    if (nextToken === undefined) return succeed([...found.values()]);
  }
  return fail({
    code: 'store-unavailable',
    retry: 'backoff',
    message: `ListSecrets did not come to an end after ${MAX_PAGES} pages: check ${options.section}.endpoint`,
  });
}

async function findLoss(
  options: CallOptions,
  secretName: string,
  tag: SecretTag,
  signal: AbortSignal,
): Promise<Result<string | undefined>> {
  const call = { operation: 'DescribeSecret', secretName };
  const described = await callService(options, call, signal, (service, limited) =>
    service.describeSecret({ SecretId: secretName }, limited),
  );
  if (!described.ok) {
    return described.failure.code === 'store-missing' ? succeed('was deleted') : described;
  }
  const { DeletedDate: deletedDate, Tags: tags } = described.value;
  if (deletedDate !== undefined) return succeed('is scheduled for deletion');
  return succeed(hasTag(tags, tag) ? undefined : `no longer carries the tag ${formatTag(tag)}`);
}

function hasTag(tags: readonly Tag[] | undefined, { key, value }: SecretTag): boolean {
  return tags?.some((tag) => tag.Key === key && tag.Value === value) === true;
}

function toBinding(
  secretName: string,
  { CreatedDate, LastChangedDate, SecretVersionsToStages = {} }: SecretListEntry,
): BindingSecret {
  const current = Object.entries(SecretVersionsToStages).find(([, stages]) => stages.includes('AWSCURRENT'));
  const version = current?.[0];
  return {
    secretName,
    createdAtMs: CreatedDate?.getTime() ?? 0,
    version,
    revision: `${LastChangedDate?.getTime() ?? 0}/${version ?? ''}`,
  };
}
