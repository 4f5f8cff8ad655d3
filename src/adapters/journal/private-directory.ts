/**
 * A directory that only this program may look into.
 *
 * Guarantee: a file is replaced as a whole or not at all, and is on the device when `write` resolves; files have mode
 * 0600. Non-guarantee: on a tmpfs "on the device" means that it survives the process and the container, not the
 * machine; who is root, or shares our user, can read it.
 */
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoName } from './errno-name.ts';

const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;
const OTHERS = 0o077;
/** What a crash in the middle of a write leaves behind; the next write of the same file takes it over. */
const UNFINISHED = '.tmp';

export interface PrivateDirectoryOptions {
  readonly path: string;
  /** The user who must own it; `undefined` on systems without users. */
  readonly uid: number | undefined;
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

  constructor({ path, uid }: PrivateDirectoryOptions) {
    this.path = path;
    this.#uid = uid;
  }

  /**
   * Checks that it can be used, and makes it when only its last part is missing: a volume of Kubernetes belongs to root
   * and is open to all, so what is private has to be a folder inside it.
   * @returns what is wrong and what to do about it, for people; `undefined` when nothing is
   */
  async verify(): Promise<string | undefined> {
    try {
      return (await this.#findProblem()) ?? (await this.#findWriteProblem());
    } catch (error) {
      return `cannot be looked at (${errnoName(error)})`;
    }
  }

  async read(name: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.path, name), 'utf8');
    } catch (error) {
      if (errnoName(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  readUnfinished(name: string): Promise<string | undefined> {
    return this.read(`${name}${UNFINISHED}`);
  }

  finish(name: string): Promise<void> {
    return this.rename(`${name}${UNFINISHED}`, name);
  }

  async write(name: string, text: string): Promise<void> {
    const path = join(this.path, name);
    const unfinished = `${path}${UNFINISHED}`;
    const file = await open(unfinished, 'w', PRIVATE_FILE);
    try {
      await file.writeFile(text, 'utf8');
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    // The new name is an entry of the directory, which has a cache of its own.
    const directory = await open(this.path);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.path, name), { force: true });
    await rm(join(this.path, `${name}${UNFINISHED}`), { force: true });
  }

  async rename(from: string, to: string): Promise<void> {
    await rename(join(this.path, from), join(this.path, to));
  }

  names(): Promise<readonly string[]> {
    return readdir(this.path);
  }

  async #findProblem(): Promise<string | undefined> {
    const missing = await this.#makeIfMissing();
    if (missing !== undefined) return missing;
    const found = await stat(this.path);
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
      const errno = errnoName(error);
      if (errno === 'EEXIST') return undefined;
      if (errno === 'ENOENT')
        return 'does not exist, and the folder that it would be made in does not either';
      // A read-only file system says so even where the directory exists.
      const exists = await stat(this.path).then(
        () => true,
        () => false,
      );
      return exists ? undefined : `does not exist and cannot be made (${errno})`;
    }
  }

  async #findWriteProblem(): Promise<string | undefined> {
    try {
      // A name of its own: others may look at the same time.
      await rmdir(await mkdtemp(join(this.path, '.probe-')));
      return undefined;
    } catch (error) {
      return `cannot be written (${errnoName(error)})`;
    }
  }
}
