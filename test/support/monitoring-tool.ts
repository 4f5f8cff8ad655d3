import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Set by `.ci/run`, which installs the tools. */
const ARE_REQUIRED = process.env['MONITORING_TOOLS'] === 'required';

/** Debian's package by program. */
const PACKAGES: Readonly<Record<string, string>> = {
  promtool: 'prometheus',
  'prometheus-alertmanager': 'prometheus-alertmanager',
  'chromium-headless-shell': 'chromium-headless-shell',
  tinyproxy: 'tinyproxy',
  curl: 'curl',
  python3: 'python3',
  go: 'golang-go',
};

/**
 * What to hand to a test that needs a program of one of {@link PACKAGES}: a test that is left out says so in the report.
 * @throws for a missing one where none may be left out
 */
export function needsTool(...names: readonly string[]): { readonly skip: string | false } {
  const missing = names.filter((name) => findTool(name) === undefined);
  if (missing.length === 0) return { skip: false };
  const reason = `${missing.join(' and ')} not installed; apt-get install ${missing.map((name) => PACKAGES[name]).join(' ')}`;
  if (ARE_REQUIRED) throw new Error(reason);
  return { skip: reason };
}

/** Where a program is, by the search path; `undefined`: nowhere. */
export function findTool(name: string): string | undefined {
  const places = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name));
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
