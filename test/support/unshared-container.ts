/**
 * Runs the image's program as a container runtime would, without one: in mount and process namespaces of its own, on a
 * root file system of the application layer, Node.js and the C libraries that is read-only but for the journal's volume;
 * as process 1, as the image's user, without capabilities, with no shell in reach. The network is the machine's own, so
 * that it reaches a sandbox on loopback.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ImageSettings } from './dockerfile.ts';
import { ProgramOutput } from './program-output.ts';
import { type ProgramExit, STORE_ENVIRONMENT } from './program-process.ts';

/** Where the image has Node.js. */
const NODE = '/usr/local/bin/node';
const LIBRARIES = ['/usr/lib', '/usr/lib64'];
const DEVICES = ['/dev/null', '/dev/urandom', '/dev/zero'];
/** The image's own; `sh`, `mount`, `unshare` and `setpriv` of this machine are on it as well. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Why no container can be made here; `undefined` when one can. */
export function findContainerProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root may make namespaces and mounts';
  const tried = spawnSync('unshare', ['--mount', '--pid', '--fork', 'true'], { env: { PATH } });
  return tried.status === 0 ? undefined : 'unshare (util-linux) may not make namespaces here';
}

export interface ContainerOptions {
  readonly image: ImageSettings;
  /** What the image has as `/app`. */
  readonly appFolder: string;
  /** Copied to where the image expects its configuration, readable by all, as a ConfigMap and a Secret would be. */
  readonly configFolder: string;
  /** Where the journal's volume is mounted. */
  readonly journalMount: string;
  /** The test's own (`t.signal`). */
  readonly signal: AbortSignal;
  /** Leaves the volume out, as a manifest might by mistake. */
  readonly withoutJournal?: boolean;
  /** In the place of the image's command. */
  readonly args?: readonly string[];
  /** Beside the image's own; the credentials for the emulated store when left out. */
  readonly env?: Readonly<Record<string, string>>;
  /** Folders of this machine, seen read-only at a path of the container. */
  readonly mounts?: readonly { readonly from: string; readonly to: string }[];
}

/** Disposing kills it, waits for its end and removes its root file system. */
export class UnsharedContainer implements AsyncDisposable {
  readonly output = new ProgramOutput();
  readonly #runtime: ChildProcess;
  readonly #root: string;
  readonly #exit: Promise<ProgramExit>;
  readonly #options: ContainerOptions;

