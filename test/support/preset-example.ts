/** A request and its answer after the page that a preset was written after, with made-up values. What cannot be foreseen is written ‹name›. */
import { z } from 'zod';
import { NAME_FORM, NAME_PATTERN } from '../../src/core/wire/field-schemas.ts';
import { ERROR_CODES } from '../../src/providers/description.ts';
import type { Preset } from '../../src/providers/kinds.ts';

const named = <Field extends z.ZodType>(field: Field) =>
  z.record(z.string().regex(NAME_PATTERN, NAME_FORM), field, 'a mapping of names');

const exampleSchema = z.strictObject({
  credentials: named(z.string()).describe('made up'),
  options: named(z.union([z.string(), z.boolean()])).prefault({}),
  /** Wall time of the request. */
  at: z.iso.datetime(),
  request: z.strictObject({
    method: z.string(),
    url: z.string(),
    headers: z.record(z.string(), z.string()).prefault({}),
    body: z
      .union([
        z.string(),
        z.strictObject({ json: z.unknown() }),
        z.strictObject({ form: z.record(z.string(), z.string()) }),
      ])
      .optional(),
  }),
  /** Bodies of the answers to earlier requests. */
  steps: z.array(z.unknown()).prefault([]),
  answer: z.strictObject({
    status: z.int().default(200),
    headers: z.record(z.string(), z.string()).prefault({}),
    body: z.unknown(),
  }),
  token: z.strictObject({
    accessToken: z.string(),
    tokenType: z.string().default('Bearer'),
    expiresInSeconds: z.int(),
    refreshToken: z.string().optional(),
    fields: z.record(z.string(), z.string()).optional(),
  }),
  /** Answers without a token, and what each means. */
  failures: z
    .array(z.strictObject({ status: z.int(), body: z.unknown(), code: z.enum(ERROR_CODES) }))
    .prefault([]),
});

/** @throws for a preset without one, or with one of another form */
export function exampleOf({ example }: Preset): z.output<typeof exampleSchema> {
  return exampleSchema.parse(example);
}

/** The options of a preset's example; none for a kind that is no preset. */
export function exampleOptionsOf(preset: Preset | undefined): Readonly<Record<string, string | boolean>> {
  return preset === undefined ? {} : exampleOf(preset).options;
}
