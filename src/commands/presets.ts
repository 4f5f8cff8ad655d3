/** `presets`: what ships, with the page that each was written after. */

import { formatDuration } from '../core/wire/duration.ts';
import { findPreset, KINDS, listPresets } from '../wiring/connections.ts';
import type { ExitCode, Terminal } from './terminal.ts';

interface PresetsOptions {
  readonly json?: boolean;
}

export function presets({ json = false }: PresetsOptions, terminal: Terminal): ExitCode {
  const all = listPresets().flatMap((name) => describe(name) ?? []);
  if (json) {
    terminal.out(`${JSON.stringify(all, null, 2)}\n`);
    return 0;
  }
  const widest = Math.max(...all.map(({ kind }) => kind.length));
  for (const { kind, title, lifetime, special } of all) {
    const more = special === undefined ? '' : `; ${special}`;
    terminal.out(`${kind.padEnd(widest)}  ${lifetime.padStart(5)}  ${title}${more}\n`);
  }
  terminal.out(`\n${all.length} presets; init NAME prints one to paste, --json says all of each\n`);
  return 0;
}

/** As `--json` prints it. */
function describe(name: string) {
  const preset = findPreset(name);
  const kind = KINDS.find(name);
  if (preset === undefined || kind === undefined) return undefined;
  const { title, special, form, lifetime, baseUrl, source, checked, fromMemory, options } = preset;
  return {
    kind: name,
    title,
    special,
    form,
    lifetime: formatDuration(lifetime),
    baseUrl,
    source,
    checked,
    fromMemory,
    credentials: kind.credentials,
    customerCredentials: kind.customerCredentials,
    options,
  };
}