  private constructor(runtime: ChildProcess, root: string, options: ContainerOptions) {
    this.#runtime = runtime;
    this.#root = root;
    this.#options = options;
    runtime.stdout?.setEncoding('utf8').on('data', (text: string) => this.output.takeOut(text));
    runtime.stderr?.setEncoding('utf8').on('data', (text: string) => this.output.takeErr(text));
    this.#exit = once(runtime, 'close').then((): ProgramExit => {
      this.output.end();
      return { code: runtime.exitCode, signal: runtime.signalCode };
    });
  }

  static async start(options: ContainerOptions): Promise<UnsharedContainer> {
    const { image, signal } = options;
    const root = await makeRoot(options);
    const runtime = spawn(
      'unshare',
      // What is mounted is seen by this namespace alone, and is gone with it.
      ['--mount', '--pid', '--fork', 'sh', '-c', mountScript(options), 'sh', root].concat(
        image.entrypoint,
        options.args ?? image.command,
      ),
      { env: environmentOf(options), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    const container = new UnsharedContainer(runtime, root, options);
    signal.addEventListener('abort', () => void container.#kill(), { once: true });
    return container;
  }

  /** As the kubelet does: to process 1, which the kernel shields from every signal that it does not listen for. */
  async send(signal: NodeJS.Signals): Promise<void> {
    process.kill(await this.#programPid(), signal);
  }

  /** `key: value` of the kernel's own account of the program. */
  async readStatus(): Promise<ReadonlyMap<string, string>> {
    const text = await readFile(`/proc/${await this.#programPid()}/status`, 'utf8');
    return new Map(
      text.split('\n').map((line) => {
        const [key = '', value = ''] = line.split(':\t');
        return [key, value.trim()];
      }),
    );
  }

  /** Where the program may write: mount points of file systems that hold files and are not read-only. */
  async writableMounts(): Promise<readonly string[]> {
    const text = await readFile(`/proc/${await this.#programPid()}/mountinfo`, 'utf8');
    const mounts = text
      .trim()
      .split('\n')
      .map((line) => line.split(' '));
    return mounts
      .filter((fields) => !fields[5]?.split(',').includes('ro'))
      .map((fields) => fields[4] ?? '')
      .filter((mountPoint) => mountPoint !== '/proc' && !DEVICES.includes(mountPoint));
  }

  /** Path, on this machine, of a path in the container, while the program runs. */
  async pathOf(path: string): Promise<string> {
    return join(`/proc/${await this.#programPid()}/root`, path);
  }

  /** Runs another program beside the container's own, as `docker exec` does, to its end. */
  async exec(
    command: readonly string[],
  ): Promise<ProgramExit & { readonly stdout: string; readonly stderr: string }> {
    const { uid, gid } = this.#options.image.user;
    const target = String(await this.#programPid());
    const output = new ProgramOutput();
    const child = spawn(
      'nsenter',
      [
        '--target',
        target,
        '--mount',
        '--pid',
        '--root',
        '--wd',
        `--setgid=${gid}`,
        `--setuid=${uid}`,
        '--',
      ].concat(command),
      { env: environmentOf(this.#options), stdio: ['ignore', 'pipe', 'pipe'] },
    );
    child.stdout.setEncoding('utf8').on('data', (text: string) => output.takeOut(text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => output.takeErr(text));
    await once(child, 'close');
    return { code: child.exitCode, signal: child.signalCode, stdout: output.stdout, stderr: output.stderr };
  }

  /** Resolves when the program has ended, by itself or by a signal. */
  untilExit(): Promise<ProgramExit> {
    return this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kill();
    await this.#exit;
    await rm(this.#root, { recursive: true, force: true });
  }

  /** The program itself: `unshare` would leave it behind, and its output open. */
  async #kill(): Promise<void> {
    if (!this.output.hasEnded) await this.send('SIGKILL').catch(() => this.#runtime.kill('SIGKILL'));
  }

  async #programPid(): Promise<number> {
    const { pid } = this.#runtime;
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    const child = /^\d+/.exec(children)?.[0];
    if (child === undefined) throw new Error('the container has no process');
    return Number(child);
  }
}

function environmentOf({ image, env = STORE_ENVIRONMENT }: ContainerOptions): Record<string, string> {
  return { PATH, ...image.env, ...env };
}

/** Mount points, and the configuration. */
async function makeRoot(options: ContainerOptions): Promise<string> {
  const { image, configFolder, journalMount, mounts = [] } = options;
  const root = await mkdtemp(join(tmpdir(), 'token-refresher-root-'));
  await chmod(root, 0o755);
  for (const folder of [
    '/app',
    '/dev',
    '/proc',
    ...LIBRARIES,
    dirname(NODE),
    journalMount,
    ...mounts.map(({ to }) => to),
  ])
    await mkdir(join(root, folder), { recursive: true });
  for (const file of [NODE, ...DEVICES]) await writeFile(join(root, file), '');
  for (const folder of LIBRARIES) await symlink(folder.slice(1), join(root, folder.replace('/usr/', '/')));
  const config = join(root, dirname(image.env['TOKEN_REFRESHER_CONFIG'] ?? ''));
  await mkdir(dirname(config), { recursive: true });
  await cp(configFolder, config, { recursive: true });
  await chmod(config, 0o755);
  for (const entry of await readdir(config, { recursive: true, withFileTypes: true }))
    await chmod(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
  return root;
}

/** For a shell with the root file system as `$1` and the program's command line after it. */
function mountScript(options: ContainerOptions): string {
  const { image, appFolder, journalMount, withoutJournal, mounts = [] } = options;
  const { user, workingDirectory } = image;
  const readOnly = (from: string, to: string): string => `mount --bind -o ro '${from}' "$root${to}"`;
  return [
    'set -e; root=$1; shift',
    'mount --bind "$root" "$root"',
    readOnly(appFolder, '/app'),
    readOnly(process.execPath, NODE),
    ...LIBRARIES.map((folder) => readOnly(folder, folder)),
    ...mounts.map(({ from, to }) => readOnly(from, to)),
    ...DEVICES.map((device) => `mount --bind ${device} "$root${device}"`),
    'mount -t proc -o nosuid,nodev,noexec proc "$root/proc"',
    // As the kubelet makes an emptyDir of medium Memory: root's, and open to all.
    withoutJournal === true
      ? ''
      : `mount -t tmpfs -o mode=0777,size=16m,nosuid,nodev,noexec journal "$root${journalMount}"`,
    'mount -o remount,bind,ro "$root"',
    `exec setpriv --no-new-privs unshare --root="$root" --wd=${workingDirectory} --setgid=${user.gid} --setuid=${user.uid} "$@"`,
  ].join('\n');
}
