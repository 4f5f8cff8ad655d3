import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { z } from 'zod';
import { tokenDocumentSchema } from '../../src/core/token/document.ts';
import { parseJson } from '../../src/core/wire/json.ts';
import { ProgramProcess } from './program-process.ts';
import { type ConfigChanges, copySandboxConfig } from './sandbox-process-config.ts';

const readyLineSchema = z.object({
  level: z.literal('info'),
  event: z.literal('sandbox-ready'),
  store: z.object({ endpoint: z.url(), region: z.string() }),
  http: z.object({ url: z.url() }).optional(),
  upstreams: z.object({ url: z.url() }),
  config: z.string(),
  secrets: z.array(z.string()),
  read: z.string(),
  run: z.string(),
});

export type ReadyLine = z.output<typeof readyLineSchema>;
export type WireDocument = z.output<typeof tokenDocumentSchema>;

/** `token-refresher sandbox` as a child process, and what another program does with it from outside. */
export class SandboxProcess implements AsyncDisposable {
  readonly ready: ReadyLine;
  readonly program: ProgramProcess;
  readonly #client: SecretsManagerClient;

  private constructor(program: ProgramProcess, ready: ReadyLine) {
    this.program = program;
    this.ready = ready;
    this.#client = new SecretsManagerClient({
      endpoint: ready.store.endpoint,
      region: ready.store.region,
      credentials: { accessKeyId: 'a-reader', secretAccessKey: 'of-tokens' },
      // A connection that was idle for long may be closed just when it is used again.
      maxAttempts: 2,
    });
  }

  /** Resolves when it says that it is ready; its first line has to. */
  static async start(signal: AbortSignal, ...args: readonly string[]): Promise<SandboxProcess> {
    const program = new ProgramProcess(['sandbox', ...args], { signal, endWith: 'SIGTERM' });
    try {
      const line = await program.output.untilLine(() => true);
      return new SandboxProcess(program, readyLineSchema.parse(line));
    } catch (error) {
      await program[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** As any workload reads it: the AWS SDK, then the published schema. Rejects while there is none. */
  async readDocument(secret: string): Promise<WireDocument> {
    const { SecretString = '' } = await this.#client.send(new GetSecretValueCommand({ SecretId: secret }));
    return tokenDocumentSchema.parse(parseJson(SecretString));
  }

  async addFault(fault: string): Promise<void> {
    await this.#control({
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ fault }),
    });
  }

  async clearFaults(): Promise<void> {
    await this.#control({ method: 'DELETE' });
  }

  copyConfig(name: string, changes: ConfigChanges): Promise<string> {
    return copySandboxConfig(this.ready.config, name, changes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.destroy();
    await this.program[Symbol.asyncDispose]();
  }

  async #control(init: RequestInit): Promise<void> {
    const response = await fetch(`${this.ready.upstreams.url}/_sandbox/faults`, init);
    if (!response.ok) throw new Error(`the control endpoint answered ${response.status}`);
    await response.arrayBuffer();
  }
}
