import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parse } from 'yaml';
import { z } from 'zod';
import { LOG_FIELDS, type LogEvent } from '../../src/adapters/log/log-fields.ts';
import { ALERT_NAMES, ALERTS } from '../../src/core/alert.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import { codeBlocks } from '../support/markdown-sections.ts';
import { PROJECT } from '../support/program-process.ts';
import { ALERT_RULES } from '../support/prometheus-rules.ts';

const TEXT = readFileSync(join(PROJECT, 'docs/log-based-alerting.md'), 'utf8');
const ALWAYS = ['level', 'time', 'event', 'msg'];
const EVENTS = Object.keys(LOG_FIELDS);

const lokiSchema = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string(),
      rules: z.array(
        z.strictObject({
          alert: z.string(),
          expr: z.string(),
          labels: z.strictObject({ severity: z.string() }),
        }),
      ),
    }),
  ),
});
const lokiRules = lokiSchema
  .parse(parse(codeBlocks(TEXT, 'yaml')[0] ?? ''))
  .groups.flatMap(({ rules }) => rules);
const filters = [...TEXT.matchAll(/--filter-pattern '([^']+)'/g)].map(([, pattern = '']) => pattern);

function fieldsOf(event: string): readonly string[] {
  assert.ok(Object.hasOwn(LOG_FIELDS, event), event);
  const known: Readonly<Record<string, readonly string[]>> = LOG_FIELDS;
  return [...ALWAYS, ...(known[event] ?? [])];
}

describe('docs/log-based-alerting.md', () => {
  it('names every alert but the one that only time passing makes, and says what to look for', () => {
    const named = [...TEXT.matchAll(/^\| (\w+) \| .*`/gm)].map(([, name]) => name);
    assert.deepEqual(
      named,
      ALERT_NAMES.filter((name) => name !== 'TokenExpiring'),
    );
  });

  it('speaks of events and codes that log lines have', () => {
    const table = [...TEXT.matchAll(/^\| \w+ \| (.*) \|$/gm)].map(([, cell = '']) => cell).join(' ');
    const words = [...table.matchAll(/`([a-z]+(?:-[a-z]+)+)-?`/g)].map(([, word = '']) => word);
    const known = new Set<string>([...EVENTS, ...FAILURE_CODES, 'needs-human']);
    assert.ok(words.length > 10);
    for (const word of words) assert.ok(known.has(word), word);
    for (const event of ['refresh-recovered', 'token-refreshed'] satisfies LogEvent[])
      assert.ok(TEXT.includes(`\`${event}\``));
  });

  it('filters in CloudWatch by events, and by fields that lines of these events have', () => {
    assert.ok(filters.length >= 5);
    for (const pattern of filters) {
      const events = [...pattern.matchAll(/\$\.event = "([^"]+)"/g)].map(([, event = '']) => event);
      assert.ok(events.length > 0, pattern);
      const common = events.map(fieldsOf);
      for (const [, field = ''] of pattern.matchAll(/\$\.(\w+)/g))
        assert.ok(
          common.some((fields) => fields.includes(field)),
          `${pattern}: ${field}`,
        );
    }
  });

  it('has an alarm only on metrics that a filter makes', () => {
    const made = new Set([...TEXT.matchAll(/metricName=(\w+)/g)].map(([, name]) => name));
    for (const [, name = ''] of TEXT.matchAll(/--metric-name (\w+)/g)) assert.ok(made.has(name), name);
  });

  it('has rules for Loki with the names and severities of the alerts', () => {
    const severities = new Map<string, string>([
      ...ALERT_NAMES.map((name) => [name, ALERTS[name].severity] as const),
      ...ALERT_RULES.map(({ alert, labels }) => [alert, labels.severity] as const),
    ]);
    assert.ok(lokiRules.length >= 7);
    for (const { alert, labels } of lokiRules) assert.equal(labels.severity, severities.get(alert), alert);
  });

  it('asks Loki for events, codes and fields that log lines have', () => {
    const all = new Set(EVENTS.flatMap(fieldsOf));
    for (const { expr } of lokiRules) {
      for (const [, events = ''] of expr.matchAll(/\bevent =~? "([^"]+)"/g))
        for (const event of events.split('|')) fieldsOf(event);
      for (const [, code = ''] of expr.matchAll(/\bcode =~? "([^"]+)"/g))
        assert.ok(
          FAILURE_CODES.some((each) => new RegExp(`^(?:${code})$`).test(each)),
          code,
        );
      for (const [, field = ''] of expr.matchAll(/\| (\w+) (?:=~|!=|=) "/g)) assert.ok(all.has(field), field);
      for (const [, labels = ''] of expr.matchAll(/by \(([^)]+)\)/g))
        for (const label of labels.split(', ')) assert.ok(all.has(label), label);
    }
  });
});
