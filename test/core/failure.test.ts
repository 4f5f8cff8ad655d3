import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FAILURE_CODES } from '../../src/core/failure.ts';

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
