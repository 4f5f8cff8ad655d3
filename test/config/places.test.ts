import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { configurationJsonSchema } from '../../src/config/json-schema.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { decideCadence } from '../../src/core/schedule/cadence.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { CUSTOMERS, PIVOT } from '../support/configuration-text.ts';
import { MEMORY } from '../support/memory-store-kind.ts';

const BOTH = { ...CATALOG, stores: [CATALOG.stores[0], MEMORY] } as const;
const PLACES = `stores:
  aws: { kind: aws-secrets-manager, region: ap-southeast-3 }
  fast: { kind: memory }
`;
const MIRRORED = `${PIVOT}${PLACES}publish: { to: aws, mirrors: [fast] }\n`;

function parseBoth(text: string) {
  return parseConfiguration(text, { ...BOTH, fileName: 'app.yaml' });
}

function configurationOf(text: string) {
  const parsed = parseBoth(text);
  assert.ok(parsed.ok, inspect(parsed, { depth: 5 }));
  return parsed.configuration;
}

function problemsOf(text: string): readonly string[] {
  const parsed = parseBoth(text);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}

function notesOf(text: string): readonly string[] {
  const parsed = parseBoth(text);
  assert.ok(parsed.ok, inspect(parsed, { depth: 5 }));
  return parsed.warnings.map(formatProblem).filter((note) => !note.includes('% of versionBudget'));
}

/** As often as one of 6 minutes is refreshed. */
const SHORT = PIVOT.replace('payments/pivot', 'pivot').replace(/$/, '    lifetime: 6m\n');

