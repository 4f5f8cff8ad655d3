import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LOG_FIELDS } from '../../src/adapters/log/log-fields.ts';
import { ALERT_NAMES, ALERTS, runbookAnchor } from '../../src/core/alert.ts';
import { FAILURE_CODES } from '../../src/core/failure.ts';
import { codeBlocks, markdownSections } from '../support/markdown-sections.ts';
import { PROJECT } from '../support/program-process.ts';
import { runInProcess } from '../support/program-terminal.ts';
import { ALERT_RULES } from '../support/prometheus-rules.ts';

const RUNBOOK = readFileSync(join(PROJECT, 'docs/runbook.md'), 'utf8');
const sections = markdownSections(RUNBOOK);
const commands = codeBlocks(RUNBOOK, 'sh').flatMap((block) => block.trim().split('\n'));
const PARTS = [
  'What it means',
  'Until when readers are fine',
  'What to look at',
  'What to do',
  'How to see that it is over',
];

describe('docs/runbook.md', () => {
  const ofRules = ALERT_RULES.map(({ alert }) => alert).filter(
    (alert) => !ALERT_NAMES.some((name) => name === alert),
  );
  for (const name of [...ALERT_NAMES, ...ofRules, 'AlertTest' as const, ...FAILURE_CODES]) {
    it(`says what ${name} means, until when readers are fine, what to look at, what to do, and how to see that it is over`, () => {
      const [section, ...others] = sections.filter(({ title }) => title === name);
      assert.deepEqual(others, []);
      assert.ok(section !== undefined, 'there is a section');
      const parts = section.text.split(/^(?=\*\*[\w ]+\.\*\*)/m).slice(1);
      assert.deepEqual(
        parts.map((part) => /^\*\*([\w ]+)\.\*\* ?/.exec(part)?.[1]),
        PARTS,
      );
      for (const part of parts) assert.ok(part.replace(/^\*\*[\w ]+\.\*\*/, '').trim().length > 4, part);
    });
  }

  it('has nothing about what there is not', () => {
    const known: readonly string[] = [...ALERT_NAMES, ...ofRules, 'AlertTest', ...FAILURE_CODES];
    const titles = sections.filter(({ level }) => level === 3).map(({ title }) => title);
    assert.deepEqual(titles, known);
  });

  it('is found under the anchors that alerts and rules link to', () => {
    const anchors = sections.map(({ anchor }) => anchor);
    assert.equal(new Set(anchors).size, anchors.length);
    for (const name of [...ALERT_NAMES, 'AlertTest' as const, ...FAILURE_CODES])
      assert.ok(anchors.includes(runbookAnchor(name)), name);
    for (const { annotations } of ALERT_RULES)
      assert.ok(
        anchors.includes(annotations.runbook_url.split('/runbook/')[1]?.toLowerCase() ?? ''),
        annotations.runbook_url,
      );
    for (const [, anchor = ''] of RUNBOOK.matchAll(/\]\(#([^)]+)\)/g))
      assert.ok(anchors.includes(anchor), anchor);
  });

  it('lists the severities that alerts have', () => {
    const rows = [...RUNBOOK.matchAll(/^\| \[(\w+)\]\(#\w+\) \| (\w+) \|$/gm)].map(([, name, severity]) => [
      name,
      severity,
    ]);
    assert.deepEqual(
      rows,
      ALERT_NAMES.map((name) => [name, ALERTS[name].severity]),
    );
  });

  it('shows commands that the program has', async () => {
    const inPod = 'kubectl -n token-refresher exec deployment/token-refresher -- token-refresher ';
    const own = commands.flatMap((line) =>
      line.startsWith(inPod) ? `token-refresher ${line.slice(inPod.length)}` : [],
    );
    assert.ok(own.length > 10);
    for (const line of new Set(own)) {
      const [name = '', ...options] = line.split(' ').slice(1);
      const { code, stdout } = await runInProcess([name, '--help']);
      assert.equal(code, 0, line);
      for (const option of options.filter((each) => each.startsWith('--')))
        assert.ok(stdout.includes(option), `${line}: ${option}`);
    }
  });

  it('looks for events, codes and fields that log lines have', () => {
    const fields = new Set<string>([...Object.values(LOG_FIELDS).flat(), 'event', 'time', 'level', 'msg']);
    const filters = commands.flatMap(
      (line) => /jq -\w+ '(?<filter>[^']+)'/.exec(line)?.groups?.['filter'] ?? [],
    );
    assert.ok(filters.length > 8);
    for (const filter of filters) {
      for (const [, event = ''] of filter.matchAll(/\.event == "([^"]+)"/g))
        assert.ok(Object.hasOwn(LOG_FIELDS, event), event);
      for (const [, start = ''] of filter.matchAll(/startswith\("([^"]+)"\)/g))
        assert.ok(
          Object.keys(LOG_FIELDS).some((event) => event.startsWith(start)),
          start,
        );
      for (const [, code = ''] of filter.matchAll(/\.code == "([^"]+)"/g))
        assert.ok(
          FAILURE_CODES.some((each) => each === code),
          code,
        );
      for (const [, field = ''] of filter.matchAll(/(?<![\w"])\.([A-Za-z]\w*)/g))
        assert.ok(fields.has(field), `${filter}: ${field}`);
    }
  });
});
