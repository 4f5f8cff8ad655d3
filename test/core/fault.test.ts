import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeFault } from '../../src/core/fault.ts';

/** `try` something that throws. */
function caught(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('describeFault', () => {
  for (const { name, error, errorName } of [
    { name: 'an error', error: new TypeError('canary'), errorName: 'TypeError' },
    { name: 'an error without a message', error: new RangeError(), errorName: 'RangeError' },
    { name: "an error of Node's own", error: caught(() => new URL('canary')), errorName: 'TypeError' },
    {
      name: 'a message that looks like frames',
      error: new Error('a\n    at canary (x.ts:1:1)'),
      errorName: 'Error',
    },
  ]) {
    it(`says class and place of ${name}, and nothing of its message`, () => {
      const fault = describeFault(error);
      assert.equal(fault.errorName, errorName);
      assert.ok(Array.isArray(fault.frames) && fault.frames.length > 0);
      assert.ok(fault.frames.every((frame) => String(frame).startsWith('at ')));
      assert.ok(!JSON.stringify(fault).includes('canary'), JSON.stringify(fault));
    });
  }

  it('says no place when the message was changed after the error was made', () => {
    const error = new Error('first\n    at canary (x.ts:1:1)');
    // V8 writes the stack's text when it is first read.
    assert.match(error.stack ?? '', /first/);
    error.message = 'second';
    assert.deepEqual(describeFault(error), { errorName: 'Error', frames: [] });
  });

  it('says of anything else only its type', () => {
    assert.deepEqual(describeFault('canary'), { errorName: 'string' });
  });
});
