/** A command that did not take so long has given nothing up, and so left no thread behind. */
const BRIEF_SECONDS = 1;

/**
 * Ends the process now, whatever is still open.
 *
 * `process.exit` waits for the threads that read files and look up names, and one of them may wait for a dead mount or
 * name server for ever. So another program takes this one's place, which drops them: the same Node.js, with nothing to do
 * but end with `code`. Killing itself would be no way out: process 1 of a container does not get such a signal.
 */
export function endProcess(code: number): never {
  try {
    if (process.uptime() > BRIEF_SECONDS)
      process.execve?.(process.execPath, [process.execPath, '-e', `process.exit(${code})`], {});
  } catch {
    // Not on this platform, or not allowed: then it ends as others do.
  }
  process.exit(code);
}

/** What keeps the process busy, for people: `2 x TCPSocketWrap, Timeout`. Threads that hang do not show. */
export function describeOpenResources(): string {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => (count === 1 ? kind : `${count} x ${kind}`)).join(', ');
}
