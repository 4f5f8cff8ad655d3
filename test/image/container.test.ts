/** The image's program as a container runs it: user, read-only root, process 1. */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { z } from 'zod';
import { buildApplicationLayer } from '../../image/application-layer.ts';
import { readDockerfile } from '../support/dockerfile.ts';
import { type ProgramWorld, startProgramWorld } from '../support/program-world.ts';
import {
  type ContainerOptions,
  findContainerProblem,
  UnsharedContainer,
} from '../support/unshared-container.ts';

const image = readDockerfile();
const JOURNAL_MOUNT = '/journal';
const JOURNAL = '/journal/token-refresher';
/** A fifteen-minute token lives 15 s. */
const SPEED = 60;

const problem = findContainerProblem();
// On a developer's machine that is no reason to fail; where the image is vouched for it is.
const skip = problem !== undefined && process.env['CI'] === undefined ? problem : false;

const startedSchema = z.object({ http: z.url() });

describe('a container of the image', { skip, timeout: 600_000, concurrency: true }, () => {
  let layer: string;

  before(async () => {
    layer = await mkdtemp(join(tmpdir(), 'token-refresher-layer-'));
    await chmod(layer, 0o755);
    await buildApplicationLayer(layer);
  });

  after(() => rm(layer, { recursive: true, force: true }));

  it('becomes ready as user 65532 on a read-only root, refreshes, and ends within 10 s of SIGTERM', async (t) => {
    await using world = await startProgramWorld({ speed: SPEED });
    await using container = await startContainer(t, layer, world);
    const startedAtMs = performance.now();
    const { http } = startedSchema.parse(
      await container.output.untilLine((line) => line['event'] === 'program-started'),
    );
    const readiness = await fetch(`${http}/readyz`);
    t.diagnostic(`ready ${Math.round(performance.now() - startedAtMs)} ms after the start`);
    assert.equal(readiness.status, 200);

    const status = await container.readStatus();
    assert.equal(status.get('NSpid')?.split('\t').at(-1), '1');
    for (const id of ['Uid', 'Gid']) assert.equal(status.get(id), Array(4).fill('65532').join('\t'), id);
    assert.equal(status.get('Groups'), '');
    for (const set of ['CapEff', 'CapPrm', 'CapAmb']) assert.match(status.get(set) ?? '', /^0+$/, set);
    assert.equal(status.get('NoNewPrivs'), '1');
    assert.deepEqual(await container.writableMounts(), [JOURNAL_MOUNT]);
    const journal = await stat(await container.pathOf(JOURNAL));
    assert.deepEqual([journal.uid, journal.mode & 0o777], [image.user.uid, 0o700]);

    await container.output.untilLines('token-refreshed', 2, (line) => line['token'] === 'pivot');
    t.diagnostic(`${(await container.readStatus()).get('VmRSS')} resident after two refreshes`);

    const stoppedAtMs = performance.now();
    await container.send('SIGTERM');
    // Its own clock holds it to 8.5 s: beyond them it ends with 1.
    assert.deepEqual(await container.untilExit(), { code: 0, signal: null });
    const stopMs = performance.now() - stoppedAtMs;
    t.diagnostic(`ended ${Math.round(stopMs)} ms after SIGTERM`);
    assert.equal(container.output.stderr, '');
    assert.equal(container.output.lines.at(-1)?.['event'], 'program-stopped');
  });

  it('says what is wrong and starts nothing when the volume of the journal is missing', async (t) => {
    await using world = await startProgramWorld();
    await using container = await startContainer(t, layer, world, { withoutJournal: true });
    assert.deepEqual(await container.untilExit(), { code: 2, signal: null });
    assert.match(
      container.output.stderr,
      /^journal\.dir \/journal\/token-refresher does not exist and cannot be made/,
    );
  });
});

async function startContainer(
  t: TestContext,
  layer: string,
  world: ProgramWorld,
  options: Pick<ContainerOptions, 'withoutJournal'> = {},
): Promise<UnsharedContainer> {
  assert.equal(problem, undefined);
  const config = await world.copyConfig('config.yaml', { set: { 'journal.dir': JOURNAL } });
  return UnsharedContainer.start({
    ...options,
    image,
    appFolder: join(layer, 'app'),
    configFolder: dirname(config),
    journalMount: JOURNAL_MOUNT,
    signal: t.signal,
  });
}
