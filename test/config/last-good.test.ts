import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keepLastGood } from '../../src/config/last-good.ts';
import type { FailureCode } from '../../src/core/failure.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import { SecretText } from '../../src/core/secret-text.ts';
import type { Credentials } from '../../src/providers/provider.ts';

const { signal } = new AbortController();
const url = (text: string): Result<Credentials> => succeed(new Map([['url', new SecretText(text)]]));
const failed = (code: FailureCode): Result<Credentials> => fail({ code, retry: 'backoff', message: code });

/** What a sink gets when its reference reads as `results` say, one after the other. */
async function tell(...results: readonly Result<Credentials>[]): Promise<readonly string[]> {
  const left = [...results];
  const read = keepLastGood(async () => ({
    credentials: left.shift() ?? failed('aborted'),
    untilChanged: () => Promise.resolve(),
  }));
  const told: string[] = [];
  for (const _ of results) {
    const { credentials } = await read(signal);
    told.push(credentials.ok ? (credentials.value.get('url')?.reveal() ?? '') : credentials.failure.code);
  }
  return told;
}

describe('the address of a receiver of alerts that is kept in the store', () => {
  for (const code of ['store-unavailable', 'store-denied', 'provider-unavailable'] as const) {
    it(`Loud: is the one that was read last while reading it ends with ${code}`, async () => {
      assert.deepEqual(await tell(failed(code), url('one'), failed(code), url('two'), failed(code)), [
        code,
        'one',
        'one',
        'two',
        'two',
      ]);
    });
  }

  for (const code of ['credentials-rejected', 'store-missing', 'store-deleting', 'aborted'] as const) {
    it(`is not the old one when reading says ${code}`, async () => {
      assert.deepEqual(await tell(url('one'), failed(code)), ['one', code]);
    });
  }
});
