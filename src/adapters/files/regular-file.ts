import { constants, type FileHandle, open } from 'node:fs/promises';
import { codedError } from '../../core/error-code.ts';
import { NOT_A_REGULAR_FILE } from '../../core/file-error.ts';

export interface RegularFileOptions {
  /** Bytes to read at most; one more is read of a longer file, so that it shows. */
  readonly mostBytes: number;
  /** Whether a symbolic link in the place of the file is followed; true when left out. */
  readonly followsLink?: boolean;
}

/**
 * Reads a file, of which nothing but a regular one is read: a pipe would wait for its writer, a device may do anything.
 * The open itself does not wait either (`O_NONBLOCK`), nor does it take a terminal over.
 *
 * Non-guarantee: a regular file on a file system that hangs (NFS, FUSE) holds a thread of libuv's pool for as long as
 * that does; see `file-lanes.ts`.
 * @returns at most `mostBytes + 1` bytes
 * @throws as `node:fs` does, with an errno in `code`, or {@link NOT_A_REGULAR_FILE}
 */
export async function readRegularFile(
  path: string,
  { mostBytes, followsLink = true }: RegularFileOptions,
): Promise<Uint8Array> {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY, O_NOFOLLOW } = constants;
  const file = await open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | (followsLink ? 0 : O_NOFOLLOW));
  try {
    const found = await file.stat();
    if (found.isDirectory()) throw codedError('EISDIR', 'not a regular file');
    if (!found.isFile()) throw codedError(NOT_A_REGULAR_FILE, 'not a regular file');
    return await readUpTo(file, mostBytes + 1, found.size);
  } finally {
    await file.close();
  }
}

/** @param size as the file system says, which is 0 for what it makes up as it is read */
async function readUpTo(file: FileHandle, most: number, size: number): Promise<Uint8Array> {
  let buffer = Buffer.alloc(Math.min(most, Math.max(size + 1, 512)));
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length);
    length += bytesRead;
    if (bytesRead === 0 || length === most) return buffer.subarray(0, length);
    if (length < buffer.length) continue;
    const longer = Buffer.alloc(Math.min(most, 2 * buffer.length));
    buffer.copy(longer);
    buffer = longer;
  }
}
