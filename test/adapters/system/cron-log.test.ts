import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Logger } from 'node-cron';
import { createCronLogger } from '../../../src/adapters/system/cron-log.ts';
import { captureLog } from '../../support/captured-log.ts';
import { FakeClock } from '../../support/fake-clock.ts';

describe('createCronLogger', () => {
  it('logs texts at their level, and of errors the class name alone', () => {
    const { log, text, takeLines } = captureLog(new FakeClock());
    const logger: Logger = createCronLogger(log);
    const forged = new Error('canary');
    forged.name = 'canary canary';

    logger.info('started');
    logger.warn('task still running');
    logger.error('Task failed with error!', new TypeError('canary'));
    logger.error(new RangeError('canary'));
    logger.debug(forged);

    assert.ok(!text().includes('canary'), text());
    assert.deepEqual(
      takeLines().map(({ level, event, errorName, msg }) => ({ level, event, errorName, msg })),
      [
        { level: 'info', event: 'cron', errorName: undefined, msg: 'started' },
        { level: 'warn', event: 'cron', errorName: undefined, msg: 'task still running' },
        { level: 'error', event: 'cron', errorName: 'TypeError', msg: 'Task failed with error! (TypeError)' },
        { level: 'error', event: 'cron', errorName: 'RangeError', msg: 'a cron task threw (RangeError)' },
        { level: 'debug', event: 'cron', errorName: 'Error', msg: 'a cron task threw (Error)' },
      ],
    );
  });
});
