import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import type { LogFields } from '../../../src/adapters/log/log-fields.ts';
import { loadPrettify } from '../../../src/adapters/log/pretty-line.ts';
import { LOG_LEVELS } from '../../../src/core/log-level.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { captureLog } from '../../support/captured-log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

/** Fields from a caller that got past the types. */
function untyped(fields: Readonly<Record<string, unknown>>): LogFields<'fault'> {
  return JSON.parse('{}', () => fields);
}

describe('createLog', () => {
  it('writes one JSON object a line: level as a word, time in UTC, event, fields, message', () => {
    const { log, text } = captureLog(new FakeClock());
    log.write('info', 'tick-missed', { provider: 'pik' }, 'too late');
    assert.equal(
      text(),
      '{"level":"info","time":"2026-11-21T12:00:00.000Z","event":"tick-missed","provider":"pik","msg":"too late"}\n',
    );
  });

  it('writes what is urgent enough and nothing less urgent', () => {
    for (const [index, level] of LOG_LEVELS.entries()) {
      const { log, takeLines } = captureLog(new FakeClock(), { level });
      for (const each of LOG_LEVELS) log.write(each, 'program-stopped', {}, 'stopped');
      assert.deepEqual(
        takeLines().map((line) => line['level']),
        LOG_LEVELS.slice(index),
      );
    }
  });

  it('keeps lists and flat objects of plain values', () => {
    const { log, takeLines } = captureLog(new FakeClock());
    log.write(
      'info',
      'sandbox-ready',
      { store: { endpoint: 'http://127.0.0.1:1' }, secrets: ['payments/pik'], http: undefined },
      'ready',
    );
    const [line] = takeLines();
    assert.deepEqual(line?.['store'], { endpoint: 'http://127.0.0.1:1' });
    assert.deepEqual(line?.['secrets'], ['payments/pik']);
    assert.equal(line !== undefined && 'http' in line, false);
  });

  for (const { name, fields } of [
    { name: 'a field that is not listed', fields: { password: 'canary' } },
    { name: 'an error object', fields: { errorName: new Error('canary') } },
    { name: 'a secret', fields: { errorName: new SecretText('canary') } },
    {
      name: 'an instance of a class',
      fields: {
        errorName: new (class {
          token = 'canary';
        })(),
      },
    },
    { name: 'a secret in a list', fields: { frames: [new SecretText('canary'), { deep: 'canary' }] } },
    { name: 'an object in an object', fields: { errorName: { deep: { token: 'canary' } } } },
    { name: 'an inherited field', fields: Object.create({ errorName: 'canary' }) },
  ]) {
    it(`drops ${name}`, () => {
      const { log, text } = captureLog(new FakeClock());
      log.write('error', 'fault', untyped(fields), 'a bug');
      assert.ok(text().includes('"event":"fault"'));
      assert.ok(!text().includes('canary'), text());
    });
  }

  it('turns control characters into spaces, in both formats', async () => {
    for (const choice of [{}, { prettify: await loadPrettify({ color: false }) }]) {
      const { log, text } = captureLog(new FakeClock(), choice);
      log.write('warn', 'tick-missed', { provider: 'pi\u009bk' }, 'one\ntwo \u001b[31m\u009b2J three');
      assert.equal(text().split('\n').length, 2, text());
      assert.doesNotMatch(text().trimEnd(), /\p{Cc}/u);
    }
  });

  it('writes percent signs as they are', () => {
    const { log, takeLines } = captureLog(new FakeClock());
    log.write('info', 'program-stopped', {}, 'at 93 % of %s and %d');
    assert.equal(takeLines()[0]?.['msg'], 'at 93 % of %s and %d');
  });

  it('writes prose for a terminal: time, level, message', async () => {
    const prettify = await loadPrettify({ color: false });
    const { log, text } = captureLog(new FakeClock(), { prettify });
    log.write('warn', 'tick-missed', { provider: 'pik' }, 'pik: too late');
    assert.equal(text(), '[12:00:00Z] WARN: pik: too late\n');
  });

  it('colours prose only when asked to', async () => {
    const prettify = await loadPrettify({ color: true });
    const { log, text } = captureLog(new FakeClock(), { prettify });
    log.write('warn', 'tick-missed', { provider: 'pik' }, 'pik: too late');
    assert.ok(text().includes('\u001b['));
  });

  const formats = { json: 'undefined', pretty: 'await loadPrettify({ color: false })' };
  for (const [format, prettify] of Object.entries(formats)) {
    it(`loses no ${format} line when the process exits as soon as its output is flushed`, () => {
      const urlOf = (name: string): string =>
        JSON.stringify(new URL(`../../../src/adapters/${name}.ts`, import.meta.url).href);
      const program = `
        import { createLog } from ${urlOf('log/log')};
        import { OutputFile } from ${urlOf('system/output-file')};
        import { loadPrettify } from ${urlOf('log/pretty-line')};
        const stdout = new OutputFile(1);
        const destination = { write: (line) => stdout.writeLine(line) };
        const log = createLog({ level: 'info', prettify: ${prettify}, clock: { now: () => 0 }, destination });
        for (let line = 1; line <= 500; line += 1) log.write('info', 'program-stopped', {}, 'line ' + line);
        await stdout.flush(new AbortController().signal);
        process.exit(0);`;
      const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
        encoding: 'utf8',
      });
      assert.equal(output.trimEnd().split('\n').length, 500);
      assert.ok(output.includes('line 500'));
    });
  }
});
