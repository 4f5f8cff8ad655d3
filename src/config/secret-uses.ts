/** Which secret is used for what, so that no two things are written to one. */
import { type Finding, formatPath, type Path } from './problem.ts';
import { secretNameOf } from './secret-name.ts';

export interface SecretUse {
  /** Name; for a credential also an ARN. */
  readonly secret: string;
  /** Where the configuration says so. */
  readonly path: Path;
  /** `token` and `state` are written, `credential` is read. */
  readonly use: 'token' | 'state' | 'credential';
}

/** Secrets that are written twice, and credentials that are read from a secret that is written. */
export function findConflicts(uses: readonly SecretUse[]): readonly Finding[] {
  const findings: Finding[] = [];
  const writers = new Map<string, SecretUse>();
  for (const use of uses) {
    if (use.use === 'credential') continue;
    const writer = writers.get(use.secret);
    if (writer === undefined) writers.set(use.secret, use);
    else {
      const text = `${describeUse(use)} would be written to "${use.secret}", where ${describeUse(writer)} of ${formatPath(writer.path.slice(0, 2))} is written`;
      findings.push({ path: use.path, text, allowed: 'a secret of its own' });
    }
  }
  for (const { secret, path, use } of uses) {
    if (use !== 'credential') continue;
    const writer = writers.get(secretNameOf(secret));
    if (writer === undefined) continue;
    const text = `a credential would be read from the secret that ${describeUse(writer)} of ${formatPath(writer.path.slice(0, 2))} is written to`;
    findings.push({ path, text, allowed: 'a secret of its own' });
  }
  return findings;
}

function describeUse({ use }: SecretUse): string {
  return use === 'state' ? 'the refresh token' : 'the token';
}
