import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeReference } from '../../../src/core/credential/credential-reference.ts';

describe('describeReference', () => {
  for (const [reference, text] of [
    [{ kind: 'env', name: 'APP_ID' }, 'environment variable APP_ID'],
    [{ kind: 'file', path: '/run/app-secret' }, 'file /run/app-secret'],
    [{ kind: 'awsSecret', id: 'credentials/app', key: undefined }, 'secret credentials/app'],
    [{ kind: 'awsSecret', id: 'credentials/app', key: 'api_key' }, 'key api_key of secret credentials/app'],
  ] as const) {
    it(`calls a reference "${text}"`, () => {
      assert.equal(describeReference(reference), text);
    });
  }
});
