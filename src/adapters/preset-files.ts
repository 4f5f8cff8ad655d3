/** The presets that ship with the program: one YAML file each, whose name is the kind's. */
import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

// As deep from here as from the chunks of the bundle in the image.
const FOLDER = new URL('../../config/presets/', import.meta.url);

/** In alphabetical order. */
export function listPresets(): readonly string[] {
  return readdirSync(FOLDER)
    .flatMap((file) => (file.endsWith('.yaml') ? [file.slice(0, -'.yaml'.length)] : []))
    .toSorted();
}

/** @throws for a file that is not there or no YAML: a bug, since the program brings it */
export function readPresetFile(name: string): unknown {
  return parse(readFileSync(new URL(`${name}.yaml`, FOLDER), 'utf8'));
}
