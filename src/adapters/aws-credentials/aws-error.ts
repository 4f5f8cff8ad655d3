/** What an error of the AWS SDK, or of the way to AWS, says in fields whose form is known. */
import { errnoOf } from '../../core/file-error.ts';
import { valueAtPath } from '../../core/wire/json.ts';

/** Trouble of this machine that stops the SDK, by code: neither AWS nor the way there. */
export const LOCAL_TROUBLE: ReadonlyMap<string, string> = new Map([
  [
    'EMFILE',
    'this process has too many files open: raise its limit (ulimit -n), and find out what holds them',
  ],
  ['ENFILE', 'this machine has too many files open: find out what holds them'],
  ['ERR_SYSTEM_ERROR', 'the AWS SDK finds no home folder of this user: set HOME, any folder will do'],
]);

/** HTTP status of an answer; `undefined` when there was none. */
export function statusOf(error: unknown): number | undefined {
  const status = valueAtPath(error, ['$metadata', 'httpStatusCode']);
  return typeof status === 'number' ? status : undefined;
}

/** `ECONNREFUSED`: of the error or of its cause. */
export function causeCodeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const errno = errnoOf(error);
  return errno === 'unknown error' ? causeCodeOf(error.cause) : errno;
}
