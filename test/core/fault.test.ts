import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { codedError } from '../../src/core/error-code.ts';
import { describeFault, explainFault } from '../../src/core/fault.ts';

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

describe('explainFault', () => {
  const loader = codedError(
    'ERR_INVALID_PACKAGE_CONFIG',
    'Cannot read package config /canary/package.json: too many open files.',
  );
  for (const [error, said] of [
    [
      codedError('EMFILE', 'canary'),
      'EMFILE: the program has too many files open; raise its limit (ulimit -n)',
    ],
    [loader, 'EMFILE: the program has too many files open; raise its limit (ulimit -n)'],
    [
      codedError('ENFILE', 'canary'),
      'ENFILE: the machine has too many files open; raise its limit (fs.file-max)',
    ],
    [
      codedError('ENOMEM', 'canary'),
      'ENOMEM: the machine has no memory left for it; free some, or raise the limit',
    ],
    [codedError('ENOSPC', 'canary'), 'ENOSPC: the disk is full; free some of it'],
    [
      codedError('EDQUOT', 'canary'),
      'EDQUOT: the quota of the disk is used up; free some of it, or raise the quota',
    ],
    [
      codedError('EROFS', 'canary'),
      'EROFS: the file system is read-only; mount one that can be written there',
    ],
    [codedError('EIO', 'canary'), 'EIO: the disk or the mount fails; look at the log of the machine'],
    [codedError('ESTALE', 'canary'), 'ESTALE: the mount is stale; mount it again'],
  ] as const)
    it(`calls it no bug of ours when the machine lacks something: ${said}`, () => {
      assert.equal(explainFault(error), `cannot go on (${said})`);
    });

  it('asks for a report of all else', () => {
    assert.match(
      explainFault(codedError('EOTHER', 'canary')),
      /^unexpected failure.* please report (?!.*canary)/,
    );
  });
});
