import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { configurationJsonSchema } from '../../src/config/json-schema.ts';
import { createProviderSchema } from '../../src/config/provider-schema.ts';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import type { CredentialFields, ProviderKind } from '../../src/providers/provider.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { findPreset, KINDS } from '../../src/wiring/connections.ts';
import { isValid } from '../support/json-schema-check.ts';
import { kindsNamed } from '../support/kinds-named.ts';
import { exampleOptionsOf } from '../support/preset-example.ts';

const jsonSchema: unknown = JSON.parse(JSON.stringify(configurationJsonSchema(CATALOG)));

/** Each part where it is used. */
const inline: unknown = JSON.parse(JSON.stringify(configurationJsonSchema(CATALOG, { isInline: true })));

/** A provider of a kind with all that it has to have. */
function completeEntry(name: string): JsonObject {
  const kind = KINDS.find(name);
  assert.ok(kind !== undefined);
  const own = kind.credentials === 'any' ? {} : kind.credentials;
  const references = (fields: CredentialFields): JsonObject =>
    Object.fromEntries(Object.keys(fields).map((field) => [field, { env: 'A' }]));
  return {
    name: 'a',
    kind: name,
    ...(kind.needsBaseUrl ? { baseUrl: 'https://api.example.com' } : {}),
    ...exampleOptionsOf(findPreset(name)),
    ...FORM_SETTINGS[name],
    credentials: references(own),
    ...(kind.customerCredentials === undefined
      ? { secret: 's' }
      : { secret: 's/{customer}', customers: [{ name: 'c', ...references(kind.customerCredentials) }] }),
  };
}

const FORM_SETTINGS: Readonly<Record<string, JsonObject>> = {
  http: { request: { url: 'https://api.example.com/token' } },
  oauth2: { tokenUrl: 'https://api.example.com/token' },
};

/** Whether the schema has to refuse an entry of the kind without it. */
function isNeeded(name: string, key: string): boolean {
  const kind = KINDS.find(name);
  assert.ok(kind !== undefined);
  // Each customer may have them.
  if (key === 'credentials')
    return (
      kind.customerCredentials === undefined &&
      kind.credentials !== 'any' &&
      Object.values(kind.credentials).some(({ optional }) => optional !== true)
    );
  if (key === 'secret') return kind.customerCredentials === undefined;
  if (['name', 'kind', 'baseUrl', 'customers'].includes(key)) return true;
  return FORM_SETTINGS[name]?.[key] !== undefined || !kind.options.safeParse({}).success;
}

/** The value at a path of keys and indices. */
function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>((inner, key) => {
    if (Array.isArray(inner) && typeof key === 'number') return inner[key];
    return isJsonObject(inner) ? inner[key] : undefined;
  }, value);
}

/** All `[path, schema]` of named properties. */
function properties(schema: unknown, path = ''): readonly (readonly [string, JsonObject])[] {
  if (Array.isArray(schema)) return schema.flatMap((part) => properties(part, path));
  if (!isJsonObject(schema)) return [];
  return Object.entries(schema).flatMap(([keyword, part]) => {
    // What is needed besides says nothing new about the options.
    if (keyword === 'else') return [];
    if (keyword !== 'properties' || !isJsonObject(part)) return properties(part, path);
    return Object.entries(part).flatMap(([name, inner]) => {
      const own = `${path}.${name}`;
      return [...(isJsonObject(inner) ? [[own, inner] as const] : []), ...properties(inner, own)];
    });
  });
}

function readConfig(name: string): Promise<string> {
  return readFile(new URL(`../../config/${name}`, import.meta.url), 'utf8');
}

/** All regular expressions of a schema. */
function patternsOf(schema: unknown): readonly string[] {
  if (Array.isArray(schema)) return schema.flatMap(patternsOf);
  if (!isJsonObject(schema)) return [];
  const { pattern, patternProperties } = schema;
  return [
    ...(typeof pattern === 'string' ? [pattern] : []),
    ...(isJsonObject(patternProperties) ? Object.keys(patternProperties) : []),
    ...Object.values(schema).flatMap(patternsOf),
  ];
}

