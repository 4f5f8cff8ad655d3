import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Set by `.ci/run`, which installs the tools. */
const ARE_REQUIRED = process.env['MONITORING_TOOLS'] === 'required';

/**
 * What to hand to a test that needs a program of Debian's packages `prometheus` and `prometheus-alertmanager`: a test
 * that is left out says so in the report.
 * @throws for a missing one where none may be left out
 */
export function needsTool(...names: readonly string[]): { readonly skip: string | false } {
  const missing = names.filter((name) => !isInstalled(name));
  if (missing.length === 0) return { skip: false };
  const reason = `${missing.join(' and ')} not installed; apt-get install prometheus prometheus-alertmanager`;
  if (ARE_REQUIRED) throw new Error(reason);
  return { skip: reason };
}

function isInstalled(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
