import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';

/** A folder that only this user can open, removed after the test. @returns its path */
export async function createPrivateFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'token-refresher-test-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}
