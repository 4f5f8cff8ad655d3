import type { z } from 'zod';
import { type JsonObject, valueAtPath } from '../../core/wire/json.ts';
import { Refusal } from './refusal.ts';

/**
 * Checks a request against its shape.
 *
 * The message names members and limits and never a value: the service itself quotes the values of members that are
 * not sensitive, which a request with a secret in the wrong member would turn into a leak.
 * @throws {Refusal} `SerializationException` for a wrong JSON type, `ValidationException` for a broken limit
 */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, input: JsonObject): z.output<Schema> {
  const present = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null));
  const parsed = schema.safeParse(present);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const mistyped = issues.find(
    (issue) => issue.code === 'invalid_type' && valueAtPath(present, issue.path) !== undefined,
  );
  if (mistyped !== undefined) {
    throw new Refusal('SerializationException', `unexpected JSON type at '${memberName(mistyped.path)}'`);
  }
  const details = issues.map(
    (i) => `Value at '${memberName(i.path)}' failed to satisfy constraint: ${constraint(i)}`,
  );
  const count = `${issues.length} validation error${issues.length === 1 ? '' : 's'} detected`;
  throw new Refusal('ValidationException', `${count}: ${details.join('; ')}`);
}

function constraint(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return 'Member must not be null';
    case 'too_small':
      return `Member must have ${measure(issue.origin)} greater than or equal to ${issue.minimum}`;
    case 'too_big':
      return `Member must have ${measure(issue.origin)} less than or equal to ${issue.maximum}`;
    case 'invalid_value':
      return `Member must satisfy enum value set: [${issue.values.map(String).join(', ')}]`;
    case 'invalid_format':
      return 'Member must satisfy its regular expression pattern';
    default:
      // Only `custom` issues arrive here, and their texts are ours (request-schema.ts).
      return issue.message;
  }
}

function measure(origin: string): string {
  return origin === 'string' || origin === 'array' ? 'length' : 'value';
}

/** `SecretIdList.0` -> `secretIdList.0`: the service writes members in lower camel case. */
function memberName(path: readonly PropertyKey[]): string {
  const name = path.map(String).join('.');
  return name.charAt(0).toLowerCase() + name.slice(1);
}
