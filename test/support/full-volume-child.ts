/** Writes a file twice in a folder whose volume has room for the first time alone, and says what is there then. */
import { FileLanes } from '../../src/adapters/files/file-lanes.ts';
import { PrivateDirectory } from '../../src/adapters/journal/private-directory.ts';
import { errnoOf } from '../../src/core/file-error.ts';
import { FakeClock } from './fake-clock.ts';

const directory = new PrivateDirectory({
  path: process.argv[2] ?? '',
  uid: process.getuid?.(),
  files: new FileLanes(new FakeClock()),
});
await directory.write('entry', 'first');
const problem = await directory.write('entry', 'x'.repeat(200_000)).then(() => 'was written', errnoOf);
process.stdout.write(JSON.stringify([problem, await directory.read('entry'), await directory.names()]));
