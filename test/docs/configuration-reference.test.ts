import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { configurationReference } from '../../docs/reference/configuration-reference.ts';
import { EXAMPLES } from '../../docs/reference/examples.ts';
import { configurationJsonSchema } from '../../src/config/json-schema.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { KINDS } from '../../src/wiring/connections.ts';
import { kindsNamed } from '../support/kinds-named.ts';
import { codeBlocks, type MarkdownSection, markdownSections } from '../support/markdown-sections.ts';
import { PROJECT } from '../support/program-process.ts';

const TEXT = readFileSync(join(PROJECT, 'docs/configuration.md'), 'utf8');
const SCHEMA: unknown = JSON.parse(JSON.stringify(configurationJsonSchema(CATALOG, { isInline: true })));
const sections = markdownSections(TEXT);
/** Completes an example that has no provider. */
const PROVIDER = `${EXAMPLES['Kinds that ship']?.trim() ?? ''}\n`;

interface SchemaProperty {
  /** `store.tags`, `alerts.sinks[](slack).url`: a kind stands in brackets. */
  readonly path: string;
  readonly schema: JsonObject;
  readonly isRequired: boolean;
}

describe('docs/configuration.md', () => {
  it('is what the generator makes (write it anew with: npm run --silent reference > docs/configuration.md)', () => {
    // A preset that is newer than the page needs no other file: it is in the next one that is written.
    const kinds = kindsNamed((name) => TEXT.includes(`\`${name}\``));
    const schema = configurationJsonSchema({ ...CATALOG, kinds }, { isInline: true });
    assert.equal(TEXT, configurationReference({ schema, kinds, examples: EXAMPLES }));
  });

  it('says how it is made', () => {
    assert.match(TEXT, /^.*made by `npm run --silent reference > docs\/configuration\.md`/m);
  });

  it('has every option of the schema, with its values, default and meaning', () => {
    // What kinds have of their own is the language, which docs/providers.md explains.
    const options = propertiesOf(SCHEMA, '').filter(
      ({ path }) => !/^(?:providers\[\]\((?!oauth2\))|stores\.\*)/.test(path) && !isLanguage(path),
    );
    assert.ok(options.length > 60);
    assert.deepEqual(
      options.map(findMistake).filter((mistake) => mistake !== undefined),
      [],
    );
  });

  it('may say that the places of stores are written as store is', () => {
    const options = propertiesOf(SCHEMA, '').filter(({ path }) => !/\bkind$/.test(path));
    const under = (section: string) =>
      options.flatMap(({ path, schema }) =>
        path.startsWith(section) ? [[path.slice(section.length), schema] as const] : [],
      );
    assert.ok(under('store.').length + under('store(').length > 5);
    assert.deepEqual(
      [...under('stores.*.'), ...under('stores.*(')],
      [...under('store.'), ...under('store(')],
    );
  });

  it('links to sections that are there, each under an anchor of its own', () => {
    const anchors = sections.map(({ anchor }) => anchor);
    assert.equal(new Set(anchors).size, anchors.length);
    for (const anchor of anchors) assert.match(anchor, /^[a-z0-9]+(?:-[a-z0-9]+)*$/);
    for (const [, anchor = ''] of TEXT.matchAll(/\]\(#([^)]+)\)/g))
      assert.ok(anchors.includes(anchor), anchor);
  });

  it('lists every section at its beginning', () => {
    const [beginning] = sections;
    for (const { title, anchor } of sections.slice(1))
      assert.ok(beginning?.text.includes(`- [${title}](#${anchor})`), title);
  });

  for (const { title, text } of sections) {
    for (const [index, example] of codeBlocks(text, 'yaml').entries()) {
      it(`has an example in "${title}" that loads and is about that (${index + 1})`, () => {
        const raw: unknown = parse(example);
        assert.ok(isJsonObject(raw));
        const whole = raw['providers'] === undefined ? `${example}${PROVIDER}` : example;
        const parsed = parseConfiguration(whole, {
          fileName: 'docs/configuration.md',
          ...CATALOG,
        });
        assert.ok(parsed.ok, parsed.ok ? '' : parsed.problems.map(formatProblem).join('\n'));
        const { providers, alerts, coordination } = parsed.configuration;
        const [noun, name] = title.split(' ');
        if (noun === 'Kind' || title === 'Kinds that ship')
          assert.deepEqual(
            providers.map(({ kind }) => kind.kind),
            [title === 'Kinds that ship' ? 'paypal' : name],
          );
        else if (title === 'presets') assert.equal(providers[0]?.kind.kind, 'acme');
        else if (noun === 'Sink')
          assert.deepEqual(
            alerts.sinks.map(({ kind }) => kind),
            [name],
          );
        else if (noun === 'Coordination') assert.equal(coordination.kind, name);
        else if (noun === 'Store') assert.deepEqual(storeKindsOf(raw), [name]);
        else if (['stores', 'publish'].includes(title))
          assert.deepEqual(Object.keys(raw), ['stores', 'publish']);
        else if (title === title.toLowerCase()) assert.deepEqual(Object.keys(raw), [title]);
      });
    }
  }
});

describe('configurationReference', () => {
  /** With an option more in a section. */
  const write = (odd: z.ZodType, examples: Readonly<Record<string, string>> = EXAMPLES): string => {
    const schema: unknown = structuredClone(SCHEMA);
    const sections_ = isJsonObject(schema) && isJsonObject(schema['properties']) ? schema['properties'] : {};
    const { readers } = sections_;
    assert.ok(isJsonObject(schema) && isJsonObject(readers) && isJsonObject(readers['properties']));
    const { $schema: _, ...own } = z.toJSONSchema(odd, { io: 'input' });
    const properties = { ...readers['properties'], odd: own };
    return configurationReference({
      schema: { ...schema, properties: { ...sections_, readers: { ...readers, properties } } },
      kinds: KINDS,
      examples,
    });
  };

  it('shows a new option', () => {
    const made = markdownSections(write(z.boolean().default(true).describe('even')));
    const section = made.find(({ title }) => title === 'readers');
    assert.match(section?.text ?? '', /^\| `odd` \| `true` or `false` \| `true` \| Even\. \|$/m);
  });

  for (const [what, odd] of [
    ['a keyword that it does not know', z.number().multipleOf(5).describe('odd')],
    ['a type that it does not know', z.tuple([z.boolean()]).describe('odd')],
    ['a format that it does not know', z.email().meta({ errorMessage: 'an address' }).describe('odd')],
    ['a value that may be anything', z.unknown().describe('odd')],
    ['a mapping with keys of any kind', z.looseObject({ a: z.boolean().describe('a') }).describe('odd')],
    ['a text of which nobody says what is allowed', z.string().regex(/^x/).describe('odd')],
    ['an option without a description', z.boolean()],
    ['a list of what it does not know', z.array(z.null()).describe('odd')],
    [
      'an inner option without a description',
      z.strictObject({ inner: z.strictObject({ a: z.boolean() }).describe('inner') }).describe('odd'),
    ],
  ] as const) {
    it(`refuses ${what}, and names it`, () => {
      assert.throws(() => write(odd), /configuration\.readers.*\.odd/);
    });
  }

  it('refuses a section without an example', () => {
    const { readers: _, ...others } = EXAMPLES;
    assert.throws(() => write(z.boolean().describe('odd'), others), /section readers has no example/);
  });

  it('refuses an example that belongs nowhere', () => {
    assert.throws(
      () => write(z.boolean().describe('odd'), { ...EXAMPLES, 'Kind gone': '' }),
      /examples of no section: Kind gone/,
    );
  });
});

function storeKindsOf({ store }: JsonObject): readonly unknown[] {
  return isJsonObject(store) ? [store['kind'] ?? CATALOG.stores[0].kind] : [];
}

/** Options of a kind's own, and their insides. */
function isLanguage(path: string): boolean {
  const own = /^providers\[\]\(oauth2\)\.(\w+)/.exec(path)?.[1];
  const shared = sections.filter(({ title }) => title === 'Options of every provider').flatMap(rowsOf);
  return own !== undefined && !shared.some(([name]) => name === `\`${own}\``);
}

/** All named properties, found without the generator's own reading of the schema. */
function propertiesOf(schema: unknown, path: string): readonly SchemaProperty[] {
  if (!isJsonObject(schema)) return [];
  const { properties, required, items, additionalProperties } = schema;
  // A reference: its own options stand in a section for all of them.
  if (schema['dependentRequired'] !== undefined) return [];
  const forms = [...listOf(schema['anyOf']), ...listOf(schema['oneOf'])];
  return [
    ...Object.entries(isJsonObject(properties) ? properties : {}).flatMap(([name, inner]) => {
      const own = path === '' ? name : `${path}.${name}`;
      const isRequired = Array.isArray(required) && required.includes(name);
      return [
        ...(isJsonObject(inner) ? [{ path: own, schema: inner, isRequired }] : []),
        ...propertiesOf(inner, own),
      ];
    }),
    ...propertiesOf(items, `${path}[]`),
    ...propertiesOf(additionalProperties, `${path}.*`),
    ...forms.flatMap((form) => propertiesOf(form, `${path}${kindOf(form)}`)),
  ];
}

function kindOf(form: unknown): string {
  const properties = isJsonObject(form) && isJsonObject(form['properties']) ? form['properties'] : {};
  const kind = isJsonObject(properties['kind']) ? properties['kind']['const'] : undefined;
  return typeof kind === 'string' ? `(${kind})` : '';
}

/** What is wrong with the row of an option; `undefined` for nothing. */
function findMistake({ path, schema, isRequired }: SchemaProperty): string | undefined {
  const { titles, option } = placeOf(path);
  const rows = sections
    .filter(({ title }) => titles.includes(title))
    .flatMap(rowsOf)
    .filter(([name]) => name === `\`${option}\`` || name === `[\`${option}\`](#${option})`);
  const [row, ...others] = rows;
  if (row === undefined || others.length > 0) return `${path}: ${rows.length} rows`;
  if (row.some((cell) => cell === '')) return `${path}: an empty cell`;
  const isTop = titles.includes('Top level');
  const needed = defaultOf(schema, isRequired, isTop);
  if (!row.includes(needed)) return `${path}: no ${needed}`;
  const missing = limitsOf(schema).filter((limit) => row[1]?.includes(limit) !== true);
  if (!isTop && missing.length > 0) return `${path}: no ${missing.join(', ')}`;
  const words = String(schema['description']).split(';')[0]?.split(' ').slice(1) ?? [];
  const meaning = row.at(-1)?.replaceAll(/[`\\]/g, '') ?? '';
  return words.every((word) => meaning.includes(word))
    ? undefined
    : `${path}: does not say ${words.join(' ')}`;
}

function defaultOf(schema: JsonObject, isRequired: boolean, isTop: boolean): string {
  if (isRequired) return '**required**';
  const value = schema['default'];
  if (value === undefined || isTop) return 'optional';
  return `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

/** What has to stand beside the option: the values to choose from, and the limits of numbers, lists and durations. */
function limitsOf(schema: JsonObject): readonly string[] {
  const { minimum, maximum, minItems, maxItems, errorMessage, items } = schema;
  const values: readonly unknown[] = [schema['const'], ...listOf(schema['enum'])];
  const forms = [...listOf(schema['anyOf']), items].filter(isJsonObject);
  return [
    ...values.filter((value) => typeof value === 'string').map((value) => `\`${value}\``),
    ...[minimum, maximum, minItems, maxItems]
      .filter((limit) => typeof limit === 'number' && limit < Number.MAX_SAFE_INTEGER)
      .map(String),
    ...[...String(errorMessage).matchAll(/, (?<word>at least|at most) (?<limit>\d+m?s|\d+[mhd])\b/g)].map(
      ({ groups }) => `${groups?.['word']} \`${groups?.['limit']}\``,
    ),
    ...forms.filter((form) => kindOf(form) === '' && form['oneOf'] === undefined).flatMap(limitsOf),
  ];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

/** The sections that an option may stand in, and what it is called there. */
function placeOf(path: string): { readonly titles: readonly string[]; readonly option: string } {
  const groups = /^(?<block>\w+)(?<list>[\w.[\]]*)(?:\((?<kind>[\w-]+)\))?\.?(?<option>.*)$/.exec(
    path,
  )?.groups;
  const { block = '', list = '', kind, option = '' } = groups ?? {};
  if (kind === undefined) {
    return list === ''
      ? { titles: ['Top level'], option: block }
      : { titles: [block], option: list.slice(1) };
  }
  if (block === 'providers') {
    const titles = [`Kind ${kind}`, 'Listed customers', 'Discovered customers'];
    // What a kind has in a form of its own stands with it, else with what all have.
    const own = sections.filter(({ title }) => title === titles[0]).flatMap(rowsOf);
    const isOwn = own.some(([name]) => name === `\`${option}\``);
    return { titles: isOwn ? titles.slice(0, 1) : [...titles, 'Options of every provider'], option };
  }
  const noun = { alerts: 'Sink', store: 'Store' }[block] ?? 'Coordination';
  return { titles: [`${noun} ${kind}`], option };
}

/** Rows of a section's table, without the headings. */
function rowsOf({ text }: MarkdownSection): readonly (readonly string[])[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
}
