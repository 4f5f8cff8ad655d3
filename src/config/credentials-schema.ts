import * as z from 'zod';
import { BY_REFERENCE, credentialReferenceSchema } from '../core/credential/reference-schema.ts';
import { mapping } from '../core/wire/field-schemas.ts';
import type { CredentialFields } from '../providers/provider.ts';

/** One reference per credential of a kind. */
export function referenceShape(fields: CredentialFields): z.ZodRawShape {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => [
      name,
      (field.optional === true ? credentialReferenceSchema.optional() : credentialReferenceSchema).describe(
        `${field.description}; ${BY_REFERENCE}`,
      ),
    ]),
  );
}

export function credentialsSchema(fields: CredentialFields): z.ZodType {
  const schema = mapping(referenceShape(fields)).describe('credentials, each by reference');
  return Object.values(fields).every((field) => field.optional === true) ? schema.prefault({}) : schema;
}
