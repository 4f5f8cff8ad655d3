import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Configuration } from '../../src/config/configuration.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import type { CredentialReference } from '../../src/core/credential/credential-reference.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { PROJECT } from './program-process.ts';

/** Paths, relative to `k8s/`, of the configurations that a ConfigMap is generated from. */
export const SHIPPED_CONFIGURATIONS = ['base/config/config.yaml', 'overlays/example/config/config.yaml'];

/** @param path relative to `k8s/` @throws with everything that is wrong with it */
export function readShippedConfiguration(path: string): Configuration {
  const text = readFileSync(join(PROJECT, 'k8s', path), 'utf8');
  const parsed = parseConfiguration(text, { fileName: path, ...CATALOG });
  if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'));
  return parsed.configuration;
}

/** Where all credentials of a configuration are. */
export function listReferences({ providers }: Configuration): readonly CredentialReference[] {
  return providers.flatMap(({ credentials, tokens }) => [
    ...Object.values(credentials),
    ...tokens.flatMap(({ customerCredentials }) => Object.values(customerCredentials)),
  ]);
}
