/**
 * Strict JSON Schemas of Kubernetes objects: a field that the API does not know fails.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { z } from 'zod';
import type { Manifest } from './manifest.ts';
import { PROJECT } from './program-process.ts';

const FOLDER = join(PROJECT, 'test/k8s/schemas');

const schemaSchema = z.looseObject({});

/** Validates objects of the kinds that there is a schema for. */
export class StrictSchemas {
  readonly #ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor() {
    const read = (name: string): Record<string, unknown> =>
      schemaSchema.parse(JSON.parse(readFileSync(join(FOLDER, name), 'utf8')));
    this.#ajv.addSchema(read('_definitions.json'), '_definitions.json');
    for (const name of readdirSync(FOLDER).filter((file) => /^[a-z].*\.json$/.test(file)))
      this.#validators.set(name, this.#ajv.compile(read(name)));
  }

  /** What is wrong, each with its path; empty when nothing is. */
  problems(manifest: Manifest): readonly string[] {
    const name = schemaFile(manifest);
    const validate = this.#validators.get(name);
    if (validate === undefined) return [`${manifest.kind}: no schema ${name}`];
    const isValid: boolean = validate(manifest);
    if (isValid) return [];
    return (validate.errors ?? []).map(({ instancePath, message, params }) => {
      const field = z.object({ additionalProperty: z.string() }).safeParse(params).data?.additionalProperty;
      return `${manifest.kind} ${manifest.metadata.name}${instancePath} ${message}${field === undefined ? '' : `: ${field}`}`;
    });
  }
}

/** `deployment-apps-v1.json`: kind, first label of the group, version. */
function schemaFile({ apiVersion, kind }: Manifest): string {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const label = group?.replace('rbac.authorization', 'rbac').split('.')[0];
  return [kind.toLowerCase(), ...(label === '' ? [] : [label]), `${version}.json`].join('-');
}
