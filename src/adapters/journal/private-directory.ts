/**
 * A directory that only this program may look into.
 *
 * Guarantee: a file is replaced as a whole or not at all, and is on the device when `write` resolves; a write that fails
 * leaves the former file; files have mode 0600; no link in the place of a file is followed, and nothing but a regular
 * file is read. Everything ends within the deadline of {@link FileLanes}, with `ETIMEDOUT` when the device hangs.
 * Non-guarantee: on a tmpfs "on the device" means that it survives the process and the container, not the machine; who
 * is root, or shares our user, can read it.
 */
import { constants, lstat, mkdir, mkdtemp, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { codedError } from '../../core/error-code.ts';
import { describeFileError, errnoOf } from '../../core/file-error.ts';
import type { FileLanes } from '../files/file-lanes.ts';
import { readRegularFile } from '../files/regular-file.ts';

const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;
const OTHERS = 0o077;
/** What a crash in the middle of a write leaves behind; the next write of the same file takes it over. */
const UNFINISHED = '.tmp';
/** Of a file: a secret of the largest size that the store takes, escaped as JSON. */
const MAX_BYTES = 1_048_576;
const NEVER = new AbortController().signal;

export interface PrivateDirectoryOptions {
  readonly path: string;
  /** The user who must own it; `undefined` on systems without users. */
  readonly uid: number | undefined;
  readonly files: FileLanes;
}

/** Files of which each is replaced as a whole: what the journal needs of its directory. The simulation has one of its own. */
export interface PrivateFiles {
  /** For messages. */
  readonly path: string;
  /** The text of a file; `undefined` when there is none. @throws with an errno in `code` */
  read(name: string): Promise<string | undefined>;
  /** The text of a write that a crash has cut off before its last step; it may be incomplete. */
  readUnfinished(name: string): Promise<string | undefined>;
  /** Takes the last step of such a write. @throws with an errno in `code` */
  finish(name: string): Promise<void>;
  /** @throws with an errno in `code` */
  write(name: string, text: string): Promise<void>;
  /** Also what an unfinished write has left. Nothing happens when there is nothing. @throws with an errno in `code` */
  remove(name: string): Promise<void>;
  /** Gives a file another name, over whatever has it. @throws with an errno in `code` */
  rename(from: string, to: string): Promise<void>;
  /** Names of all files. @throws with an errno in `code` */
  names(): Promise<readonly string[]>;
}

export class PrivateDirectory implements PrivateFiles {
  readonly path: string;
  readonly #uid: number | undefined;
  readonly #files: FileLanes;

  constructor({ path, uid, files }: PrivateDirectoryOptions) {
    this.path = path;
    this.#uid = uid;
    this.#files = files;
  }

  /**
   * Checks that it can be used, and makes it when only its last part is missing: a volume of Kubernetes belongs to root
   * and is open to all, so what is private has to be a folder inside it.
   * @returns what is wrong and what to do about it, for people; `undefined` when nothing is
   */
  async verify(): Promise<string | undefined> {
    try {
      return await this.#run(
        '.',
        async () => (await this.#findProblem()) ?? (await this.#findWriteProblem()),
      );
    } catch (error) {
      return `cannot be looked at (${describeFileError(error)})`;
    }
  }

  async read(name: string): Promise<string | undefined> {
    try {
      const bytes = await this.#run(name, async () => {
        await this.#mustBePrivate();
        return readRegularFile(join(this.path, name), { mostBytes: MAX_BYTES, followsLink: false });
      });
      return new TextDecoder().decode(bytes);
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  readUnfinished(name: string): Promise<string | undefined> {
    return this.read(`${name}${UNFINISHED}`);
  }

  finish(name: string): Promise<void> {
    return this.rename(`${name}${UNFINISHED}`, name);
  }

  write(name: string, text: string): Promise<void> {
    return this.#run(name, async () => {
      await this.#mustBePrivate();
      const path = join(this.path, name);
      const unfinished = `${path}${UNFINISHED}`;
      await writeNew(unfinished, text);
      await rename(unfinished, path);
      // The new name is an entry of the directory, which has a cache of its own.
      const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
      const directory = await open(this.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    });
  }

  remove(name: string): Promise<void> {
    return this.#run(name, async () => {
      await rm(join(this.path, name), { force: true });
      await rm(join(this.path, `${name}${UNFINISHED}`), { force: true });
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#run(from, () => rename(join(this.path, from), join(this.path, to)));
  }

  names(): Promise<readonly string[]> {
    return this.#run('.', () => readdir(this.path));
  }

  #run<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#files.run(`${this.path}/${name}`, NEVER, work);
  }

  /** Who may write beside the directory may have put another one, or a link, in its place since. */
  async #mustBePrivate(): Promise<void> {
    const found = await lstat(this.path);
    const isOurs = this.#uid === undefined || found.uid === this.#uid;
    if (!found.isDirectory() || !isOurs || (found.mode & OTHERS) !== 0)
      throw codedError('NOT_PRIVATE', 'the directory is not the one that was verified');
  }

  async #findProblem(): Promise<string | undefined> {
    const missing = await this.#makeIfMissing();
    if (missing !== undefined) return missing;
    // Not through a link: who can change that one chooses where refresh tokens are written.
    const found = await lstat(this.path);
    if (found.isSymbolicLink()) return 'is a symbolic link: name the folder that it points to';
    if (!found.isDirectory()) return 'is not a directory';
    if (this.#uid !== undefined && found.uid !== this.#uid) {
      return `belongs to user ${found.uid}, but the program runs as user ${this.#uid}: name a folder inside it, which is then made`;
    }
    if ((found.mode & OTHERS) !== 0) {
      const mode = (found.mode & 0o777).toString(8).padStart(4, '0');
      return `is open to other users (mode ${mode}): chmod 700 it, or name a folder inside it, which is then made`;
    }
    return undefined;
  }

  async #makeIfMissing(): Promise<string | undefined> {
    try {
      await mkdir(this.path, { mode: PRIVATE_DIRECTORY });
      return undefined;
    } catch (error) {
      const errno = errnoOf(error);
      if (errno === 'EEXIST') return undefined;
      if (errno === 'ENOENT')
        return 'does not exist, and the folder that it would be made in does not either';
      // A read-only file system says so even where the directory exists.
      const exists = await lstat(this.path).then(
        () => true,
        () => false,
      );
      return exists ? undefined : `does not exist and cannot be made (${describeFileError(error)})`;
    }
  }

  async #findWriteProblem(): Promise<string | undefined> {
    try {
      // A name of its own: others may look at the same time.
      await rmdir(await mkdtemp(join(this.path, '.probe-')));
      return undefined;
    } catch (error) {
      return `cannot be written (${describeFileError(error)})`;
    }
  }
}

/**
 * Writes a file that was not there before, to the device. What a crash has left under its name is removed first: opened
 * as it is, it might be a link to anywhere, or a file that others may read.
 */
async function writeNew(path: string, text: string): Promise<void> {
  await rm(path, { force: true });
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, PRIVATE_FILE);
  try {
    await file.writeFile(text, 'utf8');
    await file.sync();
  } catch (error) {
    // A full device may have room again for others.
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
