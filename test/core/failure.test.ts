import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FAILURE_CODES, isStoreFailure, needsPerson } from '../../src/core/failure.ts';
import { CAUSES, REMEDIES } from '../../src/core/remedies.ts';

describe('FAILURE_CODES', () => {
  it('Loud: is the closed set that metrics, logs and the runbook know', () => {
    assert.deepEqual(FAILURE_CODES, [
      'credentials-rejected',
      'request-rejected',
      'rate-limited',
      'provider-unavailable',
      'response-malformed',
      'token-unchanged',
      'clock-skewed',
      'chain-broken',
      'store-denied',
      'store-missing',
      'store-not-ours',
      'store-deleting',
      'store-quota',
      'store-conflict',
      'store-unavailable',
      'leadership-lost',
      'aborted',
    ]);
  });
});

describe('needsPerson', () => {
  it('holds where trying again cannot help, and where only people can mend what is tried again all the same', () => {
    const whenTriedAgain = FAILURE_CODES.filter((code) => needsPerson({ code, retry: 'backoff' }));
    assert.deepEqual(whenTriedAgain, ['store-denied', 'store-missing', 'store-not-ours', 'store-deleting']);
    assert.ok(FAILURE_CODES.every((code) => needsPerson({ code, retry: 'needs-human' })));
  });
});

describe('what people read about a failure of a store', () => {
  for (const code of FAILURE_CODES.filter((each) => isStoreFailure({ code: each })))
    it(`is true of each kind of store: ${code}`, () => {
      for (const text of [CAUSES[code], REMEDIES[code]])
        assert.equal(/aws|secretsmanager/i.test(text), /kubernetes/i.test(text), text);
    });
});
