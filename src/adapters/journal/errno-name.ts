/** `ENOSPC`, `EACCES`: what a message may say of a file system's error, whose own text quotes paths. */
export function errnoName(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}
