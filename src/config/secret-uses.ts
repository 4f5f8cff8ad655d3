/** Which secrets and files are used for what, so that no two things are written to one secret. */

import { quote } from '../core/credential/secret-likeness.ts';
import type { NameRules } from '../core/store-kind.ts';
import { type Finding, formatPath, type Path } from './problem.ts';
import { MAX_NAME } from './secret-name.ts';

export interface SecretUse {
  /** Name; for a credential also an ARN. */
  readonly secret: string;
  /** Where the configuration says so. */
  readonly path: Path;
  /** `token` and `state` are written, `credential` is read. */
  readonly use: 'token' | 'state' | 'credential';
}

/** A file that a credential is read from. */
export interface FileUse {
  readonly file: string;
  readonly path: Path;
  readonly use: 'file';
}

/**
 * Secrets that are written twice, and credentials that are read from a secret that is written; one finding per place,
 * because a template or a default makes many names of one mistake.
 */
export function findConflicts(uses: readonly SecretUse[], { nameOf }: NameRules): readonly Finding[] {
  const findings = new Map<string, Finding>();
  const report = (path: Path, text: string): void => {
    const place = formatPath(path);
    if (!findings.has(place)) findings.set(place, { path, text, allowed: 'a secret of its own' });
  };
  const writers = new Map<string, SecretUse>();
  for (const use of uses) {
    if (use.use === 'credential') continue;
    const writer = writers.get(use.secret);
    if (writer === undefined) {
      writers.set(use.secret, use);
      continue;
    }
    const where = `where ${describeUse(writer)} of ${formatPath(writer.path.slice(0, 2))} is written`;
    report(use.path, `${describeUse(use)} would be written to ${quote(use.secret, MAX_NAME)}, ${where}`);
  }
  for (const { secret, path, use } of uses) {
    const writer = use === 'credential' ? writers.get(nameOf(secret)) : undefined;
    if (writer === undefined) continue;
    const target = `${describeUse(writer)} of ${formatPath(writer.path.slice(0, 2))}`;
    report(path, `a credential would be read from the secret that ${target} is written to`);
  }
  return [...findings.values()];
}

function describeUse({ use }: SecretUse): string {
  return use === 'state' ? 'the refresh token' : 'the token';
}
