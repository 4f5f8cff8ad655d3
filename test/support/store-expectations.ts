import assert from 'node:assert/strict';
import type { Failure } from '../../src/core/failure.ts';
import type { SecretWrite, TokenStore } from '../../src/core/ports.ts';
import type { Result } from '../../src/core/result.ts';
import { never, SECRET, textOf } from './store-write.ts';

export async function publishOk(store: TokenStore, write: SecretWrite): Promise<string> {
  return expectOk(await store.publish(write, never)).version;
}

/** The text of `buildWrite(label)` is what readers see, under that version. */
export async function expectCurrent(store: TokenStore, label: string, version: string): Promise<void> {
  const current = expectOk(await store.read(SECRET, never));
  assert.deepEqual([current?.text.reveal(), current?.version], [textOf(label), version]);
}

export function expectOk<T>(result: Result<T>): T {
  assert.ok(result.ok, result.ok ? '' : result.failure.message);
  return result.value;
}

export function expectFailure(
  result: Result<unknown>,
  code: Failure['code'],
  retry: Failure['retry'],
): Failure {
  assert.ok(!result.ok, 'this was to fail');
  assert.deepEqual([result.failure.code, result.failure.retry], [code, retry], result.failure.message);
  return result.failure;
}
