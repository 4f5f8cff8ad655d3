import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { ProgramOutput } from '../support/program-output.ts';
import { COMPILE_CACHE, PROJECT } from '../support/program-process.ts';
import { Screen } from '../support/screen.ts';

/** `script` of util-linux, which every Debian has, makes the pseudo-terminal. */
const HAS_TERMINALS = process.platform === 'linux';

const ESCAPE = '\u001b';
const HOME = `${ESCAPE}[H`;

/** `sandbox` on a terminal of its own. */
async function openTerminal(t: TestContext, env: Readonly<Record<string, string>>) {
  const program = `"${process.execPath}" src/main.ts sandbox --fault pik:503`;
  const child = spawn(
    'script',
    ['-qec', `stty cols 80 rows 40; echo "at $(tty), $$"; exec ${program}`, '/dev/null'],
    {
      cwd: PROJECT,
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE, PATH: process.env['PATH'], TERM: 'xterm', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const output = new ProgramOutput();
  child.stdout.setEncoding('utf8').on('data', (text: string) => output.takeOut(text));
  child.once('close', () => output.end());
  const first = await output.untilText((text) => /at \S+, \d+/.test(text));
  const [, device = '', pid = ''] = /at (\S+), (\d+)/.exec(first) ?? [];
  const end = (): void => void child.kill('SIGKILL');
  t.signal.addEventListener('abort', end, { once: true });
  return {
    output,
    resize: (columns: number) => execFileSync('stty', ['-F', device, 'cols', String(columns)]),
    /** As a shell does. */
    print: (text: string) => writeFileSync(device, text),
    send: (signal: NodeJS.Signals) => process.kill(Number(pid), signal),
    /** Of `script`, which stops itself, sooner or later, when it sees its child stopped. */
    keepGoing: () => {
      const timer = setInterval(() => child.kill('SIGCONT'), 100);
      child.once('close', () => clearInterval(timer));
    },
    exit: new Promise<number | null>((resolve) => child.once('close', resolve)),
  };
}

/** What stands on a screen that text was written to since it was clean. */
function screenOf(text: string, columns: number): readonly string[] {
  const screen = new Screen(columns);
  screen.write(text);
  return screen.lines;
}

const isWhole = (lines: readonly string[]): boolean =>
  lines.some((line) => line.startsWith('pik ')) && lines.some((line) => line.startsWith('status page http'));

describe('a real terminal', { skip: HAS_TERMINALS ? false : 'needs Linux' }, () => {
  it('has a clean table after a resize, and below the shell after a stop', async (t) => {
    const terminal = await openTerminal(t, { NO_COLOR: '1' });
    const { output } = terminal;
    await output.untilText((text) =>
      isWhole(screenOf(text.slice(text.indexOf('token-refresher sandbox')), 80)),
    );

    terminal.resize(57);
    const sinceResize = (text: string): string => text.slice(text.indexOf(HOME));
    const resized = await output.untilText(
      (text) => text.includes(HOME) && isWhole(screenOf(sinceResize(text), 57)),
    );
    const lines = screenOf(sinceResize(resized), 57);
    assert.equal(lines.filter((line) => line.startsWith('TOKEN')).length, 1);
    assert.ok(lines.every((line) => line.length <= 57));

    terminal.send('SIGSTOP');
    terminal.print('shell$ fg\n');
    terminal.send('SIGCONT');
    terminal.keepGoing();
    const since = (text: string): string => text.slice(text.indexOf('shell$ fg'));
    const continued = await output.untilText((text) => isWhole(screenOf(since(text), 57)));
    assert.match(since(continued), /^shell\$ fg\r*\n\r?TOKEN/);
    assert.ok(!/\p{Cc}\[\d*m/u.test(continued), 'no colour');

    terminal.send('SIGTERM');
    assert.equal(await terminal.exit, 0);
  });

  for (const [env, isColored] of [
    [{}, true],
    [{ FORCE_COLOR: '0' }, false],
  ] as const) {
    it(`gets ${isColored ? 'colours' : 'none'} with ${JSON.stringify(env)}`, async (t) => {
      const terminal = await openTerminal(t, env);
      const text = await terminal.output.untilText((each) => each.includes('LAST RESULT'));
      terminal.send('SIGTERM');
      assert.equal(await terminal.exit, 0);
      assert.equal(/\p{Cc}\[\d+m/u.test(text), isColored);
    });
  }

  it('gets neither escapes nor colours when it is a dumb one', async (t) => {
    const terminal = await openTerminal(t, { TERM: 'dumb' });
    const text = await terminal.output.untilText((each) => each.includes('a new token is published'));
    terminal.send('SIGTERM');
    assert.equal(await terminal.exit, 0);
    assert.ok(!text.includes(ESCAPE));
  });
});
