/**
 * The files that credentials are read from, looked at where `check` runs.
 *
 * Guarantee: what is found is worth a note and never an error, since a laptop or a CI job has no mounted Secrets; nothing
 * that a file holds is reported.
 */

import { describeReference } from '../core/credential/credential-reference.ts';
import {
  decodeCredential,
  MAX_CREDENTIAL_BYTES,
  readCredentialText,
} from '../core/credential/credential-text.ts';
import {
  describeFileError,
  describeMachineTrouble,
  errnoOf,
  mayPass,
  NOT_A_REGULAR_FILE,
} from '../core/file-error.ts';
import { forEachConcurrent } from '../core/for-each-concurrent.ts';
import type { Finding } from './problem.ts';
import type { FileUse } from './secret-uses.ts';

/** Each waits 5 s at most for its turn and the file system: all of thousands at once would be too late. */
const FEW = 3;

const NOT_REGULAR =
  'is no regular file but a pipe, a device or a socket, which is never read: name a regular file';
const FORBIDDEN =
  'may not be read by the user that runs this: let the one that token-refresher runs as read it, and enter its folders';

/** By errno, what is wrong and what to do. */
const IN_WORDS: ReadonlyMap<string, string> = new Map([
  [
    'ENOENT',
    'is not on this machine: create it or correct the path, unless it is mounted where token-refresher runs',
  ],
  ['ENOTDIR', 'cannot be there, since a file stands in the place of one of its folders: correct the path'],
  ['EISDIR', 'is a folder: name a file in it'],
  [NOT_A_REGULAR_FILE, NOT_REGULAR],
  // A socket cannot even be opened.
  ['ENXIO', NOT_REGULAR],
  ['EACCES', FORBIDDEN],
  ['EPERM', FORBIDDEN],
  // The same for those that were not tried, because others keep all that may wait for such a mount.
  ['ETIMEDOUT', 'was not read, since the file system did not answer for it or for others: look at the mount'],
]);

/**
 * One finding for each file that cannot be read or holds no credential, at the first place that names it.
 * @param readFile as in `load.ts`
 */
export async function noteUnusableFiles(
  uses: readonly FileUse[],
  readFile: (path: string, mostBytes: number) => Promise<Uint8Array>,
): Promise<readonly Finding[]> {
  const byPath = Map.groupBy(uses, ({ file }) => file);
  const problems = new Map<string, string>();
  await forEachConcurrent([...byPath.keys()], FEW, async (path) => {
    const problem = await findProblem(path, readFile);
    if (problem !== undefined) problems.set(path, problem);
  });
  return [...byPath].flatMap(([path, [first, ...others]]) => {
    const problem = problems.get(path);
    if (problem === undefined || first === undefined) return [];
    const places = others.length === 1 ? '1 other place' : `${others.length} other places`;
    const more = others.length === 0 ? '' : ` (named in ${places} too)`;
    return [{ path: first.path, text: `${describeReference({ kind: 'file', path })} ${problem}${more}` }];
  });
}

async function findProblem(
  path: string,
  readFile: (path: string, mostBytes: number) => Promise<Uint8Array>,
): Promise<string | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path, MAX_CREDENTIAL_BYTES);
  } catch (error) {
    const trouble = describeMachineTrouble(error);
    if (trouble !== undefined) return `cannot be read (${trouble})`;
    const remedy = mayPass(error) ? 'look at the machine and the mount' : 'correct the path';
    return IN_WORDS.get(errnoOf(error)) ?? `cannot be read (${describeFileError(error)}): ${remedy}`;
  }
  const decoded = decodeCredential(bytes);
  const read = decoded.ok ? readCredentialText(decoded.text) : decoded;
  return read.ok ? undefined : `${read.problem}; it has to hold the credential as text, and nothing else`;
}
