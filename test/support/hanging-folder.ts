/**
 * A folder on a mount that hangs for good, as a network file system does whose server has gone: a FUSE mount that nobody
 * serves. Seen by one process alone, which holds it open: it is gone with that process.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';

const MOUNT_AND_RUN =
  'exec 3<>/dev/fuse && ' +
  'mount -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 hung "$0" && exec "$@"';

/** Why no such mount can be made here; `undefined` when one can. */
export function findHangProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may mount';
  if (!existsSync('/dev/fuse')) return 'there is no /dev/fuse here';
  const tried = spawnSync('unshare', ['--mount', 'true'], { env: { PATH: process.env['PATH'] } });
  return tried.status === 0 ? undefined : 'unshare (util-linux) may not make namespaces here';
}

/** The command, with arguments, that runs the rest of its line with `folder` hanging. */
export function withHangingFolder(folder: string): readonly string[] {
  mkdirSync(folder, { recursive: true });
  return ['unshare', '--mount', 'sh', '-c', MOUNT_AND_RUN, folder];
}
