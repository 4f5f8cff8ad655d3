import type { SecretFilter } from './request-schema.ts';
import type { Secret } from './secret.ts';

/**
 * True when the secret satisfies every filter. Within a filter one value has to match, and none of those that start
 * with `!` may. `name`, `tag-key` and `tag-value` match by prefix and case, `description` by prefix in any case, `all`
 * by the words of every attribute in any case.
 * Source: API reference, `Filter`.
 */
export function satisfiesFilters(secret: Secret, filters: readonly SecretFilter[]): boolean {
  return filters.every((filter) => {
    const refused = filter.Values.filter((value) => value.startsWith('!')).map((value) => value.slice(1));
    const wanted = filter.Values.filter((value) => !value.startsWith('!'));
    const matches = (value: string): boolean => matchesValue(secret, filter.Key, value);
    return (wanted.length === 0 || wanted.some(matches)) && !refused.some(matches);
  });
}

function matchesValue(secret: Secret, key: SecretFilter['Key'], value: string): boolean {
  switch (key) {
    case 'name':
      return secret.name.startsWith(value);
    case 'description':
      return (secret.description ?? '').toLowerCase().startsWith(value.toLowerCase());
    case 'tag-key':
      return [...secret.tags.keys()].some((tagKey) => tagKey.startsWith(value));
    case 'tag-value':
      return [...secret.tags.values()].some((tagValue) => tagValue.startsWith(value));
    case 'all':
      return matchesWords(secret, value);
    // Nothing here is replicated or owned by another service, so neither attribute exists.
    case 'primary-region':
    case 'owning-service':
      return false;
  }
}

function matchesWords(secret: Secret, value: string): boolean {
  const attributes = [secret.name, secret.description ?? '', ...[...secret.tags].flat()];
  const words = attributes.flatMap(wordsOf);
  return wordsOf(value).every((wanted) => words.some((word) => word.startsWith(wanted)));
}

function wordsOf(text: string): readonly string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}
