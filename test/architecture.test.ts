import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');
const SRC = join(ROOT, 'src');

/** What each room may import besides itself; `types` only with `import type`. Files in `src/` itself are rooms too. */
const RULES: Readonly<
  Record<string, { readonly values: readonly string[]; readonly types?: readonly string[] }>
> = {
  // Pure: what all rooms share, and nothing of any of them.
  core: { values: [] },
  // Rooms of one floor meet in `wiring/`, through the ports of `core/`.
  refresh: { values: ['core'] },
  providers: { values: ['core'] },
  adapters: { values: ['core'] },
  // Metrics, alerts, page and live table read it through `Board` of `core/`.
  board: { values: ['core'] },
  alerts: { values: ['core'] },
  status: { values: ['core'] },
  http: { values: ['core'] },
  config: { values: ['core'], types: ['providers'] },
  credentials: { values: ['core'], types: ['providers'] },
  sandbox: { values: ['core'], types: ['providers'] },
  // What one process does while it leads and while it does not.
  replica: { values: ['core', 'config', 'refresh'] },
  // Where all of them are put together.
  wiring: {
    values: [
      'core',
      'adapters',
      'alerts',
      'board',
      'config',
      'credentials',
      'http',
      'providers',
      'replica',
      'status',
    ],
  },
  commands: { values: ['core', 'config', 'sandbox', 'replica', 'wiring'], types: ['refresh', 'providers'] },
  // The process itself: its signals, its output, its end.
  'main.ts': { values: ['core', 'commands', 'adapters'] },
};

/** Reading time or chance, and waiting, belong to `adapters/system`. */
const AMBIENT =
  /\b(Date\.now\(|new Date\(\)|Math\.random\(|performance\.now\(|randomUUID\(|AbortSignal\.timeout\()/;

/** A text that browsers run, not the program. */
const BROWSER_SCRIPT = 'status/page-script.ts';

interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
}

const sources: readonly Source[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, room: path.split('/')[0] ?? path, text: readFileSync(join(SRC, path), 'utf8') }));

test('arrows between the rooms point at core, as the house rules say', () => {
  const wrong = sources.flatMap((source) => findForbiddenImports(source));
  assert.deepEqual(wrong, []);
});

test('a forbidden import is found and named in plain words', () => {
  const text =
    "import { createLog } from '../adapters/log/log.ts';\nimport type { Tick } from '../refresh/tick.ts';";
  assert.deepEqual(findForbiddenImports({ path: 'core/token.ts', room: 'core', text }), [
    'core/token.ts imports adapters/log/log.ts, but core may import only core',
    'core/token.ts imports refresh/tick.ts, but core may import only core',
  ]);
});

test('every room is known to the house rules', () => {
  assert.deepEqual(
    [...new Set(sources.map(({ room }) => room))].filter((room) => !Object.hasOwn(RULES, room)),
    [],
  );
});

test('only the system adapter reads time and chance', () => {
  const wrong = sources.filter(
    ({ path, text }) => !path.startsWith('adapters/system/') && path !== BROWSER_SCRIPT && AMBIENT.test(text),
  );
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test('a secret is revealed only where bytes leave or enter', () => {
  const rooms = new Set(sources.filter(({ text }) => text.includes('.reveal()')).map(({ room }) => room));
  assert.deepEqual([...rooms].toSorted(), ['adapters', 'core', 'credentials', 'providers', 'sandbox']);
});

test('in refresh/ each call that others see is made right after a look whether the term has ended', () => {
  const calls = sources.filter(({ room }) => room === 'refresh').flatMap((source) => findEffects(source));
  assert.ok(calls.length >= 2, `${calls.length} calls of the provider and the store`);
  assert.deepEqual(
    calls.filter(({ hasLook }) => !hasLook).map(({ where }) => where),
    [],
  );
});

test('a call without that look is found', () => {
  const text =
    'async function f() {\n  if (term.hasEnded()) return;\n}\nfunction g() {\n  store.publish(write);\n}';
  assert.deepEqual(findEffects({ path: 'refresh/x.ts', room: 'refresh', text }), [
    { where: 'refresh/x.ts: store.publish(', hasLook: false },
  ]);
});

test('only the sandbox imports node:http, which costs each start a second HTTP client: see node-http.ts', () => {
  const wrong = sources.filter(
    ({ room, text }) => room !== 'sandbox' && /^import (?!type ).*'(?:node:)?http'/m.test(text),
  );
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

test('property tests get fast-check from test/support/property.ts, where it begins with the same chance at each run', () => {
  const wrong = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' }).filter(
    (path) =>
      path.endsWith('.ts') &&
      path !== 'support/property.ts' &&
      /^import .* from 'fast-check'/m.test(readFileSync(join(import.meta.dirname, path), 'utf8')),
  );
  assert.deepEqual(wrong, []);
});

test('no file has a default export or a name from the junk drawer', () => {
  const wrong = sources.filter(
    ({ path, text }) =>
      /^export default /m.test(text) || /(^|\/)(utils?|helpers?|types|common|index)\.ts$/.test(path),
  );
  assert.deepEqual(
    wrong.map(({ path }) => path),
    [],
  );
});

/** The provider's tokens and the store's versions: what a process without the right to it must not touch. */
const EFFECT = /\b(?:source\.fetch|store\.publish)\(/g;

/** Each effect, and whether the function that it is in has asked the term before it. */
function findEffects({ path, text }: Source): { readonly where: string; readonly hasLook: boolean }[] {
  return [...text.matchAll(EFFECT)].map((match) => {
    const before = text.slice(0, match.index);
    // Functions and methods begin at no more than two blanks; what is inside of them stands further right.
    const start = Math.max(...[...before.matchAll(/^(?: {2})?[\w#].*\{$/gm)].map(({ index }) => index), 0);
    return { where: `${path}: ${match[0]}`, hasLook: before.slice(start).includes('.hasEnded()') };
  });
}

function findForbiddenImports({ path, room, text }: Source): string[] {
  const rule = RULES[room];
  const wrong: string[] = [];
  for (const match of text.matchAll(/^(?:import|export)\b(?<what>[^'";]*?)\bfrom\s+'(?<from>\.[^']+)'/gm)) {
    const target = relative(SRC, resolve(SRC, dirname(path), match.groups?.['from'] ?? ''));
    const targetRoom = target.split('/')[0] ?? target;
    if (target.startsWith('..') || targetRoom === room || rule === undefined) continue;
    const isType = match.groups?.['what']?.trimStart().startsWith('type ') === true;
    const allowed = isType ? [...rule.values, ...(rule.types ?? [])] : rule.values;
    if (allowed.includes(targetRoom)) continue;
    wrong.push(`${path} imports ${target}, but ${room} may import only ${[room, ...allowed].join(', ')}`);
  }
  return wrong;
}
