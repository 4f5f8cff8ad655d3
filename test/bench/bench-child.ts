import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { z } from 'zod';
import { ProgramOutput } from '../support/program-output.ts';
import { PROJECT, STORE_ENVIRONMENT } from '../support/program-process.ts';

export interface BenchChildOptions {
  /** Script, and what follows it; relative to the project. */
  readonly args: readonly string[];
  /** Flags of Node itself. */
  readonly nodeFlags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const replySchema = z.object({
  id: z.number(),
  answer: z.unknown().optional(),
  /** The question could not be answered: why. */
  problem: z.string().optional(),
});

/** No answer takes longer; a child that hangs must not keep the bench. */
const ANSWER_LIMIT_MS = 120_000;
const END_LIMIT_MS = 10_000;

/** A process of its own that answers questions. Disposing ends it, by its pid, and waits until it has ended. */
export class BenchChild implements AsyncDisposable {
  readonly output = new ProgramOutput();
  readonly #child: ChildProcess;
  readonly #exit: Promise<number | null>;
  readonly #waiting = new Map<number, (reply: z.output<typeof replySchema>) => void>();
  #asked = 0;

  constructor({ args, nodeFlags = [], env = {} }: BenchChildOptions) {
    const child = spawn(process.execPath, [...nodeFlags, ...args], {
      cwd: PROJECT,
      // Only `npm test` sets a cache: what is measured in earnest starts without one.
      env: {
        ...STORE_ENVIRONMENT,
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        PATH: process.env['PATH'],
        ...env,
      },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.stdout?.setEncoding('utf8').on('data', (text: string) => this.output.takeOut(text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => this.output.takeErr(text));
    child.on('message', (message) => {
      const reply = replySchema.parse(message);
      this.#waiting.get(reply.id)?.(reply);
    });
    this.#exit = once(child, 'close').then(() => {
      this.output.end();
      for (const [id, wake] of this.#waiting) wake({ id, problem: `it ended: ${this.output.stderr}` });
      return child.exitCode;
    });
  }

  /** @throws when it does not answer in time, cannot, or answers with something else */
  async ask<Schema extends z.ZodType>(
    question: string,
    schema: Schema,
    input: object = {},
  ): Promise<z.output<Schema>> {
    this.#asked += 1;
    const id = this.#asked;
    const { promise, resolve } = Promise.withResolvers<z.output<typeof replySchema>>();
    const limit = setTimeout(
      () => resolve({ id, problem: `no answer in ${ANSWER_LIMIT_MS} ms` }),
      ANSWER_LIMIT_MS,
    );
    this.#waiting.set(id, resolve);
    try {
      if (this.output.hasEnded) throw new Error(`${question}: it has ended: ${this.output.stderr}`);
      this.#child.send({ id, question, input });
      const { answer, problem } = await promise;
      if (problem !== undefined) throw new Error(`${question}: ${problem}`);
      return schema.parse(answer);
    } finally {
      clearTimeout(limit);
      this.#waiting.delete(id);
    }
  }

  /** Resolves with the exit code when it has ended by itself. */
  untilExit(): Promise<number | null> {
    return this.#exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.output.hasEnded) return;
    this.#child.kill('SIGTERM');
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), END_LIMIT_MS);
    await this.#exit;
    clearTimeout(limit);
  }
}
