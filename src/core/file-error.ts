/**
 * What an error of the file system means for whoever wanted the file: is it the file, or the machine?
 *
 * Guarantee: nothing of an error's own text is used, which may quote anything.
 */
import { codeOf } from './error-code.ts';

/** Of what is no regular file: a pipe, a device, a socket. Not an errno of the system; it is in `code` like one. */
export const NOT_A_REGULAR_FILE = 'NOT_A_REGULAR_FILE';

/** A human has to put these right. Any other errno (EIO, ESTALE, EMFILE, ENOTCONN, ETIMEDOUT, …) may pass by itself. */
const LASTING: ReadonlySet<string> = new Set([
  'ENOENT',
  'ENOTDIR',
  'EISDIR',
  'EFBIG',
  'EACCES',
  'EPERM',
  'ELOOP',
  'ENAMETOOLONG',
  'EINVAL',
  'ENXIO',
  NOT_A_REGULAR_FILE,
]);

/** Neither the file nor the program is to blame. */
const MACHINE_TROUBLE: ReadonlyMap<string, string> = new Map([
  ['EMFILE', 'the program has too many files open; raise its limit (ulimit -n)'],
  ['ENFILE', 'the machine has too many files open; raise its limit (fs.file-max)'],
  ['ENOMEM', 'the machine has no memory left for it; free some, or raise the limit'],
  ['ENOSPC', 'the disk is full; free some of it'],
  ['EDQUOT', 'the quota of the disk is used up; free some of it, or raise the quota'],
  ['EROFS', 'the file system is read-only; mount one that can be written there'],
  ['EIO', 'the disk or the mount fails; look at the log of the machine'],
  ['ESTALE', 'the mount is stale; mount it again'],
]);

const IN_WORDS: ReadonlyMap<string, string> = new Map([
  ...MACHINE_TROUBLE,
  ['ETIMEDOUT', 'the file system did not answer'],
  ['EACCES', 'the user of this process has no permission for it'],
  ['EPERM', 'the user of this process has no permission for it'],
  ['EISDIR', 'it is a folder'],
  ['EFBIG', 'it holds more than 1 MiB'],
  [NOT_A_REGULAR_FILE, 'it is no regular file but a pipe, a device or a socket'],
]);

/** `ENOSPC`, `EACCES`: the name of a system error in `code`; `unknown error` when it has none. */
export function errnoOf(error: unknown): string {
  const code = codeOf(error);
  return code !== undefined && /^[A-Z][A-Z0-9_]{1,60}$/.test(code) ? code : 'unknown error';
}

/** Whether the same read may well succeed later, without anybody's help. */
export function mayPass(error: unknown): boolean {
  const errno = errnoOf(error);
  return /^E[A-Z0-9]+$/.test(errno) && !LASTING.has(errno);
}

/** `EIO`, `ETIMEDOUT: the file system did not answer`: what a message says in brackets. */
export function describeFileError(error: unknown): string {
  const errno = errnoOf(error);
  const words = IN_WORDS.get(errno);
  if (words === undefined) return errno;
  return errno === NOT_A_REGULAR_FILE ? words : `${errno}: ${words}`;
}

/** As {@link describeFileError}, of an error that the machine causes wherever it is met; `undefined` of all others. */
export function describeMachineTrouble(error: unknown): string | undefined {
  // Node's loader of modules has a code of its own for it.
  const isLoaderOutOfFiles = error instanceof Error && error.message.endsWith(': too many open files.');
  const errno = isLoaderOutOfFiles ? 'EMFILE' : errnoOf(error);
  const words = MACHINE_TROUBLE.get(errno);
  return words === undefined ? undefined : `${errno}: ${words}`;
}
