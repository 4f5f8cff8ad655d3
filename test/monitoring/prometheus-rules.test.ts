import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { METRICS } from '../../src/adapters/prometheus/metric-list.ts';
import { ALERT_NAMES, ALERTS } from '../../src/core/alert.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import { needsTool } from '../support/monitoring-tool.ts';
import { PROJECT } from '../support/program-process.ts';
import { ALERT_RULES, EXPRESSIONS, RECORDED, RULE_FILE } from '../support/prometheus-rules.ts';

const run = promisify(execFile);
/** What only somebody outside of the daemon can see. */
const OUTSIDE = ['TokenRefresherAbsent', 'AlertDeliveryFailing'];

/** Runs promtool over the rules, changed as the test wants it. @returns its exit code, and what it said */
async function runPromtool(t: TestContext, change: (rules: string) => string = (rules) => rules) {
  const folder = await mkdtemp(join(tmpdir(), 'token-refresher-rules-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'rules.yaml'), change(stringify(RULE_FILE)));
  await copyFile(join(PROJECT, 'test/monitoring/prometheusrule.promtool.yaml'), join(folder, 'tests.yaml'));
  return run('promtool', ['test', 'rules', 'tests.yaml'], { cwd: folder }).then(
    ({ stdout, stderr }) => ({ isGood: true, said: stdout + stderr }),
    (error: { readonly code?: unknown; readonly stdout?: string; readonly stderr?: string }) => {
      if (error.code !== 1)
        throw new Error(`promtool could not run: ${String(error.code)}`, { cause: error });
      return { isGood: false, said: `${error.stdout}${error.stderr}` };
    },
  );
}

describe('the Prometheus rules', () => {
  it('have the names and severities of the alerts that the program raises itself, and two from outside', () => {
    assert.deepEqual(
      ALERT_RULES.map(({ alert, labels }) => [alert, labels.severity]),
      [
        ...ALERT_NAMES.map((name) => [name, ALERTS[name].severity]),
        ['TokenRefresherAbsent', 'critical'],
        ['AlertDeliveryFailing', 'warning'],
      ],
    );
    assert.deepEqual(
      ALERT_RULES.slice(ALERT_NAMES.length).map(({ alert }) => alert),
      OUTSIDE,
    );
  });

  it('read metrics that there are, with labels and codes that they have', () => {
    const known = new Map(METRICS.map(({ name, labels }) => [name, new Set<string>(labels)]));
    for (const expression of EXPRESSIONS) {
      for (const [name] of expression.matchAll(/\b[\w:]*token_refresher_\w+(?::\w+)?/g))
        assert.ok(known.has(name) || RECORDED.includes(name), name);
      for (const [, name = '', matchers = ''] of expression.matchAll(/(\w+)\{([^}]*)\}/g))
        for (const [, label = ''] of matchers.matchAll(/(\w+)(?:=~|!~|!=|=)"/g))
          assert.ok(known.get(name)?.has(label), `${name}{${label}}`);
      for (const [, pattern = ''] of expression.matchAll(/code(?:=~|!~|!=|=)"([^"]*)"/g))
        for (const code of pattern.split('|').filter((each) => each !== 'ok'))
          assert.ok(
            FAILURE_CODES.some((each) => new RegExp(`^(?:${code})$`).test(each)),
            code,
          );
    }
  });

  it('link to the page of the runbook that is called like the alert', () => {
    for (const { alert, annotations } of ALERT_RULES)
      assert.equal(annotations.runbook_url, `http://localhost:8080/runbook/${alert}`);
  });

  it('fire and stay silent as their unit tests say', needsTool('promtool'), async (t) => {
    const { isGood, said } = await runPromtool(t);
    assert.ok(isGood, said);
    assert.match(said, /SUCCESS/);
  });

  for (const [what, from, to] of [
    ['an expression that does not parse', 'absent(token_refresher_build_info)', 'absent('],
    [
      'another metric',
      'token_refresher_token_expires_at_seconds - time()',
      'token_refresher_leader - time()',
    ],
    ['stand-bys that count', 'and on (job, instance) (token_refresher_leader == 1)', ''],
    ['another severity', 'severity: critical', 'severity: warning'],
    ['a leader that is missed at once', 'for: 1m', 'for: 0m'],
    ['a budget that is never low', '>= 0.85', '>= 1.85'],
    ['more than half of the margin', '* 5 / 12', '* 7 / 12'],
    [
      'tokens that are planned for their end',
      '_next_refresh_timestamp_seconds < time()',
      '_next_refresh_timestamp_seconds < time() + 60',
    ],
    [
      'mirrors that are always behind',
      'token_refresher_mirror_tokens_behind and',
      'token_refresher_mirror_tokens_behind + 1 and',
    ],
    ['reports that are not counted', 'token_refresher_refused_tokens', 'token_refresher_refused_token'],
    ['a code that is passed over', 'code="chain-broken"', 'code="chain-brokn"'],
  ] as const) {
    it(`fail their unit tests with ${what}`, needsTool('promtool'), async (t) => {
      const { isGood } = await runPromtool(t, (rules) => {
        assert.ok(rules.includes(from), from);
        return rules.replaceAll(from, to);
      });
      assert.equal(isGood, false);
    });
  }
});
