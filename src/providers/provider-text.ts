/**
 * What a provider says in an error, made fit for a log line: only what `core/wire/recognised-text.ts` recognises, which is
 * also the guarantee.
 */

import type { SecretText } from '../core/secret-text.ts';
import { isJsonObject, type JsonObject } from '../core/wire/json.ts';
import { recogniseCode, recogniseMessage } from '../core/wire/recognised-text.ts';

/** What a provider's error body says, already sanitised. */
export interface ProviderStatement {
  readonly code: string | undefined;
  readonly message: string | undefined;
}

export const NOTHING_SAID: ProviderStatement = { code: undefined, message: undefined };

/**
 * Finds code and message of an error body where APIs put them: SNAP, RFC 6749 (5.2), RFC 9457, `{ error: { … } }`,
 * `{ errors: [ … ] }`, `{ code, message }`. The first of each that is recognised counts.
 */
export function readStatement(
  answer: JsonObject | undefined,
  secrets: readonly SecretText[],
): ProviderStatement {
  if (answer === undefined) return NOTHING_SAID;
  const { error } = answer;
  const inner = innerError(answer);
  const codes = [
    answer['responseCode'],
    inner['code'],
    error,
    answer['error_code'],
    answer['errorCode'],
    answer['code'],
  ];
  const code = firstOf(codes, (value) => recogniseCode(value, secrets));
  const messages = placesOfMessages(answer).filter((value) => value !== code);
  return { code, message: firstOf(messages, (value) => recogniseMessage(value, secrets)) };
}

/** Where APIs put words for people, in the order in which they say most. */
function placesOfMessages(answer: JsonObject): readonly unknown[] {
  const { error } = answer;
  const inner = innerError(answer);
  return [
    answer['responseMessage'],
    answer['error_description'],
    answer['errorDescription'],
    inner['message'],
    inner['description'],
    error,
    answer['message'],
    answer['error_message'],
    answer['errorMessage'],
    answer['detail'],
    answer['title'],
    answer['msg'],
  ];
}

function innerError({ error, errors }: JsonObject): JsonObject {
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  return [error, first].find(isJsonObject) ?? {};
}

function firstOf(
  values: readonly unknown[],
  recognise: (value: unknown) => string | undefined,
): string | undefined {
  for (const value of values) {
    const recognised = recognise(value);
    if (recognised !== undefined) return recognised;
  }
  return undefined;
}
