import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import type { Configuration } from '../../src/config/configuration.ts';
import { configurationJsonSchema } from '../../src/config/json-schema.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import type { CredentialReferences } from '../../src/core/credential/credential-reference.ts';
import { decideCadence } from '../../src/core/schedule/cadence.ts';
import { isJsonObject } from '../../src/core/wire/json.ts';
import { UPSTREAM_NAMES } from '../../src/sandbox/upstreams/upstream-list.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { KINDS } from '../../src/wiring/connections.ts';

const EXAMPLE_ENV = {
  PIK_APP_ID: 'x',
  PIK_APP_SECRET: 'x',
  PIVOT_CLIENT_ID: 'x',
  PIVOT_MERCHANT_ID: 'x',
};

async function readText(name: string): Promise<string> {
  return readFile(new URL(`../../config/${name}`, import.meta.url), 'utf8');
}

function problemsOf(text: string, env: Readonly<Record<string, string>>): readonly string[] {
  const parsed = parseConfiguration(text, { fileName: 'app.yaml', ...CATALOG, env });
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

function configurationOf(text: string, env: Readonly<Record<string, string>>): Configuration {
  const parsed = parseConfiguration(text, { fileName: 'config/app.yaml', ...CATALOG, env });
  assert.ok(parsed.ok, parsed.ok ? '' : parsed.problems.map(formatProblem).join('\n'));
  return parsed.configuration;
}

function refreshEverySeconds(configuration: Configuration): Readonly<Record<string, number>> {
  return Object.fromEntries(
    configuration.providers.map(({ kind, lifetimeMs, schedule }) => [
      kind.kind,
      decideCadence(lifetimeMs, schedule.policy).refreshEveryMs / 1000,
    ]),
  );
}

/** Names of all options, wherever they stand. */
function optionNames(schema: unknown): readonly string[] {
  if (Array.isArray(schema)) return schema.flatMap(optionNames);
  if (!isJsonObject(schema)) return [];
  return Object.entries(schema).flatMap(([keyword, part]) => [
    ...(keyword === 'properties' && isJsonObject(part) ? Object.keys(part) : []),
    ...optionNames(part),
  ]);
}

/** Options of the file, and of every provider: what kinds have of their own docs/providers.md shows. */
function sharedOptionNames(): readonly string[] {
  const { properties: sections } = configurationJsonSchema(CATALOG, { isInline: true });
  const { providers, presets: _, ...others } = isJsonObject(sections) ? sections : {};
  const items = isJsonObject(providers) && isJsonObject(providers['items']) ? providers['items'] : {};
  const forms: readonly unknown[] = Array.isArray(items['oneOf']) ? items['oneOf'] : [];
  const names = forms.map((form) =>
    isJsonObject(form) && isJsonObject(form['properties']) ? Object.keys(form['properties']) : [],
  );
  const shared = (names[0] ?? []).filter((name) => names.every((each) => each.includes(name)));
  return [...Object.keys(others), ...optionNames(Object.values(others)), ...shared];
}

describe('config/example.yaml', () => {
  it('is a configuration with providers of all forms, refreshed as they advise', async () => {
    const configuration = configurationOf(await readText('example.yaml'), EXAMPLE_ENV);
    assert.deepEqual(refreshEverySeconds(configuration), {
      pik: 1680,
      'pivot-b2b': 840,
      'pivot-b2b2c': 840,
      pivot: 840,
      apimw: 3360,
      paysecurez: 1680,
      oauth2: 3360,
      http: 3360,
    });
    for (const { kind } of configuration.providers) assert.ok(KINDS.names.includes(kind.kind));
  });

  it('shows every option', async () => {
    const text = await readText('example.yaml');
    const hidden = new Set(sharedOptionNames())
      .values()
      .filter((name) => !new RegExp(`(?:^|[{,#-]) *${name}:`, 'm').test(text));
    assert.deepEqual([...hidden], []);
  });

  it('shows credentials from the environment, files and secrets', async () => {
    const { providers } = configurationOf(await readText('example.yaml'), EXAMPLE_ENV);
    const kinds = providers.flatMap(({ credentials }) => Object.values(credentials).map(({ kind }) => kind));
    assert.deepEqual([...new Set(kinds)].toSorted(), ['awsSecret', 'env', 'file']);
  });

  it('begins with the line that tells editors about the schema', async () => {
    for (const name of ['example.yaml', 'sandbox.yaml']) {
      const [first] = (await readText(name)).split('\n');
      assert.equal(first, '# yaml-language-server: $schema=schema.json');
    }
  });

  it('is right about what a staleness costs', async () => {
    const text = await readText('example.yaml');
    assert.match(
      text,
      /With 5m .* a refresh every 9 min 30 s, .*refused\. With 4m it is one every 10 min 30 s, 137 /s,
    );
    const of = (staleness: string): string => text.replace('staleness: 0s', `staleness: ${staleness}`);
    assert.match(
      problemsOf(of('5m'), EXAMPLE_ENV).join('\n'),
      /a refresh every 9m 30s writes 151\.6 versions a day/,
    );
    assert.equal(refreshEverySeconds(configurationOf(of('4m'), EXAMPLE_ENV))['pivot'], 630);
  });

  for (const [commented, value] of [
    ['# endpoint: http://127.0.0.1:4566 ', 'endpoint'],
    ['# kmsKeyId: alias/payments ', 'kmsKeyId'],
    ['# refreshAfter: 25m ', 'refreshAfter'],
    ['# schedule: "*/20 * * * *" ', 'schedule'],
    ['# versionBudget: 100 ', 'versionBudget'],
    ['# passphrase: { env: PIVOT_KEY_PASSPHRASE } ', 'passphrase'],
  ] as const) {
    it(`is right when the comment sign before ${value} is taken away`, async () => {
      const text = await readText('example.yaml');
      assert.ok(text.includes(commented));
      const used = text.replace(commented, commented.slice(2));
      assert.deepEqual(problemsOf(used, { ...EXAMPLE_ENV, PIVOT_KEY_PASSPHRASE: 'x' }), []);
    });
  }
});

describe('config/sandbox.yaml', () => {
  it('is a configuration for all kinds on loopback, complete without an environment', async () => {
    const { places, http, providers } = configurationOf(await readText('sandbox.yaml'), {});
    const [store] = places.values();
    assert.ok(store !== undefined);
    for (const url of [store.endpoint, ...providers.map(({ baseUrl }) => baseUrl)]) {
      assert.match(url ?? '', /^http:\/\/127\.0\.0\.1:\d+$/);
    }
    assert.deepEqual(http, { host: '127.0.0.1', port: 0 });
    assert.equal(store.createSecrets, true);
    assert.equal(store.versionBudget, 'none');
    assert.deepEqual(
      providers.map(({ name, kind }) => [name, kind.kind]),
      UPSTREAM_NAMES.map((name) => [name, name]),
    );
    assert.deepEqual(
      providers.flatMap(({ tokens }) => tokens.map(({ identity }) => [identity.token, identity.secret])),
      [
        ['pik', 'sandbox/pik'],
        ['pivot-b2b', 'sandbox/pivot-b2b'],
        ['pivot-b2b2c/ayu', 'sandbox/pivot-b2b2c/ayu'],
        ['pivot-b2b2c/budi', 'sandbox/pivot-b2b2c/budi'],
        ['pivot', 'sandbox/pivot'],
        ['apimw', 'sandbox/apimw'],
        ['paysecurez', 'sandbox/paysecurez'],
        ['oauth2', 'sandbox/oauth2'],
        ['http', 'sandbox/http'],
      ],
    );
  });

  it('has each credential in the file that its comment says', async () => {
    const { providers } = configurationOf(await readText('sandbox.yaml'), {});
    const check = (folder: string, references: CredentialReferences): void => {
      for (const [name, reference] of Object.entries(references)) {
        assert.deepEqual(reference, { kind: 'file', path: `config/credentials/${folder}/${name}` });
      }
    };
    for (const { name, credentials, tokens } of providers) {
      check(name, credentials);
      for (const { identity, customerCredentials } of tokens) {
        check(`${name}/${identity.customer ?? ''}`, customerCredentials);
      }
    }
  });
});