describe('a configuration with several places', () => {
  it('has each of them by name, and says where each provider publishes', () => {
    const { places, providers } = configurationOf(MIRRORED);
    assert.deepEqual(
      [...places].map(([name, place]) => [name, place.name, place.kind]),
      [
        ['aws', 'aws', 'aws-secrets-manager'],
        ['fast', 'fast', 'memory'],
      ],
    );
    assert.deepEqual(providers[0]?.publish, { to: 'aws', mirrors: ['fast'] });
  });

  it('calls the place of the short form by its kind, and publishes there', () => {
    const { places, providers } = configurationOf(`${PIVOT}store: { region: ap-southeast-3 }\n`);
    assert.deepEqual([...places.keys()], ['aws-secrets-manager']);
    assert.deepEqual(providers[0]?.publish, { to: 'aws-secrets-manager', mirrors: [] });
  });

  it('needs no publish where there is one place', () => {
    const text = `${PIVOT}stores: { main: { kind: aws-secrets-manager } }\n`;
    assert.deepEqual(configurationOf(text).providers[0]?.publish, { to: 'main', mirrors: [] });
  });

  it('lets a provider have places of its own, by their rules', () => {
    const text = `${SHORT}    places: { to: fast }\n${PLACES}publish: { to: aws, mirrors: [fast] }\n`;
    const [provider] = configurationOf(text).providers;
    assert.deepEqual([provider?.publish, provider?.versionBudget], [{ to: 'fast', mirrors: [] }, 'none']);
  });

  it('needs no publish for all where each provider has its own', () => {
    const text = `${PIVOT}    places: { to: aws, mirrors: [fast] }\n${PLACES}`;
    assert.deepEqual(configurationOf(text).providers[0]?.publish, { to: 'aws', mirrors: ['fast'] });
  });

  it('keeps the margin that the slowest of its places needs', () => {
    const slow = MIRRORED.replace('kind: memory', 'kind: memory, staleness: 2m');
    const { lifetimeMs, schedule } = configurationOf(slow).providers[0] ?? assert.fail();
    assert.equal(schedule.policy.stalenessMs, 120_000);
    assert.equal(decideCadence(lifetimeMs, schedule.policy).marginMs, 150_000);
  });

  it('lets a place be read faster than readers are elsewhere', () => {
    const text = `${PIVOT}    places: { to: fast }\nreaders: { staleness: 1h }\n${PLACES}`
      .replace('kind: memory', 'kind: memory, staleness: 10s')
      .replace('payments/pivot', 'pivot');
    assert.equal(configurationOf(text).providers[0]?.schedule.policy.stalenessMs, 10_000);
  });

  for (const [what, text, problems] of [
    [
      'a store beside them',
      `${MIRRORED}store: { region: ap-southeast-3 }\n`,
      ['app.yaml:11:1 store: conflicts with stores; remove one of them'],
    ],
    [
      'places of which none is chosen',
      `${PIVOT}${PLACES}`,
      ['app.yaml:1:1 publish: missing; allowed: { to: NAME, mirrors: [NAME] } with names of aws, fast'],
    ],
    [
      'names of places that are misspelt',
      MIRRORED.replace('to: aws, mirrors: [fast]', 'to: awss, mirrors: [fats]'),
      [
        'app.yaml:10:16 publish.to: found "awss", which is no place; allowed: aws, fast; did you mean "aws"?',
        'app.yaml:10:32 publish.mirrors[0]: found "fats", which is no place; allowed: aws, fast; did you mean "fast"?',
      ],
    ],
    [
      'a misspelt place of one provider',
      `${PIVOT}    places: { to: fasst }\n${PLACES}publish: { to: aws }\n`,
      [
        'app.yaml:7:19 providers[0].places.to: found "fasst", which is no place; allowed: aws, fast; did you mean "fast"?',
      ],
    ],
    [
      'a mirror that is the authority, or is named twice',
      MIRRORED.replace('[fast]', '[aws, fast, fast]'),
      [
        'app.yaml:10:31 publish.mirrors[0]: found "aws", which tokens are published to already; allowed: another place',
        'app.yaml:10:42 publish.mirrors[2]: found "fast", which is in the list already; allowed: another place',
      ],
    ],
    [
      'a place without a kind, of which nothing else is told',
      MIRRORED.replace('kind: memory', 'createSecrets: 7'),
      ['app.yaml:9:9 stores.fast.kind: missing; allowed: aws-secrets-manager, memory'],
    ],
    [
      'a kind that is misspelt, without what follows from another one',
      `${SHORT}${PLACES}publish: { to: fast }\n`.replace('kind: memory', 'kind: memori'),
      [
        'app.yaml:10:17 stores.fast.kind: found "memori"; allowed: aws-secrets-manager, memory; did you mean "memory"?',
      ],
    ],
    [
      'a setting of another kind',
      MIRRORED.replace('kind: memory', 'kind: memory, region: x'),
      [
        'app.yaml:9:25 stores.fast.region: unknown key; allowed: kind, address, createSecrets, tags, adopt, writesPerSecond, timeout, staleness',
      ],
    ],
    [
      'a name of a place that is no word',
      MIRRORED.replaceAll('fast', 'Fast One'),
      [
        'app.yaml:9:3 stores["Fast One"]: not a usable key; allowed: lower-case letters, digits and inner hyphens, at most 63',
      ],
    ],
    [
      'more places than eight',
      `${PIVOT}stores: { ${'abcdefghi'
        .split('')
        .map((name) => `${name}: { kind: memory }`)
        .join(', ')} }\npublish: { to: a }\n`.replace('payments/pivot', 'pivot'),
      ['app.yaml:7:9 stores: found a mapping; allowed: a mapping of names to places, 1 to 8 of them'],
    ],
    [
      'a mirror that is the authority by another name, whatever else is said of it',
      MIRRORED.replace(
        '  fast: { kind: memory }',
        '  fast: { kind: aws-secrets-manager, region: ap-southeast-3, tags: { team: payments } }',
      ),
      [
        'app.yaml:6:13 providers[0].secret: the token would be written to "payments/pivot" in fast, which is "payments/pivot" in aws, where the token of providers[0] is written; allowed: a secret of its own',
      ],
    ],
    [
      'no place at all',
      `${PIVOT}stores: {}\n`,
      ['app.yaml:7:9 stores: found a mapping; allowed: a mapping of names to places, 1 to 8 of them'],
    ],
    [
      'a name that the mirror cannot hold however it is changed',
      MIRRORED.replace('payments/pivot', 'payments/pivot_'),
      [
        'app.yaml:6:13 providers[0].secret: yields the name "payments-pivot-" in its mirror fast; allowed: lower-case letters, digits and inner hyphens',
      ],
    ],
    [
      'two tokens with one name in the mirror',
      MIRRORED.replace(
        'stores:',
        `${PIVOT.replace('providers:\n', '').replaceAll('pivot', 'pivot').replace('name: pivot', 'name: other').replace('payments/pivot', 'payments.pivot')}stores:`,
      ),
      [
        'app.yaml:11:13 providers[1].secret: the token would be written to "payments-pivot" in fast, where the token of providers[0] is written; allowed: a secret of its own',
      ],
    ],
    [
      'a token that is written too often for the place, with one that has no quota',
      `${SHORT}${PLACES}publish: { to: aws }\n`,
      [
        'app.yaml:7:15 providers[0].lifetime: a refresh every 5m 36s writes 257.1 versions a day into one secret; AWS asks for at most one ' +
          'write every 10m (144 a day), beyond that Secrets Manager runs into its version quota; ask the provider for a lifetime of at ' +
          'least 10m20s with a refreshAfter of at least 10m works, or versionBudget: none if the store has no such quota, or publish: { to: fast }, which has none',
      ],
    ],
    [
      'such a token whose mirror has the quota',
      `${SHORT}${PLACES}publish: { to: fast, mirrors: [aws] }\n`,
      [
        'app.yaml:11:32 publish.mirrors[0]: for provider "pivot": aws cannot be a mirror: a refresh every 5m 36s writes 257.1 versions a day ' +
          'into one secret; AWS asks for at most one write every 10m (144 a day), beyond that Secrets Manager runs into its version ' +
          'quota; leave it out for this provider',
      ],
    ],
    [
      'readers of a mirror that are too slow, at that mirror',
      MIRRORED.replace('kind: memory', 'kind: memory, staleness: 8m'),
      [
        'app.yaml:9:36 stores.fast.staleness: for provider "pivot": stores.fast.staleness 8m needs a margin of 8m30s, half or more of the ' +
          'lifetime of 15m; a staleness of at most 4m30s works',
      ],
    ],
  ] as const) {
    it(`is refused for ${what}`, () => {
      assert.deepEqual(problemsOf(text), problems);
    });
  }

  it('has each place named whose readers are too slow, so that who follows the message is done', () => {
    const text = MIRRORED.replace('kind: memory', 'kind: memory, staleness: 8m').replace(
      'region: ap-southeast-3',
      'staleness: 7m',
    );
    assert.deepEqual(
      problemsOf(text).map((problem) => problem.split(' ')[1]),
      ['stores.aws.staleness:', 'stores.fast.staleness:'],
    );
    assert.deepEqual(problemsOf(text.replace('8m', '4m30s').replace('7m', '4m30s')), []);
  });

  it('says that a place is not used', () => {
    const text = `${PIVOT}${PLACES}publish: { to: aws }\n`;
    assert.deepEqual(notesOf(text), [
      'app.yaml:9:3 stores.fast: nothing is published to "fast": no publish names it',
    ]);
    assert.deepEqual(notesOf(MIRRORED), []);
  });

  it('does not say so of the one that credentials are read from', () => {
    const text = `${PIVOT}${PLACES}publish: { to: fast }\n`.replace('payments/pivot', 'payments-pivot');
    const fromAws = text.replace(/\{ env: \w+ \}/, '{ awsSecret: pivot-credentials }');
    const idle = /stores\.aws: nothing is published to "aws"/;
    assert.match(notesOf(text).join('\n'), idle);
    assert.doesNotMatch(notesOf(fromAws).join('\n'), idle);
  });

  it('counts what is written to a mirror when it looks for idle adoptions', () => {
    const text = MIRRORED.replace('kind: memory', 'kind: memory, adopt: [payments-pivot, payments-pivott]');
    assert.deepEqual(notesOf(text), [
      'app.yaml:9:49 stores.fast.adopt[1]: nothing is written to "payments-pivott", so there is nothing to adopt; did you mean "payments-pivot"?',
    ]);
  });

  it('may read a credential from a secret whose name a token has in another place', () => {
    const text = `${PIVOT.replace('env: MERCHANT_SECRET', 'awsSecret: pivot').replace('payments/pivot', 'pivot')}${PLACES}`;
    assert.deepEqual(problemsOf(`${text}publish: { to: fast }\n`), []);
    assert.deepEqual(problemsOf(`${text}publish: { to: aws }\n`), [
      'app.yaml:5:72 providers[0].credentials.merchantSecret.awsSecret: a credential would be read from the secret that the token of ' +
        'providers[0] is written to; allowed: a secret of its own',
    ]);
  });

  it('keeps the refresh tokens of chains to the authority', () => {
    const text = CUSTOMERS.concat(
      PLACES,
      'publish: { to: aws, mirrors: [fast] }\njournal: { dir: journal }\n',
    );
    assert.deepEqual(notesOf(text), []);
  });

  it('is valid by the JSON Schema where the program takes it', () => {
    const schema: unknown = JSON.parse(JSON.stringify(configurationJsonSchema(BOTH)));
    assert.ok(typeof schema === 'object' && schema !== null);
    const isValid = new Ajv2020({ strict: false }).compile(schema);
    assert.equal(isValid(parse(MIRRORED)), true, inspect(isValid.errors));
    assert.equal(isValid(parse(MIRRORED.replace('kind: memory', 'region: x'))), false);
    assert.equal(isValid(parse(MIRRORED.replace('to: aws', 'at: aws'))), false);
  });
});
