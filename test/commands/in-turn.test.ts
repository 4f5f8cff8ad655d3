import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { FileLanes } from '../../src/adapters/files/file-lanes.ts';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import { inTurn } from '../../src/commands/in-turn.ts';
import { ASK_MS } from '../../src/core/wire/refresh-request.ts';
import { advanceUntilDone } from '../support/advance-until-done.ts';
import { PIVOT, parseText } from '../support/configuration-text.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startLeaseApiServer } from '../support/lease-api-server.ts';
import { createPrivateFolder } from '../support/private-folder.ts';
import { createSeededRandom } from '../support/seeded-random.ts';

it('who cannot take part in the election learns why, long before an answer would be given up', async (t) => {
  const leases = await startLeaseApiServer(t);
  const tokenFile = join(await createPrivateFolder(t), 'token');
  await writeFile(tokenFile, 'expired');
  const apiServer = `{ url: "${leases.url}", tokenFile: ${tokenFile} }`;
  const parsed = parseText(
    `coordination: { kind: kubernetes, namespace: payments, apiServer: ${apiServer} }\n${PIVOT}`,
  );
  assert.ok(parsed.ok, JSON.stringify(parsed));
  const clock = new FakeClock();
  const deps = {
    clock,
    random: createSeededRandom(1),
    // Read in real time, however fast the clock runs.
    files: new FileLanes(createSystemClock()),
    events: () => {},
    readEnv: () => undefined,
    stopRequest: new Promise<string>(() => {}),
  };
  const turn = inTurn(parsed.configuration, 'pivot', deps, () =>
    Promise.reject(new Error('it does not lead')),
  );
  const { kind, ...outcome } = await advanceUntilDone(clock, 100, turn);
  assert.equal(kind, 'not-ours');
  assert.match(JSON.stringify(outcome), /"problem":".*API server/);
  assert.ok(clock.monotonicMs() < ASK_MS, `${clock.monotonicMs()} ms`);
});
