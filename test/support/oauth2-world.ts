import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { createSystemRandom } from '../../src/adapters/system/random.ts';
import { parseDocument, type TokenDocument } from '../../src/core/token/document.ts';
import { createSecretsManager } from '../../src/sandbox/secrets-manager/secrets-manager.ts';
import { startSecretsManagerServer } from '../../src/sandbox/secrets-manager/secrets-manager-server.ts';
import { createPrivateFolder } from './private-folder.ts';
import { useStoreEnvironment } from './program-process.ts';

export interface OAuth2World {
  /** Writes a credential to the file that entries name as `{ file: NAME }`. */
  put(name: string, text: string): Promise<void>;
  /** Writes a configuration. @param providers entries in YAML, indented by two. @param more further sections. @returns its path */
  configure(providers: string, more?: string): Promise<string>;
  /** What readers find; `undefined` when nothing was published. */
  published(secret: string): TokenDocument | undefined;
}

/** A simulated Secrets Manager and a folder for a configuration: what a new user has. */
export async function createOAuth2World(t: TestContext): Promise<OAuth2World> {
  useStoreEnvironment();
  const clock = createSystemClock();
  const engine = createSecretsManager({ clock, random: createSystemRandom() });
  const store = await startSecretsManagerServer({ engine, clock });
  t.after(() => store.stop());
  const folder = await createPrivateFolder(t);
  return {
    put: (name, text) => writeFile(join(folder, name), text, { mode: 0o600 }),
    configure: async (providers, more = '') => {
      const path = join(folder, 'config.yaml');
      const kept = `store: { kind: aws-secrets-manager, region: ap-southeast-3, endpoint: "${store.endpoint}", createSecrets: true }`;
      await writeFile(path, `${kept}\nhttp: { host: 127.0.0.1, port: 0 }\n${more}providers:\n${providers}`);
      return path;
    },
    published: (secret) => {
      const current = engine.versions(secret).findLast(({ labels }) => labels.includes('AWSCURRENT'));
      if (current === undefined) return undefined;
      const parsed = parseDocument(current.value);
      assert.ok(parsed.ok, secret);
      return parsed.document;
    },
  };
}
