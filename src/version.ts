import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The program's version, from the package.json that stands beside `src` and beside `dist`. */
export function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}

/** What runs, for the first line of the log. */
export function describeProgram(): { readonly version: string; readonly node: string } {
  return { version: readVersion(), node: process.versions.node };
}
