const ERRNO = /^[A-Z][A-Z0-9_]*$/;

/** `ENOSPC`, `EACCES`: all that a message may say of a file system's error, whose own text quotes. */
export function errnoName(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && ERRNO.test(code) ? code : 'unknown error';
}
