/** The schema of `customers: { discover: … }`: customers that are found instead of listed. */

import { parseTag, TAG_FORM, TAG_PATTERN } from '../core/token/secret-tag.ts';
import { durationField, mapping, patternField } from '../core/wire/field-schemas.ts';

/** The daemon's own tag is on the secrets that it writes: each token would be taken for a binding. */
const OWN_TAG = 'managed-by=token-refresher';

export const discoverySchema = mapping({
  discover: mapping({
    tag: patternField(TAG_PATTERN, TAG_FORM)
      .refine((text) => text !== OWN_TAG, `another tag than the daemon's own`)
      .transform(parseTag)
      .describe(
        `tag of the secrets that hold a binding, as KEY=VALUE; another one than the daemon's own, ${OWN_TAG}`,
      ),
    every: durationField({ leastMs: 10_000, mostMs: 86_400_000 })
      .prefault('1m')
      .describe('how often customers are discovered'),
  }).describe(
    "one token for each secret in the store's account and region that carries a tag: a JSON object with the credentials of a " +
      'customer by name, and the name as "customer" unless it is the last part of the secret\'s name',
  ),
});
