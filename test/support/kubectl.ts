import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { TestContext } from 'node:test';
import { stringify } from 'yaml';
import { type Manifest, parseManifests } from './manifest.ts';
import { createPrivateFolder } from './private-folder.ts';
import { PROJECT } from './program-process.ts';

const KUBECTL = process.env['KUBECTL'] ?? 'kubectl';

/** Why nothing can be rendered here; `undefined` when it can. Kustomize knows components since 3.7, kubectl since 1.21. */
export function findKubectlProblem(): string | undefined {
  const { stdout, error } = spawnSync(KUBECTL, ['version', '--client'], { encoding: 'utf8' });
  if (error !== undefined) return 'there is no kubectl (set KUBECTL, or run .ci/kubectl)';
  return /^Kustomize Version: v[5-9]/m.test(stdout) ? undefined : 'kubectl is too old: kustomize 5 is needed';
}

/** For `describe`: on a developer's machine no kubectl is no reason to fail, where manifests are vouched for it is. */
export const KUBECTL_SKIP: string | false =
  process.env['CI'] === undefined ? (findKubectlProblem() ?? false) : false;

export interface Rendering {
  readonly ok: boolean;
  readonly text: string;
  readonly manifests: readonly Manifest[];
  readonly stderr: string;
}

/** `kubectl kustomize`, without a cluster. @param folder absolute, or relative to the project */
export function render(folder: string): Rendering {
  const { status, stdout, stderr } = spawnSync(KUBECTL, ['kustomize', folder], {
    cwd: PROJECT,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
  });
  return { ok: status === 0, text: stdout, manifests: parseManifests(stdout), stderr };
}

/** Renders the base with components, and whatever else an overlay may say. */
export async function renderOverlay(
  t: TestContext,
  components: readonly string[],
  more: Readonly<Record<string, unknown>> = {},
): Promise<Rendering> {
  const folder = join(await createPrivateFolder(t), 'overlay');
  await mkdir(folder);
  const pathOf = (part: string): string => relative(folder, join(PROJECT, 'k8s', part));
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: [pathOf('base')],
    components: components.map((name) => pathOf(`components/${name}`)),
    ...more,
  };
  await writeFile(join(folder, 'kustomization.yaml'), stringify(kustomization));
  return render(folder);
}
