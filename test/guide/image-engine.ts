/**
 * What `docker` does in the guide, without a container engine: an image is the application layer with the settings of
 * the Dockerfile, a registry is a list of what was pushed. Options that are not known here are refused.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { type ImageSettings, readDockerfile } from '../support/dockerfile.ts';
import { UnsharedContainer } from '../support/unshared-container.ts';
import type { AwsAccount } from './aws/aws-account.ts';
import { REGISTRY_PASSWORD, registryOf } from './aws/ecr-service.ts';

const runFile = promisify(execFile);

export interface EngineCommand {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly stdin: string;
}

export interface EngineResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

interface Image {
  readonly settings: ImageSettings;
  readonly appFolder: string;
}

export class ImageEngine implements AsyncDisposable {
  readonly #account: AwsAccount;
  readonly #built = new Map<string, Image>();
  readonly #pushed = new Map<string, Image>();
  readonly #folders: string[] = [];
  readonly #stopping = new AbortController();
  #isLoggedIn = false;

  constructor(account: AwsAccount) {
    this.#account = account;
  }

  /** As a node does before it starts a container. @throws when nobody has pushed it */
  pull(reference: string): Image {
    const image = this.#pushed.get(reference);
    if (image === undefined) throw new Error('ErrImagePull');
    return image;
  }

  async command({ args: [name = '', ...args], cwd, stdin }: EngineCommand): Promise<EngineResult> {
    try {
      switch (name) {
        case 'build':
          return succeed(await this.#build(args, cwd));
        case 'login':
          return succeed(this.#login(args, stdin));
        case 'push':
          return succeed(this.#push(args));
        case 'run':
          return await this.#run(args);
        default:
          throw new Error(`${name} is not known here`);
      }
    } catch (error) {
      return {
        code: 1,
        stdout: '',
        stderr: `docker: ${error instanceof Error ? error.message : 'failed'}\n`,
      };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    for (const folder of this.#folders) await rm(folder, { recursive: true, force: true });
  }

  async #build(args: readonly string[], cwd: string): Promise<string> {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { platform: { type: 'string' }, tag: { type: 'string' } },
    });
    const [context = '', ...others] = positionals;
    if (others.length > 0 || values.tag === undefined) throw new Error('build takes a tag and one folder');
    if (!/^linux\/(?:amd64|arm64)$/.test(values.platform ?? '')) throw new Error('no such platform');
    const folder = await mkdtemp(join(tmpdir(), 'token-refresher-image-'));
    this.#folders.push(folder);
    await chmod(folder, 0o755);
    // What the Dockerfile's build stage runs after `npm ci`.
    await runFile(process.execPath, ['image/application-layer.ts', folder], { cwd: resolve(cwd, context) });
    this.#built.set(values.tag, { settings: readDockerfile(), appFolder: join(folder, 'app') });
    return `naming to ${values.tag} done\n`;
  }

  #login(args: readonly string[], stdin: string): string {
    const expected = ['--username', 'AWS', '--password-stdin', registryOf(this.#account)];
    if (args.join(' ') !== expected.join(' ')) throw new Error(`login with ${args.join(' ')}`);
    if (stdin.trim() !== REGISTRY_PASSWORD) throw new Error('unauthorized: incorrect password');
    this.#isLoggedIn = true;
    return 'Login Succeeded\n';
  }

  #push([reference = '', ...others]: readonly string[]): string {
    const image = this.#built.get(reference);
    if (image === undefined || others.length > 0) throw new Error(`An image does not exist: ${reference}`);
    if (!this.#isLoggedIn) throw new Error('no basic auth credentials');
    const [, registry, repository = ''] = /^([^/]+)\/([^:]+):[\w.-]+$/.exec(reference) ?? [];
    if (registry !== registryOf(this.#account)) throw new Error(`no registry ${registry}`);
    if (!this.#account.repositories.has(repository)) throw new Error(`no repository ${repository}`);
    if (this.#pushed.has(reference)) throw new Error('the tag is immutable and exists already');
    this.#pushed.set(reference, image);
    const digest = createHash('sha256').update(reference).digest('hex');
    return `${reference}: digest: sha256:${digest}\n`;
  }

  async #run(args: readonly string[]): Promise<EngineResult> {
    const at = args.findIndex((arg) => this.#built.has(arg));
    const image = this.#built.get(args[at] ?? '');
    if (image === undefined) throw new Error('no image of that name is here');
    const { values } = parseArgs({
      args: args.slice(0, at),
      options: {
        rm: { type: 'boolean' },
        volume: { type: 'string' },
        env: { type: 'string', multiple: true },
      },
    });
    const [folder = '', path, mode] = values.volume?.split(':') ?? [];
    if (path !== '/etc/token-refresher' || mode !== 'ro' || values.rm !== true)
      throw new Error('run takes --rm and a configuration to read');
    await using container = await UnsharedContainer.start({
      image: image.settings,
      appFolder: image.appFolder,
      configFolder: folder,
      journalMount: '/journal',
      withoutJournal: true,
      args: args.slice(at + 1),
      env: Object.fromEntries((values.env ?? []).map((pair) => pair.split('='))),
      signal: this.#stopping.signal,
    });
    const { code } = await container.untilExit();
    return { code: code ?? 1, stdout: container.output.stdout, stderr: container.output.stderr };
  }
}

function succeed(stdout: string): EngineResult {
  return { code: 0, stdout, stderr: '' };
}
