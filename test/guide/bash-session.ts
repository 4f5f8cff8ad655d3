/**
 * One bash that is handed a block at a time, as a person pastes them: what a block sets, the next one has.
 * With `set -euo pipefail`, so that the first command that fails ends it.
 *
 * Guarantee: a block that ends the shell has failed, with whatever code, and every block after it fails at once and names it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Writable } from 'node:stream';

export interface BlockResult {
  /** 0 when all commands of the block ended with 0, else the code with which bash gave up. */
  readonly exitCode: number;
  /** Standard output and error, as a terminal shows them. */
  readonly output: string;
}

/** As `timeout` has it. */
const GAVE_UP = 124;
const PATIENCE_MS = 240_000;

/** What no command writes: after it comes the exit code of a block. */
const MARK = '\u001e';

/** Reads blocks that end in NUL from descriptor 3. Commands get neither that nor a terminal. */
const LOOP = `
exec 2>&1
set -euo pipefail
trap 'printf "\\036%d ended\\n" "$?"' EXIT
while IFS= read -r -d '' block <&3; do
  eval "$block" 3<&- </dev/null
  printf '\\0360\\n'
done
`;

function explainEnd(script: string, output: string): BlockResult {
  return { exitCode: 1, output: `${output}bash was ended by this block:\n${script}\n` };
}

/** Disposing ends bash and what it has in the background. */
export class BashSession implements AsyncDisposable {
  readonly #bash: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #blocks: Writable;
  #takeOutput: (text: string) => void = () => undefined;
  /** The block that has ended bash; `undefined`: none has. */
  #endedBy: string | undefined;

  constructor(options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> }) {
    const bash = spawn('bash', ['--noprofile', '--norc', '-c', LOOP], {
      ...options,
      // A process group of its own, so that what runs in the background can be ended with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
    });
    this.#bash = bash;
    // Not `exit`: that would not wait for what is in the background and holds the output.
    this.#exit = once(bash, 'close');
    const blocks = bash.stdio[3];
    if (blocks === null || blocks === undefined || !('write' in blocks)) throw new Error('bash has no pipe');
    this.#blocks = blocks;
    // Bash may have given up before it has read everything.
    blocks.on('error', () => undefined);
    bash.stdout?.setEncoding('utf8').on('data', (text: string) => this.#takeOutput(text));
  }

  /**
   * Runs a block to its end, or until a person would give up waiting.
   * @param onOutput told what it writes, as it does
   */
  async run(
    script: string,
    onOutput: (text: string) => void = () => undefined,
    limitMs: number = PATIENCE_MS,
  ): Promise<BlockResult> {
    if (this.#endedBy !== undefined) return explainEnd(this.#endedBy, '');
    const { promise, resolve } = Promise.withResolvers<BlockResult>();
    let all = '';
    // Without a word where bash is killed, or replaced by `exec`.
    void this.#exit.then(() => {
      this.#endedBy ??= script;
      resolve(explainEnd(script, all));
    });
    const giveUp = setTimeout(() => resolve({ exitCode: GAVE_UP, output: all }), limitMs);
    this.#takeOutput = (text) => {
      all += text;
      const [shown = ''] = text.split(MARK);
      if (shown !== '') onOutput(shown);
      const [output = '', end] = all.split(MARK);
      if (end?.includes('\n') !== true) return;
      const exitCode = Number.parseInt(end, 10);
      if (end.includes('ended')) this.#endedBy = script;
      resolve(exitCode === 0 && end.includes('ended') ? explainEnd(script, output) : { exitCode, output });
    };
    this.#blocks.write(`${script}\0`);
    try {
      return await promise;
    } finally {
      clearTimeout(giveUp);
    }
  }

  /** Ends what runs now, and bash with it. */
  stop(): void {
    const { pid } = this.#bash;
    if (pid !== undefined) {
      try {
        process.kill(-pid, 'SIGTERM');
      } catch {
        // Nobody is left in the group.
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#blocks.end();
    this.stop();
    await this.#exit;
  }
}
