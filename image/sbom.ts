/**
 * The software bill of materials: CycloneDX 1.6, every npm package that the program needs at run time, from the lockfile.
 *
 * Not `npm sbom`: its list depends on the version of npm, leaves out packages that a development dependency needs as well
 * (89 of 97, npm 11.19), and carries the time and a random number. Non-guarantee: Node.js and the system below it belong to
 * the base image, which has a bill of its own.
 */
import { Buffer } from 'node:buffer';
import { z } from 'zod';

const packageSchema = z.looseObject({
  version: z.string(),
  dev: z.boolean().optional(),
  integrity: z
    .string()
    .regex(/^sha512-/)
    .optional(),
  license: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
});

const lockfileSchema = z.object({
  lockfileVersion: z.literal(3),
  packages: z.record(z.string(), packageSchema),
});

type Package = z.infer<typeof packageSchema>;

interface Located {
  /** `node_modules/a/node_modules/b`; empty for the program itself. */
  readonly path: string;
  readonly name: string;
  readonly found: Package;
}

export interface SbomOptions {
  readonly name: string;
  readonly timeSeconds: number;
  /** The commit; `undefined` when it is not known. */
  readonly revision: string | undefined;
}

/** The text of the file. @throws for a lockfile that is not of npm 7 or later, or misses a dependency */
export function createSbom(lockfile: unknown, { name, timeSeconds, revision }: SbomOptions): string {
  const { packages } = lockfileSchema.parse(lockfile);
  const located = Object.entries(packages).map(([path, found]): Located => {
    const start = path.lastIndexOf('node_modules/');
    return { path, name: start === -1 ? name : path.slice(start + 'node_modules/'.length), found };
  });
  const byPath = new Map(located.map((each) => [each.path, each]));
  const needed = new Set<Located>();
  const visit = (each: Located): void => {
    if (needed.has(each)) return;
    needed.add(each);
    for (const next of dependenciesOf(each, byPath)) visit(next);
  };
  const program = byPath.get('');
  if (program === undefined) throw new Error('the lockfile does not name the program itself');
  visit(program);
  const sorted = [...needed].toSorted((one, other) => (refOf(one) < refOf(other) ? -1 : 1));
  const bill = {
    $schema: 'http://cyclonedx.org/schema/bom-1.6.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      timestamp: new Date(timeSeconds * 1000).toISOString(),
      component: {
        ...component(program, 'application'),
        ...(revision === undefined ? {} : { properties: [{ name: 'revision', value: revision }] }),
      },
    },
    components: sorted.filter((each) => each !== program).map((each) => component(each, 'library')),
    dependencies: sorted.map((each) => ({
      ref: refOf(each),
      dependsOn: [...new Set(dependenciesOf(each, byPath).map(refOf))].toSorted(),
    })),
  };
  return `${JSON.stringify(bill, undefined, 2)}\n`;
}

/** As Node.js finds them: in the package's own folder, then in those around it. */
function dependenciesOf(
  { path, name, found }: Located,
  byPath: ReadonlyMap<string, Located>,
): readonly Located[] {
  const optional = found.optionalDependencies ?? {};
  return Object.keys({ ...found.dependencies, ...optional }).flatMap((dependency) => {
    for (let folder = path; ; folder = outerFolder(folder)) {
      const resolved = byPath.get(`${folder === '' ? '' : `${folder}/`}node_modules/${dependency}`);
      if (resolved !== undefined) return [resolved];
      if (folder === '') break;
    }
    if (dependency in optional) return [];
    throw new Error(`${name} needs ${dependency}, which is not in the lockfile: run npm install`);
  });
}

function outerFolder(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/node_modules/')));
}

function refOf({ name, found }: Located): string {
  return `pkg:npm/${name.replace('@', '%40')}@${found.version}`;
}

function component(each: Located, type: 'application' | 'library') {
  const { name, found } = each;
  const { license, integrity } = found;
  const purl = refOf(each);
  return {
    type,
    'bom-ref': purl,
    name,
    version: found.version,
    purl,
    ...(license === undefined || license === 'UNLICENSED' ? {} : { licenses: [licence(license)] }),
    ...(integrity === undefined
      ? {}
      : {
          hashes: [
            {
              alg: 'SHA-512',
              content: Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex'),
            },
          ],
        }),
  };
}

/** One SPDX identifier, or an expression of several. */
function licence(text: string) {
  return /[ ()]/.test(text) ? { expression: text } : { license: { id: text } };
}
