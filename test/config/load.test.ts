import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { FileLanes } from '../../src/adapters/files/file-lanes.ts';
import type { Configuration } from '../../src/config/configuration.ts';
import { loadConfiguration, parseConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { readConfigurationFile } from '../../src/wiring/connections.ts';
import { APIMW, CUSTOMERS, PIVOT, parseText, problemsOf } from '../support/configuration-text.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { makePipe } from '../support/named-pipe.ts';

function configurationOf(text: string): Configuration {
  const parsed = parseText(text);
  assert.deepEqual(problemsOf(parsed), []);
  assert.ok(parsed.ok);
  return parsed.configuration;
}

describe('the journal', () => {
  for (const [dir, path] of [
    ['/run/token-refresher/journal', '/run/token-refresher/journal'],
    ['journal', '/etc/token-refresher/journal'],
  ] as const) {
    it(`is looked for in ${path} when dir is ${dir}`, () => {
      const fileName = '/etc/token-refresher/app.yaml';
      const parsed = parseConfiguration(`${PIVOT}journal: { dir: ${dir} }`, {
        fileName,
        ...CATALOG,
      });
      assert.ok(parsed.ok);
      assert.deepEqual(parsed.configuration.journal, { dir: path });
    });
  }

  it('is missed where refresh tokens would be lost without it, and only there', () => {
    const notesOf = (text: string) => {
      const parsed = parseText(text);
      assert.ok(parsed.ok);
      return parsed.warnings.map(formatProblem).filter((note) => note.includes('journal'));
    };
    assert.deepEqual(notesOf(`${CUSTOMERS}${APIMW}`), [
      'app.yaml:2:5 providers[0]: there is no journal: a refresh token that the store has not taken yet is lost when the ' +
        'program is killed, and the chain has to start again',
    ]);
    assert.deepEqual(notesOf(`${CUSTOMERS}    grant: authorization_code\n`), []);
    assert.deepEqual(notesOf(`${CUSTOMERS}journal: { dir: journal }`), []);
  });
});

describe('parseConfiguration', () => {
  it('fills in every default', () => {
    const { providers, places, ...rest } = configurationOf(PIVOT);
    const [store] = places.values();
    assert.ok(store !== undefined && places.size === 1);
    const { rules, settings: written, open: _open, objectOf: _objectOf, ...common } = store;
    assert.equal(rules, CATALOG.stores[0].rules);
    assert.equal('kmsKeyId' in written, false);
    assert.deepEqual(
      { ...rest, store: common },
      {
        folder: '.',
        store: {
          name: 'aws-secrets-manager',
          kind: 'aws-secrets-manager',
          stalenessMs: undefined,
          region: undefined,
          endpoint: undefined,
          createSecrets: false,
          tags: {},
          adopt: [],
          versionBudget: 144,
          writesPerSecond: 40,
          timeoutMs: 5000,
        },
        readers: { stalenessMs: 0 },
        coordination: { kind: 'none' },
        journal: undefined,
        alerts: {
          name: 'token-refresher',
          remindEveryMs: 14_400_000,
          runbookUrl: undefined,
          sinks: [],
          heartbeat: undefined,
        },
        http: { host: '::', port: 8080 },
        rejections: undefined,
        log: { level: 'info', format: 'auto' },
      },
    );
    const [provider] = providers;
    assert.ok(provider !== undefined && providers.length === 1);
    const { kind, configured, ...settings } = provider;
    assert.equal(kind.kind, 'pivot');
    assert.equal(configured.hasChain, false);
    assert.deepEqual(settings, {
      name: 'pivot',
      baseUrl: 'https://api.pivot-payment.com',
      credentials: {
        merchantId: { kind: 'env', name: 'MERCHANT_ID' },
        merchantSecret: { kind: 'env', name: 'MERCHANT_SECRET' },
      },
      tokens: [
        {
          identity: {
            token: 'pivot',
            provider: 'pivot',
            kind: 'pivot',
            customer: undefined,
            secret: 'payments/pivot',
          },
          customerCredentials: {},
          stateSecret: undefined,
        },
      ],
      discovery: undefined,
      schedule: {
        kind: 'derived',
        policy: { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0, versionBudget: 144 },
      },
      lifetimeMs: 900_000,
      minIntervalMs: 0,
      fetchBudget: undefined,
      timeoutMs: 10_000,
      concurrency: 4,
      versionBudget: 144,
      publish: { to: 'aws-secrets-manager', mirrors: [] },
    });
  });

  it('makes one token per customer, with secrets from the templates or their own', () => {
    const [provider] = configurationOf(
      `${CUSTOMERS}        secret: partners/budi\n        stateSecret: state/budi\n`,
    ).providers;
    assert.deepEqual(provider?.tokens, [
      {
        identity: {
          token: 'b2b2c/ayu',
          provider: 'b2b2c',
          kind: 'pivot-b2b2c',
          customer: 'ayu',
          secret: 'payments/ayu',
        },
        customerCredentials: { bindingId: { kind: 'env', name: 'AYU' } },
        stateSecret: 'token-refresher/state/payments/ayu',
      },
      {
        identity: {
          token: 'b2b2c/budi',
          provider: 'b2b2c',
          kind: 'pivot-b2b2c',
          customer: 'budi',
          secret: 'partners/budi',
        },
        customerCredentials: { bindingId: { kind: 'env', name: 'BUDI' } },
        stateSecret: 'state/budi',
      },
    ]);
  });

  it('leaves customers to be discovered, with the templates for their secrets', () => {
    const text = CUSTOMERS.replace(
      /customers:[^]*/,
      'customers: { discover: { tag: "app=a=b", every: 30s } }\n',
    );
    const [provider] = configurationOf(text).providers;
    assert.deepEqual(provider?.tokens, []);
    assert.deepEqual(provider.discovery, {
      tag: { key: 'app', value: 'a=b' },
      everyMs: 30_000,
      secret: 'payments/{customer}',
      stateSecret: 'token-refresher/state/payments/{customer}',
    });
    const plain = configurationOf(`${text}    grant: authorization_code\n`).providers[0];
    assert.equal(plain?.discovery?.stateSecret, undefined);
  });

  it('keeps the refresh token of a single token in a state secret of its own', () => {
    const [provider] = configurationOf(`providers:\n${APIMW}    useRefreshToken: true\n`).providers;
    assert.equal(provider?.tokens[0]?.stateSecret, 'token-refresher/state/payments/apimw');
    assert.equal(provider?.configured.hasChain, true);
  });

  it('honours a classic schedule whose gaps fit', () => {
    const [provider] = configurationOf(`${PIVOT}    schedule: "*/14 * * * *"\n`).providers;
    assert.deepEqual(provider?.schedule, {
      kind: 'classic',
      expression: '*/14 * * * *',
      gaps: { largestGapMs: 840_000, smallestGapMs: 240_000, firingsPerDay: 120 },
      policy: { refreshAfter: undefined, stalenessMs: 0, minIntervalMs: 0 },
    });
  });

  it('takes durations and fractions for refreshAfter', () => {
    const refreshAfter = (text: string) =>
      configurationOf(`${PIVOT}    refreshAfter: ${text}\n`).providers[0]?.schedule.policy.refreshAfter;
    assert.deepEqual(refreshAfter('12m30s'), { kind: 'duration', durationMs: 750_000 });
    assert.deepEqual(refreshAfter('0.9'), { kind: 'fraction', fraction: 0.9 });
  });

  it('allows any pace when the store has no version quota', () => {
    const text = `${PIVOT}    lifetime: 1m\nstore: { versionBudget: none }\n`;
    assert.equal(configurationOf(text).providers[0]?.versionBudget, 'none');
  });

  it('accepts a budget that the stretched pace can meet, and says by how much it is stretched', () => {
    const parsed = parseText(`${PIVOT}store: { versionBudget: 100 }\n`);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.warnings.map(formatProblem), [
      'app.yaml:7:25 store.versionBudget: for provider "pivot": a refresh every 14m writes 102.9 versions a day into ' +
        'one secret, 103 % of versionBudget 100; it is put off by up to 30s, to every 14m 30s, which writes 99.3',
    ]);
  });

  for (const [secret, length] of [
    ['payments-{customer}', 6],
    ['payments-b-x{customer}y', 4],
    ['payments/{customer}', undefined],
    ['payments-{customer}-token', undefined],
  ] as const) {
    it(`${length === undefined ? 'is content with' : 'notes which customers are refused by'} the template ${secret}`, () => {
      for (const text of [
        CUSTOMERS.replace('budi', 'someone'),
        CUSTOMERS.replace(/customers:[^]*/, 'customers: { discover: { tag: app=x } }\n'),
      ]) {
        const parsed = parseText(text.replace('payments/{customer}', secret));
        assert.ok(parsed.ok, problemsOf(parsed).join());
        const notes = parsed.warnings.map(formatProblem).filter((note) => note.includes('no customer whose'));
        assert.deepEqual(
          notes.map((note) => note.slice(0, 85)),
          length === undefined
            ? []
            : [
                `app.yaml:5:13 providers[0].secret: no customer whose name has ${length} characters can have a`,
              ],
        );
      }
    });
  }

  for (const [what, text, note] of [
    [
      'a versionBudget above what AWS asks for',
      'store: { versionBudget: 200 }\n',
      '7:25 store.versionBudget: 200 is more than the 144 versions a day that AWS asks for: warnings and put-off refreshes, which ' +
        'follow this number, may come after Secrets Manager has refused a write; at most 144 works, or none if the store has no such quota',
    ],
    [
      'a timeout that is longer than the margin',
      '    timeout: 2m\n',
      '7:14 providers[0].timeout: the schedule leaves a margin of 52s beyond half a tick of 15s, less than the 2m10s that the ' +
        'calls of a refresh may take (timeout 2m, and store.timeout 5s twice); a timeout of at most 42s works',
    ],
    [
      "a timeout that is longer than what readers' copies leave",
      '    timeout: 21s\nreaders: { staleness: 2m }\n',
      '7:14 providers[0].timeout: the schedule leaves a margin of 22s beyond readers.staleness 2m and half a tick of 15s, less than the ' +
        '31s that the calls of a refresh may take (timeout 21s, and store.timeout 5s twice); a timeout of at most 12s works',
    ],
    [
      "a timeout that is longer than what readers' copies leave when a refresh is half a tick late",
      '    timeout: 13s\nreaders: { staleness: 2m }\n',
      '7:14 providers[0].timeout: the schedule leaves a margin of 22s beyond readers.staleness 2m and half a tick of 15s, less than the ' +
        '23s that the calls of a refresh may take (timeout 13s, and store.timeout 5s twice); a timeout of at most 12s works',
    ],
  ] as const) {
    it(`notes ${what}`, () => {
      const parsed = parseText(PIVOT + text);
      assert.ok(parsed.ok);
      const notes = parsed.warnings.map(formatProblem).filter((each) => !each.includes('% of versionBudget'));
      assert.deepEqual(notes, [`app.yaml:${note}`]);
    });
  }

  it("lets a provider's version budget override the store's", () => {
    const text = `${PIVOT}    versionBudget: 110\nstore: { versionBudget: 100 }\n`;
    assert.equal(configurationOf(text).providers[0]?.versionBudget, 110);
  });

  it('reads a fetch budget, and says when it leaves little for retries', () => {
    const parsed = parseText(`${PIVOT}    fetchBudget: 107/day\n`);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.configuration.providers[0]?.fetchBudget, { calls: 107, window: 'day' });
    assert.ok(
      parsed.warnings
        .map(formatProblem)
        .includes(
          'app.yaml:7:18 providers[0].fetchBudget: one token refreshed every 14m needs up to 105 calls a day of fetchBudget ' +
            '107/day: 2 are left for retries and explicit refreshes',
        ),
    );
  });

  it('warns of a pace between the guidance and the cautious reading, and of an adoption of nothing', () => {
    const parsed = parseText(`${PIVOT}store: { adopt: [payments/pivto, payments/pivot] }\n`);
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.warnings.map(formatProblem), [
      'app.yaml:2:5 providers[0]: a refresh every 14m writes 102.9 versions a day into one secret, 71 % of ' +
        'versionBudget 144',
      'app.yaml:7:18 store.adopt[0]: nothing is written to "payments/pivto", so there is nothing to adopt; did you ' +
        'mean "payments/pivot"?',
    ]);
  });
});

