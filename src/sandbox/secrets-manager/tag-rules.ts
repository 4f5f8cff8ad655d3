import { refuseParameter } from './refusal.ts';
import type { Tags } from './request-schema.ts';

const MAX_TAGS = 50;
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/**
 * Adds tags, or replaces the values of those that are there; all of them or none.
 * @throws {Refusal} `InvalidParameterException`: a reserved or malformed key, a key given twice, more than 50 tags
 */
export function addTags(target: Map<string, string>, tags: Tags): void {
  const merged = new Map(target);
  const seen = new Set<string>();
  for (const { Key: key, Value: value } of tags) {
    if (/^aws:/i.test(key)) refuseParameter("Tag keys that start with 'aws:' are reserved for AWS use.");
    if (!TAG_TEXT.test(key) || !TAG_TEXT.test(value))
      refuseParameter('A tag has a character that is not allowed.');
    if (seen.has(key)) refuseParameter('A tag key was given more than once.');
    seen.add(key);
    merged.set(key, value);
  }
  if (merged.size > MAX_TAGS) refuseParameter(`A secret can have at most ${MAX_TAGS} tags.`);
  for (const [key, value] of merged) target.set(key, value);
}
