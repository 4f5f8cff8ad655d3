import { isJsonObject, parseJson } from '../../core/wire/json.ts';

/** What this release writes into the journal's directory and understands. */
export const RECORD_VERSION = 1;

/** True for what a later release has written: whole, but with a meaning that is not known here. */
export function isOfLaterVersion(text: string): boolean {
  const record = parseJson(text);
  const version = isJsonObject(record) ? record['schema_version'] : undefined;
  return typeof version === 'number' && version > RECORD_VERSION;
}
