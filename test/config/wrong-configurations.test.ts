import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { APIMW, CUSTOMERS, PIVOT, parseText, problemsOf } from '../support/configuration-text.ts';

const KIND_NAMES = 'a kind that ships (`presets` lists them), one of presets, or http, oauth2, snap';
const FORMS = '{ env: NAME }, { file: PATH } or { awsSecret: ID, key: NAME }';
const LITERAL = `a credential must not stand in this file; put it into an environment variable or a file and write ${FORMS}`;
const DURATION = 'a duration like 30s, 15m or 1h30m (units d, h, m, s, ms)';
const URL_FORM = 'an https URL without query, fragment and credentials (http for loopback hosts only)';
const SECRET_NAME =
  '1 to 512 of letters, digits and /_+=.@-, not ending in a hyphen and six characters ' +
  '(Secrets Manager adds such an end to the ARN)';
const TOP_LEVEL =
  'store, stores, publish, readers, coordination, journal, alerts, http, rejections, log, presets, providers';
const PIVOT_KEYS =
  'name, kind, baseUrl, credentials, secret, stateSecret, customers, refreshAfter, schedule, timeout, concurrency, places, versionBudget, ' +
  'minInterval, fetchBudget, lifetime, tls';

const TAG = 'KEY=VALUE of letters, digits, blanks and :_@/+.-';
/** Six lines. */
const DISCOVERED = CUSTOMERS.replace(/customers:[^]*/, 'customers: { discover: { tag: app=x } }\n');

