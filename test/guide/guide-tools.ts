/** The programs that the dry run needs of this machine. */
import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { findKubectlProblem } from '../support/kubectl.ts';
import { findTool } from '../support/monitoring-tool.ts';
import { findContainerProblem } from '../support/unshared-container.ts';

const ARE_REQUIRED = process.env['MONITORING_TOOLS'] === 'required';

/** The AWS CLI, version 2, which the guide asks for: there may be a version 1 before it on the search path. */
export function findAwsCli(): string | undefined {
  const places = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'aws'));
  return places.find((place) => {
    const { stdout, status } = spawnSync(place, ['--version'], { encoding: 'utf8' });
    return status === 0 && stdout.startsWith('aws-cli/2.');
  });
}

/** Path of kubectl; `KUBECTL` names another one than that of the search path. */
export function findKubectl(): string | undefined {
  const named = process.env['KUBECTL'] ?? 'kubectl';
  return named.includes('/') ? named : findTool(named);
}

/** Why the guide cannot be run here; `undefined` when it can. */
export function findGuideProblem(): string | undefined {
  const missing = ['bash', 'curl', 'git', 'nsenter', 'openssl'].filter(
    (name) => findTool(name) === undefined,
  );
  if (missing.length > 0) return `${missing.join(', ')} not installed`;
  if (findAwsCli() === undefined) return 'there is no AWS CLI 2 (apt-get install awscli)';
  return findKubectlProblem() ?? findContainerProblem();
}

/** For `describe`. @throws where the guide may not be left out */
export function guideSkip(): string | false {
  const problem = findGuideProblem();
  if (problem !== undefined && ARE_REQUIRED) throw new Error(problem);
  return problem ?? false;
}