describe('loadConfiguration', () => {
  const readFile = (path: string, mostBytes: number) =>
    readConfigurationFile(path, mostBytes, new FileLanes(new FakeClock()));

  it('reads a file and starts relative references from its folder', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'config-'));
    t.after(() => rm(folder, { recursive: true }));
    const path = join(folder, 'app.yaml');
    await writeFile(path, PIVOT.replace('{ env: MERCHANT_ID }', '{ file: keys/id }'));
    const parsed = await loadConfiguration(path, {
      ...CATALOG,
      readFile,
      env: { MERCHANT_SECRET: 'x' },
    });
    assert.ok(parsed.ok);
    assert.deepEqual(parsed.configuration.providers[0]?.credentials['merchantId'], {
      kind: 'file',
      path: join(folder, 'keys/id'),
    });
  });

  it('refuses what is not UTF-8, whose bytes would be sent as others', async () => {
    const bytes = Buffer.from(`${PIVOT.replace('secret: ', 'secret: caf\xe9/')}`, 'latin1');
    const parsed = await loadConfiguration('app.yaml', {
      ...CATALOG,
      readFile: () => Promise.resolve(bytes),
    });
    assert.deepEqual(problemsOf(parsed), [
      'app.yaml:6:16 found bytes that are not UTF-8; allowed: YAML, in UTF-8',
    ]);
  });

  it('takes a file that is missing or no file for a problem', async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'config-'));
    t.after(() => rm(folder, { recursive: true }));
    const missing = join(folder, 'missing.yaml');
    assert.deepEqual(problemsOf(await loadConfiguration(missing, { ...CATALOG, readFile })), [
      `${missing}: there is no such file`,
    ]);
    const directory = join(folder, 'app.yaml');
    await mkdir(directory);
    assert.deepEqual(problemsOf(await loadConfiguration(directory, { ...CATALOG, readFile })), [
      `${directory}: the file cannot be read (EISDIR: it is a folder)`,
    ]);
    const pipe = join(folder, 'pipe.yaml');
    makePipe(pipe);
    assert.deepEqual(problemsOf(await loadConfiguration(pipe, { ...CATALOG, readFile })), [
      `${pipe}: the file cannot be read (it is no regular file but a pipe, a device or a socket)`,
    ]);
  });
});
