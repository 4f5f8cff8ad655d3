import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest, parseManifests } from './manifest.ts';
import { PROJECT } from './program-process.ts';

const HELM = process.env['HELM'] ?? 'helm';

/** Relative to the project. */
export const CHART_FOLDER = 'k8s/helm/token-refresher';

/** Why no chart can be rendered here; `undefined` when one can. Other versions word their messages differently. */
export function findHelmProblem(): string | undefined {
  const { stdout, error } = spawnSync(HELM, ['version', '--short'], { encoding: 'utf8' });
  if (error !== undefined) return 'there is no helm (set HELM to what `.ci/kubectl helm` prints)';
  return stdout.startsWith('v4.') ? undefined : 'helm 4 is needed';
}

/** For `describe`: on a developer's machine no helm is no reason to fail, where the chart is vouched for it is. */
export const HELM_SKIP: string | false =
  process.env['CI'] === undefined ? (findHelmProblem() ?? false) : false;

export interface HelmOutcome {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

interface HelmOptions {
  readonly values?: Readonly<Record<string, unknown>>;
  /** Files with values, relative to the project; later ones win. */
  readonly files?: readonly string[];
  readonly chart?: string;
  readonly more?: readonly string[];
}

/**
 * `helm COMMAND… CHART`, without a cluster and without anything of the user's. Values go in as JSON, in which a text stays one in
 * YAML of any version.
 */
export function helm(
  command: readonly string[],
  { values, files = [], chart = CHART_FOLDER, more = [] }: HelmOptions = {},
): HelmOutcome {
  const home = mkdtempSync(join(tmpdir(), 'token-refresher-helm-'));
  try {
    const { status, stdout, stderr } = spawnSync(
      HELM,
      [
        ...command,
        chart,
        ...files.flatMap((file) => ['--values', file]),
        ...(values === undefined ? [] : ['--values', '-']),
        ...more,
      ],
      {
        cwd: PROJECT,
        encoding: 'utf8',
        env: { PATH: process.env['PATH'], HOME: home },
        ...(values === undefined ? {} : { input: escaped(JSON.stringify(values)) }),
      },
    );
    return { ok: status === 0, stdout, stderr };
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Helm reads these in JSON as escapes alone. */
function escaped(json: string): string {
  return json.replaceAll(
    /[\u{7f}-\u{9f}\u{2028}\u{2029}\u{fffe}\u{ffff}]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

interface ReleaseOptions extends HelmOptions {
  readonly release?: string;
  readonly namespace?: string;
}

/** `helm template`. @throws with what helm says */
export function renderChart({
  release = 'token-refresher',
  namespace = 'token-refresher',
  ...options
}: ReleaseOptions = {}): readonly Manifest[] {
  const { ok, stdout, stderr } = helm(['template', release, '--namespace', namespace], options);
  if (!ok || stderr !== '') throw new Error(`helm template: ${stderr}`);
  return parseManifests(stdout);
}

/** What helm says to values that it refuses. @throws when it does not */
export function refusalOf(options: ReleaseOptions): string {
  const { release = 'token-refresher' } = options;
  const { ok, stderr } = helm(['template', release], options);
  if (ok) throw new Error('helm takes it');
  return stderr;
}
