import type { DescribeSecretCommandOutput, Tag } from '@aws-sdk/client-secrets-manager';
import type { Failure } from '../../core/failure.ts';
import { deletingFailure } from './failure-from-error.ts';

/** The tag by which the daemon knows its own secrets. */
export const OWNER_TAG_KEY = 'managed-by';
export const OWNER_TAG_VALUE = 'token-refresher';

/** What to do about a secret before the first write to it. */
export type OwnershipDecision =
  | { readonly kind: 'ours' }
  /** Not tagged, but the configuration names it under `store.adopt`: tag it, then it is ours. */
  | { readonly kind: 'adopt' }
  | { readonly kind: 'refused'; readonly failure: Failure };

/** Never overwrite a secret that neither carries our tag nor is named for adoption. */
export function decideOwnership(
  secret: Pick<DescribeSecretCommandOutput, 'DeletedDate' | 'Tags' | 'OwningService'>,
  secretName: string,
  adopt: ReadonlySet<string>,
): OwnershipDecision {
  if (secret.DeletedDate !== undefined) return { kind: 'refused', failure: deletingFailure(secretName) };
  if (secret.OwningService !== undefined) {
    return refused(
      `secret ${secretName} is managed by the AWS service ${secret.OwningService}: use another secret`,
    );
  }
  const owner = secret.Tags?.find((tag) => tag.Key === OWNER_TAG_KEY)?.Value;
  if (owner === OWNER_TAG_VALUE) return { kind: 'ours' };
  if (adopt.has(secretName)) return { kind: 'adopt' };
  const found = owner === undefined ? `has no tag ${OWNER_TAG_KEY}` : `has the tag ${OWNER_TAG_KEY}=${owner}`;
  return refused(
    `secret ${secretName} ${found}, so it is not ours and stays untouched: tag it ${OWNER_TAG_KEY}=${OWNER_TAG_VALUE}, ` +
      'name it under store.adopt, or use another secret',
  );
}

/** Tags of a secret that the daemon creates: its own one and the configured ones. */
export function ownerTags(tags: Readonly<Record<string, string>>): Tag[] {
  const all = { ...tags, [OWNER_TAG_KEY]: OWNER_TAG_VALUE };
  return Object.entries(all).map(([Key, Value]) => ({ Key, Value }));
}

function refused(message: string): OwnershipDecision {
  return { kind: 'refused', failure: { code: 'store-not-ours', retry: 'needs-human', message } };
}
