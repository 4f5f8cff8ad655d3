/**
 * The program's own refreshing, driven from outside at a fixed rate: configuration, managed tokens, kinds, store, log and
 * metrics as `run` wires them. Run its bundle with the path of a configuration.
 */

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { setUpSchemas } from '../../src/commands/zod-settings.ts';
import { loadConfiguration } from '../../src/config/load.ts';
import { assemble } from '../../src/replica/assembly.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { connect } from '../../src/wiring/connections.ts';
import { createReporting } from '../../src/wiring/reporting.ts';
import { createSystemPorts } from '../../src/wiring/system-ports.ts';
import { answerParent } from './answer-parent.ts';
import { runAtPace } from './pacer.ts';

setUpSchemas();
const loaded = await loadConfiguration(process.argv[2] ?? '', {
  ...CATALOG,
  readFile: (path) => readFile(path),
  env: process.env,
});
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
const { configuration } = loaded;
const ports = createSystemPorts();
// A copy, as `run` reads it: each look into `process.env` asks the system.
const env: Readonly<Record<string, string | undefined>> = { ...process.env };
const { board, events } = await createReporting({
  settings: configuration.log,
  clock: ports.clock,
  isInteractive: false,
  hasColor: false,
  destination: { write: (line) => process.stdout.write(line) },
});
const connections = connect(configuration, { ...ports, events, readEnv: (name) => env[name] });
const providers = assemble(configuration, { ...ports, events }, connections);
const managedTokens = providers.flatMap(({ tokens }) => tokens.map(({ managed }) => managed));
board.registerTokens(managedTokens.map(({ identity }) => identity));
const never = new AbortController().signal;
const term = { signal: never, stopping: never, hasEnded: () => false };

const roundSchema = z.object({ perSecond: z.number(), count: z.number() });
let next = 0;

async function refreshOne(): Promise<void> {
  const managed = managedTokens[next % managedTokens.length];
  next += 1;
  const outcome = await managed?.refresh('explicit', term, 1);
  if (outcome?.kind !== 'refreshed') throw new Error(`a refresh ended as ${JSON.stringify(outcome)}`);
}

answerParent({ round: (input) => runAtPace(roundSchema.parse(input), refreshOne) });