interface Wrong {
  readonly what: string;
  readonly text: string;
  readonly problems: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const WRONG: readonly Wrong[] = [
  {
    what: 'an empty file',
    text: '',
    problems: ['app.yaml: the file is empty; allowed: YAML, in UTF-8'],
  },
  {
    what: 'a file without providers',
    text: 'log: { level: info }\n',
    problems: ['app.yaml:1:1 providers: missing; allowed: a list with at least one provider'],
  },
  {
    what: 'an empty list of providers',
    text: 'providers: []\n',
    problems: ['app.yaml:1:12 providers: found an empty list; allowed: a list with at least one provider'],
  },
  {
    what: 'a misspelt section',
    text: `${PIVOT}lgo: {}\n`,
    problems: [
      'app.yaml:7:1 lgo: unknown key; allowed: store, stores, publish, readers, coordination, journal, alerts, http, rejections, log, presets, providers; did you mean "log"?',
    ],
  },
  {
    what: 'a section without content',
    text: `${PIVOT}readers:\n`,
    problems: ['app.yaml:7:1 readers: found nothing; allowed: a mapping with staleness'],
  },
  {
    what: 'a misspelt option',
    text: `${PIVOT}    refreshAftr: 14m\n`,
    problems: [
      `app.yaml:7:5 providers[0].refreshAftr: unknown key; allowed: ${PIVOT_KEYS}; did you mean "refreshAfter"?`,
    ],
  },
  {
    what: 'a misspelt kind',
    text: PIVOT.replace('kind: pivot', 'kind: pivto'),
    problems: [
      `app.yaml:3:11 providers[0].kind: found "pivto"; allowed: ${KIND_NAMES}; did you mean "pivot"?`,
    ],
  },
  {
    what: 'a missing kind',
    text: PIVOT.replace('    kind: pivot\n', ''),
    problems: [`app.yaml:2:5 providers[0].kind: missing; allowed: ${KIND_NAMES}`],
  },
  {
    what: 'a misspelt value',
    text: `${PIVOT}log: { level: wran }\n`,
    problems: [
      'app.yaml:7:15 log.level: found "wran"; allowed: debug, info, warn, error; did you mean "warn"?',
    ],
  },
  {
    what: "a wrong value for a kind's own option",
    text: `providers:\n${APIMW}    useRefreshToken: yes\n`,
    problems: ['app.yaml:8:22 providers[0].useRefreshToken: found "yes"; allowed: true or false'],
  },
  {
    what: 'a duration without a unit',
    text: `${PIVOT}    timeout: 10\n`,
    problems: [
      `app.yaml:7:14 providers[0].timeout: found 10, a number without a unit; allowed: ${DURATION}, at least 100ms, at most 5m`,
    ],
  },
  {
    what: 'a duration out of range',
    text: `${PIVOT}store: { timeout: 2m }\n`,
    problems: [`app.yaml:7:19 store.timeout: found "2m"; allowed: ${DURATION}, at least 100ms, at most 1m`],
  },
  {
    what: 'a missing secret and a missing credential',
    text: PIVOT.replace(', merchantSecret: { env: MERCHANT_SECRET }', '').replace(
      '    secret: payments/pivot\n',
      '',
    ),
    problems: [
      `app.yaml:2:5 providers[0].secret: missing; allowed: ${SECRET_NAME}`,
      `app.yaml:5:7 providers[0].credentials.merchantSecret: missing; allowed: ${FORMS}`,
    ],
  },
  {
    what: 'a name that Secrets Manager takes for an ARN',
    text: PIVOT.replace('payments/pivot', 'payments/pivot-tokens'),
    problems: [
      `app.yaml:6:13 providers[0].secret: found "payments/pivot-tokens", which ends in a hyphen and six characters; allowed: ${SECRET_NAME}`,
    ],
  },
  {
    what: 'a literal credential',
    text: PIVOT.replace('{ env: MERCHANT_ID }', 'm-1234'),
    problems: [`app.yaml:5:21 providers[0].credentials.merchantId: ${LITERAL}`],
  },
  {
    what: 'a credential from two places',
    text: PIVOT.replace('{ env: MERCHANT_ID }', '{ env: A, file: b }'),
    problems: [
      `app.yaml:5:21 providers[0].credentials.merchantId: found env and file, which exclude each other; allowed: one of ${FORMS}`,
    ],
  },
  {
    what: 'an environment variable that is not set, and one that is empty',
    text: PIVOT,
    env: { MERCHANT_SECRET: '' },
    problems: [
      'app.yaml:5:28 providers[0].credentials.merchantId.env: environment variable MERCHANT_ID is not set',
      'app.yaml:5:66 providers[0].credentials.merchantSecret.env: environment variable MERCHANT_SECRET is empty',
    ],
  },
  {
    what: 'plain http to another host',
    text: `${PIVOT}    baseUrl: http://api.example.com\nstore: { endpoint: "http://10.0.0.1:4566" }\n`,
    problems: [
      `app.yaml:7:14 providers[0].baseUrl: found "http://api.example.com", which is http to another host than this one; allowed: ${URL_FORM}`,
      `app.yaml:8:20 store.endpoint: found "http://10.0.0.1:4566", which is http to another host than this one; allowed: ${URL_FORM}`,
    ],
  },
  {
    what: 'a kind without a public address and no baseUrl',
    text: `providers:
  - name: pik
    kind: pik
    credentials: { appId: { env: A }, appSecret: { env: B } }
    secret: payments/pik
`,
    problems: [`app.yaml:2:5 providers[0].baseUrl: missing; allowed: ${URL_FORM}`],
  },
  {
    what: 'two providers of one name that write one secret',
    text: PIVOT + APIMW.replace('name: apimw', 'name: pivot').replace('payments/apimw', 'payments/pivot'),
    problems: [
      'app.yaml:7:11 providers[1].name: found "pivot", the name of providers[0] too; allowed: a unique name',
      'app.yaml:12:13 providers[1].secret: the token would be written to "payments/pivot", where the token of ' +
        'providers[0] is written; allowed: a secret of its own',
    ],
  },
  {
    what: 'a refresh token in the secret of a token',
    text: `${PIVOT}${APIMW}    useRefreshToken: true\n    stateSecret: payments/pivot\n`,
    problems: [
      'app.yaml:14:18 providers[1].stateSecret: the refresh token would be written to "payments/pivot", where the ' +
        'token of providers[0] is written; allowed: a secret of its own',
    ],
  },
  {
    what: 'a credential in the secret of a token',
    text: PIVOT.replace(
      '{ env: MERCHANT_ID }',
      '{ awsSecret: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:payments/pivot-AbCdEf" }',
    ),
    problems: [
      'app.yaml:5:34 providers[0].credentials.merchantId.awsSecret: a credential would be read from the secret that ' +
        'the token of providers[0] is written to; allowed: a secret of its own',
    ],
  },
  {
    what: 'a state secret where there is no refresh token',
    text: `providers:\n${APIMW}    stateSecret: state/apimw\n`,
    problems: [
      'app.yaml:8:5 providers[0].stateSecret: kind apimw keeps no refresh token with these options, so there is ' +
        'nothing to put there',
    ],
  },
  {
    what: 'a refresh that comes too late',
    text: `${PIVOT}    refreshAfter: 15m\n`,
    problems: [
      'app.yaml:7:19 providers[0].refreshAfter: refreshAfter 15m is not before the end of a lifetime of 15m; a ' +
        'refreshAfter of at most 14m40s works',
    ],
  },
  {
    what: 'a refresh that comes far too early',
    text: `${PIVOT}    refreshAfter: 7m\n`,
    problems: [
      'app.yaml:7:19 providers[0].refreshAfter: refreshAfter 7m leaves a margin of 8m, half or more of the ' +
        'lifetime of 15m; a refreshAfter of at least 10m works',
    ],
  },
  {
    what: 'a fraction out of range',
    text: `${PIVOT}    refreshAfter: 0.3\n`,
    problems: [
      `app.yaml:7:19 providers[0].refreshAfter: found 0.3; allowed: ${DURATION}, or a fraction from 0.5 to 0.99`,
    ],
  },
  {
    what: 'a staleness that the lifetime cannot bear',
    text: `${PIVOT}readers: { staleness: 10m }\n`,
    problems: [
      'app.yaml:7:23 readers.staleness: for provider "pivot": readers.staleness 10m needs a margin of 10m30s, half ' +
        'or more of the lifetime of 15m; a staleness of at most 4m30s works',
    ],
  },
  {
    what: 'a staleness that makes more versions than AWS allows',
    text: `${PIVOT}readers: { staleness: 5m }\n`,
    problems: [
      'app.yaml:7:23 readers.staleness: for provider "pivot": with readers.staleness 5m a refresh every 9m 30s writes ' +
        '151.6 versions a day into one secret; AWS asks for at most one write every 10m (144 a day), beyond that ' +
        'Secrets Manager runs into its version quota; a staleness of at most 4m30s works, or versionBudget: none if the ' +
        'store has no such quota, or a place of kind kubernetes-secret, which has none',
    ],
  },
  {
    what: 'a staleness that several providers cannot bear: the strictest is told',
    text: `${PIVOT}${APIMW.replace('payments/apimw', 'payments/apimw\n    lifetime: 12m')}readers: { staleness: 5m }\n`,
    problems: [
      'app.yaml:14:23 readers.staleness: for provider "apimw": with readers.staleness 5m a refresh every 6m 30s writes ' +
        '221.5 versions a day into one secret; AWS asks for at most one write every 10m (144 a day), beyond that ' +
        'Secrets Manager runs into its version quota; a staleness of at most 1m30s works, or versionBudget: none if the ' +
        'store has no such quota, or a place of kind kubernetes-secret, which has none',
    ],
  },
  {
    what: 'a refresh that leaves less time than its calls may take',
    text: `${PIVOT}    refreshAfter: 14m59s\n`,
    problems: [
      'app.yaml:7:19 providers[0].refreshAfter: refreshAfter 14m59s leaves a margin of 1s, less than the 20s that the ' +
        'calls of a refresh may take (timeout 10s, and store.timeout 5s twice); a refreshAfter of at most 14m40s works',
    ],
  },
  {
    what: 'an interval that the lifetime cannot bear',
    text: `${PIVOT}    minInterval: 20m\n`,
    problems: [
      'app.yaml:7:18 providers[0].minInterval: a refresh is due every 14m, sooner than minInterval 20m; a ' +
        'minInterval of at most 14m works',
    ],
  },
  {
    what: "a pace under AWS's guidance",
    text: `${PIVOT}    lifetime: 10m\n`,
    problems: [
      'app.yaml:7:15 providers[0].lifetime: a refresh every 9m 20s writes 154.3 versions a day into one secret; AWS ' +
        'asks for at most one write every 10m (144 a day), beyond that Secrets Manager runs into its version quota; ' +
        'ask the provider for a lifetime of at least 10m20s with a refreshAfter of at least 10m works, or versionBudget: none ' +
        'if the store has no such quota, or a place of kind kubernetes-secret, which has none',
    ],
  },
  {
    what: 'a pace over the budget, however far refreshes are put off',
    text: `${PIVOT}store: { versionBudget: 99 }\n`,
    problems: [
      'app.yaml:7:25 store.versionBudget: for provider "pivot": a refresh every 14m writes 102.9 versions a day ' +
        'into one secret, and delayed as far as readers allow, to every 14m 30s, still 99.3, more than versionBudget ' +
        '99; a versionBudget of at least 100 works',
    ],
  },
  {
    what: 'a pace over the budget that stale readers do not let be put off',
    text: `${PIVOT}readers: { staleness: 2m }\nstore: { versionBudget: 110 }\n`,
    problems: [
      'app.yaml:8:25 store.versionBudget: for provider "pivot": a refresh every 12m 30s writes 115.2 versions a day ' +
        'into one secret, more than versionBudget 110; a versionBudget of at least 116 works',
    ],
  },
  {
    what: 'a schedule over the budget',
    text: `${PIVOT}    schedule: "*/14 * * * *"\nstore: { versionBudget: 110 }\n`,
    problems: [
      'app.yaml:8:25 store.versionBudget: for provider "pivot": a refresh every 12m writes 120 versions a day ' +
        'into one secret, more than versionBudget 110; a versionBudget of at least 120 works',
    ],
  },
  {
    what: 'a schedule with gaps that are too large',
    text: `${PIVOT}    schedule: "*/20 * * * *"\n`,
    problems: [
      'app.yaml:7:15 providers[0].schedule: "*/20 * * * *" leaves up to 20m between two refreshes, but a token ' +
        'that lives 15m must be refreshed every 14m; leave schedule out (it is then refreshed every 14m) or use ' +
        '"*/12 * * * *"',
    ],
  },
  {
    what: 'a schedule beside refreshAfter',
    text: `${PIVOT}    schedule: "*/12 * * * *"\n    refreshAfter: 14m\n`,
    problems: ['app.yaml:7:5 providers[0].schedule: conflicts with refreshAfter; remove one of them'],
  },
  {
    what: 'a schedule that is none',
    text: `${PIVOT}    schedule: 14m\n`,
    problems: [
      'app.yaml:7:15 providers[0].schedule: found "14m"; allowed: a cron expression of five or six fields, in UTC ' +
        '(expression: expected 5 or 6 fields but got 1)',
    ],
  },
  {
    what: 'a schedule without quotes, which YAML takes for an alias',
    text: `${PIVOT}    schedule: */14 * * * *\n`,
    problems: [
      'app.yaml:7:15 a value that begins with * is an alias, and there is no anchor of that name; put a cron ' +
        'expression in quotes: "*/14 * * * *"',
    ],
  },
  {
    what: 'one secret for several customers',
    text: CUSTOMERS.replace('/{customer}', '/shared'),
    problems: [
      'app.yaml:5:13 providers[0].secret: found "payments/shared" for several tokens; allowed: a name with {customer} ' +
        'in it, or one for each customer',
    ],
  },
  {
    what: 'no secret for a customer',
    text: CUSTOMERS.replace('    secret: payments/{customer}\n', ''),
    problems: [
      'app.yaml:2:5 providers[0].secret: missing; allowed: a name with {customer} in it, or one for each customer',
    ],
  },
  {
    what: 'one state secret for several customers',
    text: `${CUSTOMERS}    stateSecret: state/shared\n`,
    problems: [
      'app.yaml:11:18 providers[0].stateSecret: found "state/shared" for several tokens; allowed: a name with ' +
        '{customer} in it, or one for each customer',
    ],
  },
  {
    what: 'a customer twice',
    text: CUSTOMERS.replace('budi', 'ayu'),
    problems: [
      'app.yaml:9:15 providers[0].customers[1].name: found "ayu", the name of customers[0] too; allowed: a unique name',
    ],
  },
  {
    what: "a customer's secret that is another customer's already",
    text: `${CUSTOMERS}        secret: payments/ayu\n`,
    problems: [
      'app.yaml:11:17 providers[0].customers[1].secret: the token would be written to "payments/ayu", where the token ' +
        'of providers[0] is written; allowed: a secret of its own',
    ],
  },
  {
    what: 'a template that yields a name which Secrets Manager takes for an ARN',
    text: CUSTOMERS.replace('payments/{customer}', 'payments-{customer}').replace('budi', 'wahyu1'),
    problems: [
      `app.yaml:5:13 providers[0].secret: yields the name "payments-wahyu1"; allowed: ${SECRET_NAME}`,
    ],
  },
  ...(
    [
      [
        'neither customers nor how to find them',
        'customers: soon',
        '16 providers[0].customers: found a string; allowed: a list with at least one customer, or { discover: { tag: KEY=VALUE } }',
      ],
      [
        'customers by name instead of a list',
        'customers: { ayu: { bindingId: { env: AYU } } }',
        '16 providers[0].customers: found a mapping; allowed: a list with at least one customer, or { discover: { tag: KEY=VALUE } }',
      ],
      [
        'a discovery without a tag',
        'customers: { discover: {} }',
        `28 providers[0].customers.discover.tag: missing; allowed: ${TAG}`,
      ],
      [
        'a tag without a value',
        'customers: { discover: { tag: app } }',
        `35 providers[0].customers.discover.tag: found "app"; allowed: ${TAG}`,
      ],
      [
        'an interval that is too short',
        'customers: { discover: { tag: app=x, every: 5s } }',
        `49 providers[0].customers.discover.every: found "5s"; allowed: ${DURATION}, at least 10s, at most 1d`,
      ],
      [
        'a misspelt discovery',
        'customers: { discover: { tag: app=x, evry: 1m } }',
        '42 providers[0].customers.discover.evry: unknown key; allowed: tag, every; did you mean "every"?',
      ],
      [
        "the daemon's own tag",
        'customers: { discover: { tag: managed-by=token-refresher } }',
        '35 providers[0].customers.discover.tag: found "managed-by=token-refresher"; allowed: another tag than the daemon\'s own',
      ],
    ] as const
  ).map(([what, customers, problem]) => ({
    what,
    text: CUSTOMERS.replace(/customers:[^]*/, `${customers}\n`),
    problems: [`app.yaml:6:${problem}`],
  })),
  {
    what: 'a tag that the secrets of tokens get too',
    text: `store: { tags: { app: x } }\n${DISCOVERED}`,
    problems: [
      'app.yaml:7:35 providers[0].customers.discover.tag: found "app=x", which store.tags puts on the secrets of tokens ' +
        'too; allowed: a tag that bindings alone have',
    ],
  },
  {
    what: 'one secret for all customers that are discovered',
    text: DISCOVERED.replace('/{customer}', '/shared'),
    problems: [
      'app.yaml:5:13 providers[0].secret: found "payments/shared" for several tokens; allowed: a name with {customer} ' +
        'in it, or one for each customer',
    ],
  },
  {
    what: 'no secret for customers that are discovered',
    text: DISCOVERED.replace('    secret: payments/{customer}\n', ''),
    problems: [
      'app.yaml:2:5 providers[0].secret: missing; allowed: a name with {customer} in it, or one for each customer',
    ],
  },
  {
    what: 'two discoveries that would write to the same secrets',
    text: DISCOVERED + DISCOVERED.replace('providers:\n', '').replace('b2b2c', 'other'),
    problems: [
      'app.yaml:10:13 providers[1].secret: the token would be written to "payments/{customer}", where the token of ' +
        'providers[0] is written; allowed: a secret of its own',
    ],
  },
  {
    what: 'customers that are none',
    text: `${PIVOT}    customers: []\n`,
    problems: [
      'app.yaml:7:16 providers[0].customers: found an empty list; allowed: a list with at least one customer',
    ],
  },
  {
    what: "tags of AWS's own",
    text: `${PIVOT}store:\n  tags:\n    aws:owner: me\n    team: payments\n`,
    problems: [
      'app.yaml:9:5 store.tags["aws:owner"]: not a usable key; allowed: 1 to 128 characters, not beginning with aws:',
    ],
  },
  {
    what: 'a placeholder that was not filled in, which YAML takes for a mapping whose key is a mapping',
    text: PIVOT.replace('name: pivot', 'name: {{ name }}'),
    problems: ['app.yaml:2:12 a key must be plain text'],
  },
  {
    what: 'a key that is a mapping, and one that is a list of them',
    text: `? { a: 1 }\n: x\n? [{ a: 1 }]\n: y\n${PIVOT}`,
    problems: ['app.yaml:1:3 a key must be plain text', 'app.yaml:3:3 a key must be plain text'],
  },
  {
    what: 'a key that stands twice',
    text: `${PIVOT}    timeout: 1s\n    timeout: 2s\n`,
    problems: ['app.yaml:8:5 this key stands here twice'],
  },
  {
    what: 'a second document',
    text: `${PIVOT}---\nlog: {}\n`,
    problems: ['app.yaml:7:1 a second document begins here; the file must hold one'],
  },
  {
    what: 'an ARN in the place of a name',
    text: PIVOT.replace(
      'payments/pivot',
      'arn:aws:secretsmanager:eu-west-1:123456789012:secret:pay/pivot-AbCdEf',
    ),
    problems: [
      `app.yaml:6:13 providers[0].secret: found a string of 69 characters, an ARN in the place of a name; allowed: ${SECRET_NAME}; did you mean "pay/pivot"?`,
    ],
  },
  ...(
    [
      ['15', 'found 15, a number without a unit', ''],
      ['15 m', 'found "15 m", which is written otherwise', '; did you mean "15m"?'],
      ['15min', 'found "15min", which is written otherwise', '; did you mean "15m"?'],
      ['1h30', 'found "1h30", which is written otherwise', '; did you mean "1h30m"?'],
      ['15M', 'found "15M", which is written otherwise', '; did you mean "15m"?'],
      ['-5m', 'found "-5m"', ''],
    ] as const
  ).map(([lifetime, found, meant]) => ({
    what: `a lifetime of ${lifetime}`,
    text: `${PIVOT}    lifetime: ${lifetime}\n`,
    problems: [`app.yaml:7:15 providers[0].lifetime: ${found}; allowed: ${DURATION}, at least 10s${meant}`],
  })),
  ...(
    [
      ['api.example.com', 'found "api.example.com", which does not begin with https://'],
      ['https://a.example.com/?x=1', 'found a string of 26 characters, which has a query'],
      ['https://u:p@a.example.com', 'found a string of 25 characters, which has credentials in it'],
      ['ftp://a.example.com', 'found "ftp://a.example.com", which is no https URL'],
    ] as const
  ).map(([baseUrl, found]) => ({
    what: `a baseUrl that is none: ${found}`,
    text: `${PIVOT}    baseUrl: ${baseUrl}\n`,
    problems: [`app.yaml:7:14 providers[0].baseUrl: ${found}; allowed: ${URL_FORM}`],
  })),
  {
    what: 'a number in quotes',
    text: `${PIVOT}    concurrency: "4"\n`,
    problems: [
      'app.yaml:7:18 providers[0].concurrency: found "4", a text in quotes; allowed: a whole number from 1 to 64; did you mean "4"?',
    ],
  },
  {
    what: 'a merge key',
    text: PIVOT.replace('    kind: pivot\n', '    kind: pivot\n    <<: { timeout: 1s }\n'),
    problems: [
      `app.yaml:4:5 providers[0]["<<"]: merge keys are not supported; give the whole value by an alias; allowed: ${PIVOT_KEYS}`,
    ],
  },
  {
    what: 'a merge key that was to bring the kind',
    text: PIVOT.replace('    kind: pivot\n', '    <<: { kind: pivot }\n'),
    problems: [
      `app.yaml:2:5 providers[0].kind: missing; allowed: ${KIND_NAMES}`,
      'app.yaml:3:5 providers[0]["<<"]: merge keys are not supported; give the whole value by an alias',
    ],
  },
  {
    what: 'a merge key among credentials, where unknown keys are not shown',
    text: PIVOT.replace('{ merchantId', '{ <<: {}, merchantId'),
    problems: [
      'app.yaml:5:9 providers[0].credentials["<<"]: merge keys are not supported; give the whole value by an alias; allowed: merchantId, merchantSecret',
    ],
  },
  {
    what: 'a line that is indented less than its neighbours',
    text: PIVOT.replace('    secret', '   secret'),
    problems: [
      'app.yaml:6:1 a quote, bracket, colon or comma is missing, or the line is indented less than its neighbours',
    ],
  },
  {
    what: 'a line that is indented more than its neighbours',
    text: PIVOT.replace('    secret', '      secret'),
    problems: [
      'app.yaml:6:1 wrong indentation: the line begins too far left or right for its place; or a bracket above is not closed',
    ],
  },
  {
    what: 'a file in UTF-16',
    text: Buffer.from(PIVOT, 'utf16le').toString('utf8'),
    problems: ['app.yaml:1:2 found a NUL: the file is binary, or in UTF-16; allowed: YAML, in UTF-8'],
  },
  {
    what: 'a NUL in the middle of a file',
    text: PIVOT.replace('secret: ', 'secret: \0'),
    problems: ['app.yaml:6:13 found a NUL: the file is binary, or in UTF-16; allowed: YAML, in UTF-8'],
  },
  {
    what: 'lines that end in CR alone',
    text: `${PIVOT}lgo: {}\n`.replaceAll('\n', '\r'),
    problems: [
      'app.yaml:7:1 lgo: unknown key; allowed: store, stores, publish, readers, coordination, journal, alerts, http, rejections, log, presets, providers; did you mean "log"?',
    ],
  },
  {
    what: 'lines that end in each of CR, LF and both, after a comment that a CR ends',
    text: `# comment\r${PIVOT.replace('\n', '\r\n')}lgo: {}\n`,
    problems: [
      'app.yaml:8:1 lgo: unknown key; allowed: store, stores, publish, readers, coordination, journal, alerts, http, rejections, log, presets, providers; did you mean "log"?',
    ],
  },
  ...['\x85', '\u2028', '\u2029'].map((end) => ({
    what: `a line that ends in ${JSON.stringify(end)}`,
    text: `a: b${end}c: d\n${PIVOT}`,
    problems: [
      'app.yaml:1:5 a character that looks like the end of a line and is none (NEL, U+2028 or U+2029); end the line here',
    ],
  })),
  {
    what: 'two sinks of one kind without names',
    text: `${PIVOT}alerts:\n  sinks:\n    - { kind: slack, url: { env: A } }\n    - { kind: slack, url: { env: B } }\n`,
    problems: [
      'app.yaml:10:7 alerts.sinks[1].name: found "slack", written or by default, the name of sinks[0] too; allowed: a unique name',
    ],
  },
  {
    what: 'a credential from no place, and a key of no secret',
    text: PIVOT.replace('{ env: MERCHANT_ID }', '{ }').replace(
      '{ env: MERCHANT_SECRET }',
      '{ env: A, key: b }',
    ),
    problems: [
      `app.yaml:5:21 providers[0].credentials.merchantId: found a mapping that names no place; allowed: one of ${FORMS}`,
      `app.yaml:5:42 providers[0].credentials.merchantSecret: found key, and no awsSecret that it could be a key of; allowed: one of ${FORMS}`,
    ],
  },
  ...['1000', '0/day', '1000/week', '1.5/hour', '1000 / day'].map((wrong) => ({
    what: `a fetchBudget of ${wrong}`,
    text: `${PIVOT}    fetchBudget: "${wrong}"\n`,
    problems: [
      `app.yaml:7:18 providers[0].fetchBudget: found "${wrong}"; allowed: calls in a window of time: 1000/day, 60/hour or 5/minute`,
    ],
  })),
  {
    what: 'a fetchBudget that is a number',
    text: `${PIVOT}    fetchBudget: 1000\n`,
    problems: [
      'app.yaml:7:18 providers[0].fetchBudget: found 1000; allowed: calls in a window of time: 1000/day, 60/hour or 5/minute',
    ],
  },
  {
    what: 'a fetchBudget that the cadence of its token needs more than',
    text: `${PIVOT}    fetchBudget: 100/day\n`,
    problems: [
      'app.yaml:7:18 providers[0].fetchBudget: one token refreshed every 14m needs up to 105 calls a day, more than fetchBudget ' +
        '100/day; a fetchBudget of at least 105/day works, if the provider allows that',
    ],
  },
  {
    what: 'a fetchBudget that all tokens together need more than',
    text: CUSTOMERS.replace('    secret:', '    fetchBudget: 9/hour\n    secret:'),
    problems: [
      'app.yaml:5:18 providers[0].fetchBudget: 2 tokens refreshed every 14m need up to 10 calls an hour, more than fetchBudget ' +
        '9/hour; a fetchBudget of at least 10/hour works, if the provider allows that',
    ],
  },
  {
    what: 'a fetchBudget that the firings of a cron expression need more than',
    text: `${PIVOT}    schedule: "*/10 * * * *"\n    fetchBudget: 146/day\n`,
    problems: [
      'app.yaml:8:18 providers[0].fetchBudget: one token refreshed every 10m needs up to 147 calls a day, more than fetchBudget ' +
        '146/day; a fetchBudget of at least 147/day works, if the provider allows that',
    ],
  },
  {
    what: 'a pace of writes that is too slow for one publish',
    text: `${PIVOT}store: { writesPerSecond: 3 }\n`,
    problems: ['app.yaml:7:27 store.writesPerSecond: found 3; allowed: a whole number from 4 to 1000'],
  },
  {
    what: 'tags of YAML',
    text: `${PIVOT}log:\n  level: !secret info\n  format: !!binary auto\nhttp: { host: !!str 127.0.0.1 }\nstore: !mine\n  tags: !!set {}\n`,
    problems: ['8:10', '9:11', '11:8', '12:9'].map((place) => `app.yaml:${place} tags (!…) are not allowed`),
  },
  {
    what: 'indentation with tabs',
    text: 'providers:\n\t- name: pivot\n',
    problems: ['app.yaml:2:1 indented with a tab; use spaces'],
  },
  {
    what: 'indentation with spaces that do not break, as copied from a page',
    text: PIVOT.replace('    kind', '\u00a0\u00a0  kind'),
    problems: [
      'app.yaml:3:11 indented with a character that looks like a space and is none; use spaces',
      'app.yaml:6:1 wrong indentation: the line begins too far left or right for its place; or a bracket above is not closed',
    ],
  },
  {
    what: 'a name and keys with characters that nobody sees',
    text: `${PIVOT.replace('name: pivot', 'name: pi\u200bvot')}h\u{e0061}ttp: {}\n\u202elog: {}\n`,
    problems: [
      'app.yaml:2:11 providers[0].name: found "pi\\u200bvot"; allowed: lower-case letters, digits and inner hyphens, at most 63',
      `app.yaml:7:1 ["h\\udb40\\udc61ttp"]: unknown key; allowed: ${TOP_LEVEL}; did you mean "http"?`,
      `app.yaml:8:1 ["\\u202elog"]: unknown key; allowed: ${TOP_LEVEL}; did you mean "log"?`,
    ],
  },
];

describe('Bad input is refused clearly: a wrong configuration', () => {
  for (const { what, text, problems, env } of WRONG) {
    it(`is refused for ${what}`, () => {
      assert.deepEqual(problemsOf(parseText(text, env)), problems);
    });
  }

  it('tells its five mistakes at once, in the order of the file', () => {
    const text = `log: { level: loud }
providers:
  - name: pivot
    kind: pivot
    credentials: { merchantId: { env: ID }, merchantSecret: hunter2 }
    secret: payments/pivot
    schedule: "*/20 * * * *"
  - name: pivot
    kind: apimw
    credentials: { apiKey: { env: KEY }, apiSecret: { env: SECRET } }
    secret: payments/apimw
    tiemout: 5s
`;
    assert.deepEqual(
      problemsOf(parseText(text)).map((problem) => problem.split(':').slice(1, 4).join(':')),
      [
        '1:15 log.level: found "loud"; allowed',
        '5:61 providers[0].credentials.merchantSecret: a credential must not stand in this file; put it into an ' +
          'environment variable or a file and write { env',
        '7:15 providers[0].schedule: "*/20 * * * *" leaves up to 20m between two refreshes, but a token that lives ' +
          '15m must be refreshed every 14m; leave schedule out (it is then refreshed every 14m) or use "*/12 * * * *"',
        '8:11 providers[1].name: found "pivot", the name of providers[0] too; allowed',
        '12:5 providers[1].tiemout: unknown key; allowed',
      ],
    );
  });

  it('does not take a setting that is wrong for its default', () => {
    // With the default lifetime of 15 minutes this refreshAfter would be told to be too late as well.
    const text = `${PIVOT}    lifetime: 1 hour\n    refreshAfter: 50m\n`;
    assert.deepEqual(problemsOf(parseText(text)), [
      `app.yaml:7:15 providers[0].lifetime: found "1 hour", which is written otherwise; allowed: ${DURATION}, at least 10s; did you mean "1h"?`,
    ]);
  });

  it('allows anchors and aliases, and points into the anchor', () => {
    const text = `providers:
  - name: one
    kind: pivot
    credentials: &shared { merchantId: { env: ID }, merchantSecret: { enw: SECRET } }
    secret: payments/one
  - { name: two, kind: pivot, credentials: *shared, secret: payments/two }
`;
    const unknown = 'unknown key; allowed: env, file, awsSecret, key; did you mean "env"?';
    assert.deepEqual(problemsOf(parseText(text)), [
      `app.yaml:4:71 providers[0].credentials.merchantSecret.enw: ${unknown}`,
      `app.yaml:4:71 providers[1].credentials.merchantSecret.enw: ${unknown}`,
    ]);
  });

  it('stops aliases that multiply', () => {
    const lines = Array.from({ length: 12 }, (_, level) =>
      level === 0
        ? 'a0: &a0 [x, x]'
        : `a${level}: &a${level} [${Array(9)
            .fill(`*a${level - 1}`)
            .join(', ')}]`,
    );
    assert.deepEqual(problemsOf(parseText(lines.join('\n'))), [
      'app.yaml:7:30 aliases multiply into too many values',
    ]);
  });

  it('allows thousands of aliases', () => {
    const customers = Array.from(
      { length: 4000 },
      (_, index) => `      - { name: c${index}, bindingId: *binding }\n`,
    );
    const [head = ''] = CUSTOMERS.split('      - name: ayu');
    const parsed = parseText(
      `${head}      - { name: first, bindingId: &binding { env: BINDING } }\n${customers.join('')}`,
    );
    assert.ok(parsed.ok);
    assert.equal(parsed.configuration.providers[0]?.tokens.length, 4001);
  });

  it('is refused for an alias inside of what it stands for', () => {
    assert.deepEqual(problemsOf(parseText('store: &store\n  tags: { a: *store }\n')), [
      'app.yaml:2:14 an alias stands inside of what it stands for',
    ]);
  });
});
