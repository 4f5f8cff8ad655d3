/** The credential references of an entry, as far as they are valid. */
import { isAbsolute, join } from 'node:path';
import type { z } from 'zod';
import {
  type CredentialReference,
  type CredentialReferences,
  describeReference,
} from '../core/credential/credential-reference.ts';
import { readCredentialText } from '../core/credential/credential-text.ts';
import { credentialReferenceSchema } from '../core/credential/reference-schema.ts';
import { isPlainVariable } from '../core/credential/secret-likeness.ts';
import { isJsonObject } from '../core/wire/json.ts';
import type { Finding, Path } from './problem.ts';
import type { CredentialUse, FileUse } from './secret-uses.ts';

export interface ReferenceContext {
  /** Folder of the configuration file, which relative paths start from. */
  readonly folder: string;
  /** The environment to look references up in; `undefined` leaves them unchecked. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
}

interface CredentialEntries {
  readonly references: CredentialReferences;
  readonly findings: readonly Finding[];
  readonly uses: readonly (CredentialUse | FileUse)[];
}

/** Reads those of the credentials that are written down correctly; what is wrong with others the schema has said. */
export function readCredentialEntries(
  names: readonly string[],
  raw: unknown,
  path: Path,
  context: ReferenceContext,
): CredentialEntries {
  const references: Record<string, CredentialReference> = {};
  const findings: Finding[] = [];
  const uses: (CredentialUse | FileUse)[] = [];
  for (const name of names) {
    const parsed = credentialReferenceSchema.safeParse(isJsonObject(raw) ? raw[name] : undefined);
    if (!parsed.success) continue;
    const reference = toReference(parsed.data, context.folder);
    references[name] = reference;
    if (reference.kind === 'env' && context.env !== undefined) {
      const isSet = Object.hasOwn(context.env, reference.name);
      const state = describeMissing(isSet ? context.env[reference.name] : undefined);
      if (state !== undefined) {
        findings.push({
          path: [...path, name, 'env'],
          text: `${describeReference(reference)} ${state}${isPlainVariable(reference.name) ? '' : UNSHOWN}`,
        });
      }
    }
    if (reference.kind === 'file')
      uses.push({ file: reference.path, path: [...path, name, 'file'], use: 'file' });
    if (reference.kind === 'awsSecret') {
      uses.push({ secret: reference.id, path: [...path, name, 'awsSecret'], use: 'credential' });
    }
  }
  return { references, findings, uses };
}

/**
 * @param folder what relative paths start from
 * @throws for none of the three, which the schema refuses
 */
export function toReference(
  { env, file, awsSecret, key }: z.output<typeof credentialReferenceSchema>,
  folder: string,
): CredentialReference {
  if (env !== undefined) return { kind: 'env', name: env };
  if (file !== undefined) return { kind: 'file', path: isAbsolute(file) ? file : join(folder, file) };
  if (awsSecret === undefined) throw new Error('a reference that the schema has accepted names no source');
  return { kind: 'awsSecret', id: awsSecret, key };
}

const UNSHOWN =
  ' (its name is not shown, since it may be the credential itself, which must not stand in this file)';

function describeMissing(value: string | undefined): string | undefined {
  if (value === undefined) return 'is not set';
  const read = readCredentialText(value);
  return read.ok ? undefined : read.problem;
}
