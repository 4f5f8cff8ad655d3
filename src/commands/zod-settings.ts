/**
 * The library of schemas, set up for the whole process.
 *
 * In the image it is cut down to what is used, which takes `import * as z`: with `import { z }` all of it stays, its
 * messages in fifty languages too. Its own line that chooses English is cut away with the rest, so that it is chosen here.
 */
import { config } from 'zod';
import { en } from 'zod/locales';

export function setUpSchemas(): void {
  // Most schemas see a handful of values: code that zod would compile for each of them costs more than it saves.
  config({ ...en(), jitless: true });
}
