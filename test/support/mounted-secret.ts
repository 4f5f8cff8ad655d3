import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A folder as the kubelet mounts a Secret: its files are links through `..data`, which leads to another folder from one moment
 * to the next; the former folder is removed. Only the first content names the files.
 */
export class MountedSecret {
  readonly #folder: string;
  #count = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async put(data: Readonly<Record<string, string>>): Promise<void> {
    const [former, next] = [`..content_${this.#count}`, `..content_${this.#count + 1}`];
    this.#count += 1;
    const pathOf = (name: string): string => join(this.#folder, name);
    await mkdir(pathOf(next), { recursive: true });
    for (const [name, text] of Object.entries(data)) await writeFile(join(pathOf(next), name), text);
    await symlink(next, pathOf('..data_tmp'));
    await rename(pathOf('..data_tmp'), pathOf('..data'));
    await rm(pathOf(former), { recursive: true, force: true });
    if (this.#count > 1) return;
    for (const name of Object.keys(data)) await symlink(join('..data', name), pathOf(name));
  }
}