/** No look-around, back reference, code point by `\u`, or count above 1000: what RE2 has not of JavaScript's. */
function isForRe2(pattern: string): boolean {
  const counts = [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].flatMap(([, least, most]) => [least, most]);
  return !/\(\?<?[=!]|\\[1-9uck]/.test(pattern) && counts.every((count) => Number(count ?? 0) <= 1000);
}

describe('configurationJsonSchema', () => {
  it('is what config/schema.json holds (write it anew with: npm run --silent schema > config/schema.json)', async () => {
    const text = await readConfig('schema.json');
    // A preset that is newer than the file needs no other file: it is in the next one that is written.
    const known = kindsNamed((name) => text.includes(`"const": "${name}"`));
    assert.deepEqual(
      JSON.parse(text),
      JSON.parse(JSON.stringify(configurationJsonSchema({ ...CATALOG, kinds: known }))),
    );
  });

  it('names its draft and itself', () => {
    assert.equal(at(jsonSchema, '$schema'), 'https://json-schema.org/draft/2020-12/schema');
    assert.equal(at(jsonSchema, '$id'), 'urn:token-refresher:configuration');
    assert.equal(at(jsonSchema, 'title'), 'token-refresher configuration');
  });

  it('has only patterns that RE2 takes as well, which Helm reads them with', () => {
    const found = patternsOf(jsonSchema);
    assert.ok(found.length > 100);
    assert.deepEqual(
      found.filter((pattern) => !isForRe2(pattern)),
      [],
    );
    for (const refused of [
      '^(?!x)',
      'a(?=b)',
      '(?<=a)b',
      '(?<!a)b',
      '(a)\\1',
      '(?<n>a)\\k<n>',
      'a{1,1001}',
      '\\u0041',
    ])
      assert.ok(!isForRe2(refused), refused);
  });

  it('explains every option', () => {
    const all = properties(inline);
    assert.ok(all.length > 100);
    assert.deepEqual(
      all.filter(([, schema]) => typeof schema['description'] !== 'string').map(([path]) => path),
      [],
    );
  });

  it('refuses unknown keys in every mapping', () => {
    const open = properties(inline).filter(
      ([, schema]) => schema['properties'] !== undefined && schema['additionalProperties'] !== false,
    );
    assert.deepEqual(open, []);
    assert.equal(at(jsonSchema, 'additionalProperties'), false);
  });

  it('offers one form of a provider per kind', () => {
    const forms = at(inline, 'properties', 'providers', 'items', 'oneOf');
    assert.ok(Array.isArray(forms));
    assert.deepEqual(
      forms.map((form) => at(form, 'properties', 'kind', 'const')),
      KINDS.names,
    );
  });

  it('states defaults as people write them', () => {
    const provider = [
      'properties',
      'providers',
      'items',
      'oneOf',
      KINDS.names.indexOf('paypal'),
      'properties',
    ];
    const store = ['properties', 'store', 'anyOf', 0, 'properties'];
    for (const [path, value] of [
      [[...store, 'timeout'], '5s'],
      [[...store, 'versionBudget'], 144],
      [['properties', 'readers', 'properties', 'staleness'], '0s'],
      [[...provider, 'lifetime'], '9h'],
      [[...provider, 'baseUrl'], 'https://api-m.paypal.com'],
      [[...provider, 'concurrency'], 4],
    ] as const) {
      assert.equal(at(inline, ...path, 'default'), value, path.join('.'));
    }
  });

  for (const name of KINDS.names) {
    it(`requires of ${name} what has no default`, () => {
      const entry = completeEntry(name);
      const isGood = (provider: JsonObject): boolean => isValid(jsonSchema, { providers: [provider] });
      assert.ok(isGood(entry), 'complete');
      for (const key of Object.keys(entry)) {
        const { [key]: _, ...rest } = entry;
        assert.equal(isGood(rest), !isNeeded(name, key), `without ${key}`);
      }
    });
  }

  it('says once what kinds have in common', () => {
    assert.ok(JSON.stringify(jsonSchema).length < 3000 * KINDS.names.length);
    const defs = at(jsonSchema, '$defs');
    assert.ok(isJsonObject(defs));
    const parts = Object.values(defs).map((part) => JSON.stringify(part));
    const long = parts.filter((part) => part.length > 120 && !part.includes('"kind":true'));
    assert.deepEqual([...new Set(long)], long);
  });

  it('names all kinds and what each is, and lets an editor look up their options', () => {
    const item = at(jsonSchema, 'properties', 'providers', 'items');
    const kinds = at(item, 'properties', 'kind', 'anyOf');
    const definitions = at(item, 'allOf');
    assert.ok(Array.isArray(kinds) && Array.isArray(definitions));
    for (const [index, name] of KINDS.names.entries()) {
      assert.equal(at(kinds, index, 'const'), name);
      assert.equal(at(kinds, index, 'description'), KINDS.find(name)?.description);
      assert.equal(at(definitions, index, 'if', 'properties', 'kind', 'not', 'const'), name);
      const reference = String(at(definitions, index, 'else', '$ref')).split('/');
      const own = at(jsonSchema, '$defs', String(reference.at(-1)));
      assert.ok(isJsonObject(own), name);
    }
  });

  for (const [what, provider, isGood] of [
    ['with options and credentials of its own', {}, true],
    ['with a misspelt duration', { timeout: '10sec' }, false],
    ['with a literal credential', { credentials: { apiKey: 'hunter2' } }, false],
    ['without a secret', { secret: undefined }, false],
  ] as const) {
    it(`${isGood ? 'accepts' : 'refuses'} a provider of a preset of the user's own ${what}`, () => {
      const entry = {
        name: 'a',
        kind: 'my-own',
        secret: 's',
        tenant: 't',
        credentials: { apiKey: { env: 'A' } },
      };
      const providers = JSON.parse(JSON.stringify([{ ...entry, ...provider }]));
      const presets = { 'my-own': { title: 'My own' } };
      assert.equal(isValid(jsonSchema, { presets, providers }), isGood);
      assert.equal(isValid(jsonSchema, { providers }), false, 'without presets');
      // A kind that ships stays as strict as without them.
      assert.equal(isValid(jsonSchema, { presets, providers: [{ ...entry, kind: 'paypal' }] }), false);
    });
  }

  for (const file of ['example.yaml', 'sandbox.yaml']) {
    it(`accepts config/${file}`, async () => {
      assert.ok(isValid(jsonSchema, parse(await readConfig(file))));
    });
  }

  const twoSources = '{ env: A, file: b }';
  for (const [what, from, to] of [
    ['an unknown section', 'store:', 'stroe:'],
    ['an unknown option', '    minInterval: 0s', '    minimumInterval: 0s'],
    ["another kind's option", '    useRefreshToken: false', '    grant: both'],
    ['a duration without unit', '    timeout: 10s', '    timeout: 10'],
    ['a misspelt unit', '    timeout: 10s', '    timeout: 10sec'],
    ['a literal credential', '{ env: PIK_APP_ID }', 'hunter2'],
    ['a credential from two places', '{ env: PIK_APP_ID }', twoSources],
    ['a key without a secret', '{ env: PIK_APP_ID }', '{ env: A, key: b }'],
    ['a missing credential', '      appId: { env: PIK_APP_ID }\n', ''],
    ['a missing secret', '    secret: payments/apimw\n', ''],
    // One that no kind of store takes; which one is meant is for the loader to know.
    ['a name like an ARN', 'payments/apimw', 'payments/Apimw-tokens'],
    ['a fraction out of range', '# refreshAfter: 25m  ', 'refreshAfter: 0.3 '],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const text = await readConfig('example.yaml');
      assert.ok(text.includes(from));
      assert.equal(isValid(jsonSchema, parse(text.replace(from, to))), false);
    });
  }
});

describe('createProviderSchema', () => {
  const { rules } = CATALOG.stores[0];
  const kind: ProviderKind = {
    kind: 'sample',
    description: 'a sample',
    documentedLifetimeSeconds: 900,
    defaultBaseUrl: undefined,
    needsBaseUrl: true,
    credentials: {},
    customerCredentials: undefined,
    options: z.strictObject({}),
    defaults: {},
    configure: () => assert.fail('not called'),
  };

  it('refuses a kind with an option that has the name of a common field', () => {
    const clashing = { ...kind, options: z.strictObject({ timeout: z.string() }) };
    assert.throws(
      () => createProviderSchema(clashing, { rules, hasCustomers: false }),
      /kind sample: timeout is a common field's name/,
    );
  });

  it('refuses a kind with a customer credential that has the name of a common field', () => {
    const clashing = { ...kind, customerCredentials: { secret: { description: 'x' } } };
    assert.throws(
      () => createProviderSchema(clashing, { rules, hasCustomers: true }),
      /kind sample: secret is a common field's name/,
    );
  });
});
