/** The runbook that ships with the program. */
import { readFileSync } from 'node:fs';

// As deep from here as from the chunks of the bundle in the image.
const FILE = new URL('../../docs/runbook.md', import.meta.url);

/** @throws when it is not there: a bug, since the program brings it */
export function readRunbook(): string {
  return readFileSync(FILE, 'utf8');
}
