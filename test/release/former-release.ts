/** What a former release left behind, as `record.ts` has kept it in `former/VERSION/`. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const secretSchema = z.object({
  name: z.string(),
  tags: z.record(z.string(), z.string()),
  versions: z.array(z.object({ id: z.string(), stages: z.array(z.string()), text: z.string() })).min(1),
});

export const formerReleaseSchema = z.object({
  version: z.string(),
  commit: z.string(),
  /** When its daemon was killed. */
  recordedAt: z.iso.datetime(),
  secrets: z.array(secretSchema).min(1),
  /** What its `plan --json` said of each of the files in `configurations/`. */
  plans: z.record(z.string(), z.array(z.looseObject({ token: z.string() }))),
});

export type RecordedSecret = z.infer<typeof secretSchema>;
export type FormerRelease = z.infer<typeof formerReleaseSchema>;

const FORMER = join(import.meta.dirname, 'former');

/** Every release that was recorded, with its folder. */
export function readFormerReleases(): readonly (FormerRelease & { readonly folder: string })[] {
  return readdirSync(FORMER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const folder = join(FORMER, name);
      return {
        ...formerReleaseSchema.parse(JSON.parse(readFileSync(join(folder, 'release.json'), 'utf8'))),
        folder,
      };
    });
}
