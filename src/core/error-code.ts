/** An error that is known by its code, as those of the system are. */
export function codedError(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

/** As it is, from whatever was thrown; `undefined`: it has none. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
