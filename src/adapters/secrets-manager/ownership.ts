import type { DescribeSecretCommandOutput, Tag } from '@aws-sdk/client-secrets-manager';
import { type Failed, fail, type Result, succeed } from '../../core/result.ts';
import { deletingFailure, type StoreCall } from './failure-from-error.ts';

/** The tag by which the daemon knows its own secrets. */
export const OWNER_TAG_KEY = 'managed-by';
export const OWNER_TAG_VALUE = 'token-refresher';

/** `to-be-adopted`: not tagged, but the configuration names it under `adopt`: tag it, then it is ours. */
export type Ownership = 'ours' | 'to-be-adopted';

/** Never overwrite a secret that neither carries our tag nor is named for adoption. */
export function decideOwnership(
  secret: Pick<DescribeSecretCommandOutput, 'DeletedDate' | 'Tags' | 'OwningService'>,
  call: StoreCall,
  adopt: ReadonlySet<string>,
): Result<Ownership> {
  const { secretName, section } = call;
  if (secret.DeletedDate !== undefined) return fail(deletingFailure(call));
  if (secret.OwningService !== undefined) {
    return refused(
      `secret ${secretName} is managed by the AWS service ${secret.OwningService}: use another secret`,
    );
  }
  const owner = secret.Tags?.find((tag) => tag.Key === OWNER_TAG_KEY)?.Value;
  if (owner === OWNER_TAG_VALUE) return succeed('ours');
  if (adopt.has(secretName)) return succeed('to-be-adopted');
  const found = owner === undefined ? `has no tag ${OWNER_TAG_KEY}` : `has the tag ${OWNER_TAG_KEY}=${owner}`;
  return refused(
    `secret ${secretName} ${found}, so it is not ours and stays untouched: tag it ${OWNER_TAG_KEY}=${OWNER_TAG_VALUE}, ` +
      `name it under ${section}.adopt, or use another secret`,
  );
}

/** Tags of a secret that the daemon creates: its own one and the configured ones. */
export function ownerTags(tags: Readonly<Record<string, string>>): Tag[] {
  const all = { ...tags, [OWNER_TAG_KEY]: OWNER_TAG_VALUE };
  return Object.entries(all).map(([Key, Value]) => ({ Key, Value }));
}

function refused(message: string): Failed {
  return fail({ code: 'store-not-ours', retry: 'needs-human', message });
}
