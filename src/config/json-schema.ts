import { z } from 'zod';
import type { KindLibrary } from '../providers/provider.ts';
import { createDocumentSchema } from './schema.ts';

export interface JsonSchemaOptions {
  /** Each part where it is used, for who reads it piece by piece; by default dozens of kinds share what they have in common. */
  readonly isInline?: boolean;
}

/**
 * The JSON Schema of a configuration file (draft 2020-12), for editors: completion, explanations, first checks.
 * Non-guarantee: what spans several values (duplicate names, infeasible schedules, names in texts) only the program checks.
 */
export function configurationJsonSchema(
  kinds: KindLibrary,
  { isInline = false }: JsonSchemaOptions = {},
): z.core.JSONSchema.JSONSchema {
  const { $schema, ...schema } = z.toJSONSchema(createDocumentSchema(kinds), {
    target: 'draft-2020-12',
    // What people write, not what it is parsed to: durations are text.
    io: 'input',
    reused: isInline ? 'inline' : 'ref',
  });
  return {
    ...($schema === undefined ? {} : { $schema }),
    $id: 'urn:token-refresher:configuration',
    title: 'token-refresher configuration',
    description: 'which tokens are kept fresh, and where they are published',
    ...schema,
  };
}
