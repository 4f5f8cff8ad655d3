import { spawnSync } from 'node:child_process';

/** Makes a pipe with a name: whoever opens it as a file waits until somebody writes, which nobody does. */
export function makePipe(path: string): void {
  const made = spawnSync('mkfifo', [path]);
  if (made.status !== 0) throw new Error(`mkfifo ${path} failed`);
}
