import { codedError } from '../../core/error-code.ts';
import type { FileLanes } from './file-lanes.ts';
import { readRegularFile } from './regular-file.ts';

/** Above any token, any profile, and any bundle of certificates that a cluster hands out. */
const MAX_BYTES = 1_048_576;

/** A small file as text. @throws as `node:fs` does, with an errno in `code`; `EFBIG` for more than 1 MiB */
export async function readTextFile(
  files: Pick<FileLanes, 'run'>,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  const bytes = await files.run(path, signal, () => readRegularFile(path, { mostBytes: MAX_BYTES }));
  if (bytes.byteLength > MAX_BYTES) throw codedError('EFBIG', 'holds more than 1 MiB');
  return new TextDecoder().decode(bytes);
}
