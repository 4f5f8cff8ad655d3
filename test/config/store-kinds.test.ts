import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { configurationJsonSchema } from '../../src/config/json-schema.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { PIVOT } from '../support/configuration-text.ts';
import { MEMORY } from '../support/memory-store-kind.ts';

const BOTH = { ...CATALOG, stores: [CATALOG.stores[0], MEMORY] } as const;
const IN_MEMORY = 'store: { kind: memory }\n';
const VALID = PIVOT.replace('payments/pivot', 'payments-pivot') + IN_MEMORY;

function parseBoth(text: string) {
  return parseConfiguration(text, { ...BOTH, fileName: 'app.yaml' });
}

function configurationOf(text: string) {
  const parsed = parseBoth(text);
  assert.ok(parsed.ok, JSON.stringify(parsed));
  return parsed.configuration;
}

/** Of a configuration with one. */
function placeIn(text: string) {
  const [place, ...others] = configurationOf(text).places.values();
  assert.ok(place !== undefined && others.length === 0);
  return place;
}

function problemsOf(text: string): readonly string[] {
  const parsed = parseBoth(text);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

describe('a configuration', () => {
  it('has the store that it names, and the first where it names none', () => {
    assert.equal(placeIn(PIVOT).kind, 'aws-secrets-manager');
    const store = placeIn(VALID.replace('memory }', 'memory, address: "https://store.example.com/" }'));
    assert.equal(store.kind, 'memory');
    assert.equal(store.rules, MEMORY.rules);
    assert.equal(store.endpoint, 'https://store.example.com');
    assert.deepEqual([store.writesPerSecond, store.versionBudget], [500, 'none']);
  });

  it('hands its store the settings that only that store has', () => {
    const { settings } = placeIn(`${PIVOT}store: { kmsKeyId: alias/payments }\n`);
    assert.deepEqual(
      { ...settings, tags: undefined },
      {
        kmsKeyId: 'alias/payments',
        createSecrets: false,
        tags: undefined,
        adopt: [],
        versionBudget: 144,
        writesPerSecond: 40,
        timeout: 5000,
      },
    );
  });

  for (const [what, text, problems] of [
    [
      'a store that does not exist',
      `${PIVOT}store: { kind: memorry }\n`,
      [
        'app.yaml:7:16 store.kind: found "memorry"; allowed: aws-secrets-manager, memory; did you mean "memory"?',
      ],
    ],
    [
      "another store's setting",
      VALID.replace('memory }', 'memory, region: ap-southeast-3 }'),
      [
        'app.yaml:7:24 store.region: unknown key; allowed: kind, address, createSecrets, tags, adopt, writesPerSecond, timeout, staleness',
      ],
    ],
    [
      'a version budget where no versions are counted',
      VALID.replace('memory }', 'memory, versionBudget: 100 }'),
      [
        'app.yaml:7:24 store.versionBudget: unknown key; allowed: kind, address, createSecrets, tags, adopt, writesPerSecond, timeout, staleness',
      ],
    ],
    [
      'fewer writes than two publishes make',
      VALID.replace('memory }', 'memory, writesPerSecond: 1 }'),
      ['app.yaml:7:41 store.writesPerSecond: found 1; allowed: a whole number from 2 to 1000'],
    ],
    [
      'a name that the store does not take, with its usual slip',
      VALID.replace('payments-pivot', 'payments_pivot'),
      [
        'app.yaml:6:13 providers[0].secret: found "payments_pivot", with underscores; allowed: lower-case letters, digits and inner hyphens; did you mean "payments-pivot"?',
      ],
    ],
    [
      'such names where secrets are adopted and tagged',
      VALID.replace('memory }', 'memory, adopt: [A_B], tags: { Team: x } }'),
      [
        'app.yaml:7:32 store.adopt[0]: found "A_B", with underscores; allowed: lower-case letters, digits and inner hyphens; did you mean "A-B"?',
        'app.yaml:7:46 store.tags.Team: not a usable key; allowed: lower-case letters',
      ],
    ],
    [
      'a margin that is too short for one call of the store',
      VALID.replace(IN_MEMORY, `    lifetime: 1m\n    refreshAfter: 50s\n${IN_MEMORY}`),
      [
        'app.yaml:8:19 providers[0].refreshAfter: refreshAfter 50s leaves a margin of 10s, less than the 15s that the calls of a ' +
          'refresh may take (timeout 10s, and store.timeout 5s); a refreshAfter of at most 45s works',
      ],
    ],
  ] as const) {
    it(`is refused for ${what}`, () => {
      assert.deepEqual(problemsOf(text), problems);
    });
  }

  it('may write as often as it likes to a store without a quota', () => {
    const text = VALID.replace(IN_MEMORY, `    lifetime: 1m\n${IN_MEMORY}`);
    assert.equal(configurationOf(text).providers[0]?.versionBudget, 'none');
  });

  it('is valid by the JSON Schema of both stores where the program takes it', () => {
    const schema: unknown = JSON.parse(JSON.stringify(configurationJsonSchema(BOTH)));
    assert.ok(typeof schema === 'object' && schema !== null);
    const isValid = new Ajv2020({ strict: false }).compile(schema);
    assert.equal(isValid(parse(VALID)), true);
    assert.equal(isValid(parse(PIVOT)), true);
    assert.equal(isValid(parse(VALID.replace('memory }', 'memory, kmsKeyId: x }'))), false);
    assert.equal(isValid(parse(VALID.replace('kind: memory', 'kind: memorry'))), false);
  });
});
