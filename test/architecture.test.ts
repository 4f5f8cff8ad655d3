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
  alerts: { values: ['core'] },
  status: { values: ['core'] },
  http: { values: ['core'] },
  config: { values: ['core'], types: ['providers'] },
  credentials: { values: ['core'], types: ['providers'] },
  sandbox: { values: ['core'], types: ['providers'] },
  // What one process does while it leads and while it does not.
  replica: { values: ['core', 'config', 'refresh'], types: ['wiring'] },
  // Where all of them are put together.
  wiring: {
    values: ['core', 'adapters', 'alerts', 'config', 'credentials', 'http', 'providers', 'replica', 'status'],
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

test('whatever reaches a provider or writes the store is preceded by a look at the term', () => {
  const effects = sources.filter(({ room }) => room === 'refresh').flatMap(findEffects);
  assert.deepEqual(
    effects.map(({ path, what }) => `${path} ${what}`),
    ['refresh/secret-writer.ts store.publish', 'refresh/token-fetch.ts source.fetch'],
  );
  assert.deepEqual(
    effects.filter(({ isLookedAt }) => !isLookedAt),
    [],
  );
});

test('an effect without a look at the term is found, whatever another function looks at', () => {
  const text = `async function look(term) {
  if (term.hasEnded()) return;
}

async function send({ store }, write) {
  await store.publish(write);
}`;
  assert.deepEqual(findEffects({ path: 'refresh/send.ts', room: 'refresh', text }), [
    { path: 'refresh/send.ts', what: 'store.publish', isLookedAt: false },
  ]);
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

/**
 * Calls that act on the outside, and whether their function asks `hasEnded()` before. The journal is none of them: what a
 * provider has handed out is journalled even after the term. A writer's `publish` looks by itself.
 */
function findEffects({
  path,
  text,
}: Source): { readonly path: string; readonly what: string; readonly isLookedAt: boolean }[] {
  return [...text.matchAll(/\b(?<what>(?!writer\b)\w+\??\.(?:publish|fetch))\(/g)].map((match) => {
    const before = text.slice(0, match.index);
    const start = Math.max(0, ...[...before.matchAll(/^(?: {2})?(?=\S).*[({]$/gm)].map(({ index }) => index));
    return {
      path,
      what: match.groups?.['what'] ?? '',
      isLookedAt: before.slice(start).includes('.hasEnded()'),
    };
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
