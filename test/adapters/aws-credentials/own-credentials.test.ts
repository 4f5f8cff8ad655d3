import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { LOOK_UP_MS } from '../../../src/adapters/aws-credentials/aws-credentials.ts';
import { createAwsCredentials } from '../../../src/adapters/aws-credentials/own-credentials.ts';
import { FileLanes } from '../../../src/adapters/files/file-lanes.ts';
import { createSystemClock } from '../../../src/adapters/system/clock.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { createPrivateFolder } from '../../support/private-folder.ts';
import { createDirectTransport } from '../../support/transport.ts';

const HANGING = 4;

describe("the daemon's own AWS credentials of a process that a profile names", () => {
  it('leaves few of them behind that do not end', { skip: process.platform !== 'linux' }, async (t) => {
    const folder = await createPrivateFolder(t);
    const [begun, answer, config] = ['begun', 'answer', 'config'].map((name) => join(folder, name));
    assert.ok(begun !== undefined && answer !== undefined && config !== undefined);
    execFileSync('mkfifo', [begun, answer]);
    await writeFile(
      config,
      // It hangs from the moment at which it says that it has begun, whatever becomes of the folder: nobody writes but itself.
      `[profile slow]\ncredential_process = sh -c 'exec 3<>${answer}; echo $$ > ${begun}; exec cat <&3'\n`,
    );
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
    Object.assign(process.env, {
      AWS_PROFILE: 'slow',
      AWS_CONFIG_FILE: config,
      AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'),
    });
    const clock = new FakeClock();
    const credentials = createAwsCredentials({
      transport: createDirectTransport(),
      region: 'us-east-1',
      clock,
      // Of real time: the deadline that passes is the look-up's, not a file's.
      files: new FileLanes(createSystemClock()),
      callLimitMs: 10_000,
    });
    for (let lookUp = 0; lookUp < HANGING; lookUp += 1) {
      const asked = assert.rejects(credentials.get(), /gave no answer within 2s/);
      const pid = Number(await readFile(begun, 'utf8'));
      t.after(() => process.kill(pid));
      await clock.advance(LOOK_UP_MS);
      await asked;
    }
    await assert.rejects(credentials.get(), /^AwsCredentialsError: 4 look-ups at .* have not ended/);
  });
});
