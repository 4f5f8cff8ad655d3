/**
 * Tar archives of files that are known, byte for byte the same wherever and whenever they are made: POSIX ustar, entries
 * sorted by path, owned by root, one time for all, and nothing of the file system that they came from.
 */
import { Buffer } from 'node:buffer';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';

export interface TarEntry {
  /** With forward slashes; a folder's ends with one. */
  readonly path: string;
  readonly isExecutable: boolean;
  /** Empty for a folder. */
  readonly content: Uint8Array;
}

const BLOCK = 512;
/** Path without the folders before its last slash that fit into `prefix`. */
const MAX_NAME = 100;
const MAX_PREFIX = 155;

/** Every file and folder in `folder`, as `root/…`. @throws for what is neither */
export async function readEntries(folder: string, root: string): Promise<readonly TarEntry[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const entries = await Promise.all(
    found.map(async (entry): Promise<TarEntry> => {
      const path = join(entry.parentPath, entry.name);
      const name = `${root}/${relative(folder, path).split(sep).join('/')}`;
      if (entry.isDirectory()) return { path: `${name}/`, isExecutable: true, content: new Uint8Array() };
      if (!entry.isFile()) throw new Error(`${path} is neither a file nor a folder: archives hold no links`);
      const { mode } = await stat(path);
      return { path: name, isExecutable: (mode & 0o100) !== 0, content: await readFile(path) };
    }),
  );
  return [{ path: `${root}/`, isExecutable: true, content: new Uint8Array() }, ...entries];
}

/** @throws for a path that ustar cannot hold */
export function createTar(entries: readonly TarEntry[], timeSeconds: number): Uint8Array {
  const sorted = entries.toSorted((one, other) => (one.path < other.path ? -1 : 1));
  const blocks = sorted.flatMap(({ path, isExecutable, content }) => [
    header(path, isExecutable, content.length, timeSeconds),
    content,
    Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK),
  ]);
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

function header(path: string, isExecutable: boolean, size: number, timeSeconds: number): Uint8Array {
  const { name, prefix } = splitPath(path);
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0);
  block.write(octal(isExecutable ? 0o755 : 0o644, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(timeSeconds, 12), 136);
  // The checksum is that of a header whose checksum is eight spaces.
  block.write(' '.repeat(8), 148);
  block.write(path.endsWith('/') ? '5' : '0', 156);
  block.write('ustar\0', 257);
  block.write('00', 263);
  block.write(octal(0, 8), 329);
  block.write(octal(0, 8), 337);
  block.write(prefix, 345);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, '0')}\0`;
}

function splitPath(path: string): { readonly name: string; readonly prefix: string } {
  if (Buffer.byteLength(path) <= MAX_NAME) return { name: path, prefix: '' };
  // The first slash that leaves a name that fits; a folder's own last slash is part of its name.
  const cut = [...path.slice(0, -1).matchAll(/\//g)].find(
    ({ index }) => Buffer.byteLength(path.slice(index + 1)) <= MAX_NAME,
  )?.index;
  if (cut === undefined || Buffer.byteLength(path.slice(0, cut)) > MAX_PREFIX)
    throw new Error(`${path} is too long for a tar archive: shorten it to ${MAX_NAME} bytes`);
  return { name: path.slice(cut + 1), prefix: path.slice(0, cut) };
}
