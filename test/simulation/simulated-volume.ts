import type { PrivateFiles } from '../../src/adapters/journal/private-directory.ts';
import type { Network } from './network.ts';
import type { VirtualProcess } from './virtual-process.ts';

/** The files of one pod's volume, by name; they outlive its processes. */
export type VolumeFiles = Map<string, string>;

const UNFINISHED = '.tmp';

/** As Node throws it. */
class NoSuchFile extends Error {
  readonly code = 'ENOENT';
}

/**
 * The volume as one process sees it. Each step is a call of its own, so that a process can die between any two of them,
 * as it can in `PrivateDirectory`.
 */
export class SimulatedVolume implements PrivateFiles {
  readonly path = '/run/journal';
  readonly #files: VolumeFiles;
  readonly #network: Network;
  readonly #process: VirtualProcess;

  constructor(files: VolumeFiles, network: Network, process: VirtualProcess) {
    this.#files = files;
    this.#network = network;
    this.#process = process;
  }

  read(name: string): Promise<string | undefined> {
    return this.#step(`reading ${name}`, () => this.#files.get(name));
  }

  readUnfinished(name: string): Promise<string | undefined> {
    return this.read(`${name}${UNFINISHED}`);
  }

  finish(name: string): Promise<void> {
    return this.rename(`${name}${UNFINISHED}`, name);
  }

  async write(name: string, text: string): Promise<void> {
    const unfinished = `${name}${UNFINISHED}`;
    await this.#step(`opening ${unfinished}`, () => void this.#files.set(unfinished, ''));
    await this.#step(`writing ${unfinished}`, () => void this.#files.set(unfinished, text));
    await this.rename(unfinished, name);
  }

  async remove(name: string): Promise<void> {
    await this.#step(`removing ${name}`, () => void this.#files.delete(name));
    await this.#step(`removing ${name}${UNFINISHED}`, () => void this.#files.delete(`${name}${UNFINISHED}`));
  }

  async rename(from: string, to: string): Promise<void> {
    const isThere = await this.#step(`renaming ${from}`, () => {
      const text = this.#files.get(from);
      if (text === undefined) return false;
      this.#files.delete(from);
      this.#files.set(to, text);
      return true;
    });
    if (!isThere) throw new NoSuchFile('no such file');
  }

  names(): Promise<readonly string[]> {
    return this.#step('listing', () => [...this.#files.keys()]);
  }

  #step<T>(what: string, execute: () => T): Promise<T> {
    const passage = { requestMs: 0, answerMs: 0 };
    return this.#network.call({ process: this.#process, port: 'volume', what, passage, execute });
  }
}
