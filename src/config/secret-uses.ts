/** Which secrets and files are used for what, so that no two things are written to one secret. */

import { quote } from '../core/credential/secret-likeness.ts';
import type { Pod } from '../core/store-kind.ts';
import { type Finding, formatPath, type Path } from './problem.ts';
import type { Place } from './publication.ts';
import { MAX_NAME } from './secret-name.ts';

export interface SecretUse {
  readonly secret: string;
  /** Where the configuration says so. */
  readonly path: Path;
  /** `token` and `state` are written. */
  readonly use: 'token' | 'state';
  /** Name of the place that it is written in. */
  readonly place: string;
}

/** A secret that a credential is read from. */
export interface CredentialUse {
  /** Name or ARN. */
  readonly secret: string;
  readonly path: Path;
  readonly use: 'credential';
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
export function findConflicts(
  uses: readonly (SecretUse | CredentialUse)[],
  places: readonly Place[],
  pod: Pod = {},
): readonly Finding[] {
  const findings = new Map<string, Finding>();
  const report = (path: Path, text: string): void => {
    const place = formatPath(path);
    if (!findings.has(place)) findings.set(place, { path, text, allowed: 'a secret of its own' });
  };
  const objectOf = namesOf(places, pod);
  const writers = new Map<string, SecretUse>();
  for (const use of uses) {
    if (use.use === 'credential') continue;
    const key = objectOf(use.place, use.secret);
    const writer = writers.get(key);
    if (writer === undefined) {
      writers.set(key, use);
      continue;
    }
    const written = `${describeUse(writer)} of ${formatPath(writer.path.slice(0, 2))} is written`;
    const isSame = writer.secret === use.secret && writer.place === use.place;
    const other =
      writer.place === use.place
        ? quote(writer.secret, MAX_NAME)
        : `${quote(writer.secret, MAX_NAME)} in ${writer.place}`;
    const where = isSame ? `where ${written}` : `which is ${other}, where ${written}`;
    const inPlace = places.length > 1 ? ` in ${use.place}` : '';
    const target = `${quote(use.secret, MAX_NAME)}${inPlace}`;
    report(use.path, `${describeUse(use)} would be written to ${target}, ${where}`);
  }
  const holders = places.filter(({ kind }) => kind.rules.holdsCredentials === true);
  for (const { secret, path, use } of uses) {
    if (use !== 'credential') continue;
    const [writer] = holders.flatMap(
      ({ name, kind }) => writers.get(objectOf(name, kind.rules.names.nameOf(secret))) ?? [],
    );
    if (writer === undefined) continue;
    const target = `${describeUse(writer)} of ${formatPath(writer.path.slice(0, 2))}`;
    report(path, `a credential would be read from the secret that ${target} is written to`);
  }
  return [...findings.values()];
}

/** What a name means in a place; of one whose section is wrong nothing is known but the name. */
function namesOf(places: readonly Place[], pod: Pod): (place: string, secret: string) => string {
  const configured = new Map(
    places.flatMap(({ name, findings, isKnown, configure }) =>
      isKnown && findings.length === 0 ? [[name, configure()] as const] : [],
    ),
  );
  return (place, secret) => configured.get(place)?.objectOf(secret, pod) ?? `${place} ${secret}`;
}

function describeUse({ use }: SecretUse): string {
  return use === 'state' ? 'the refresh token' : 'the token';
}
