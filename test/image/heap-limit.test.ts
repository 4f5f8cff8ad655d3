/** What V8 takes in a container, seen in a control group of the kernel, as a container's limit is one. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { readDockerfile } from '../support/dockerfile.ts';

/** Version 1, and the root of version 2: where a child group may be made. */
const ROOTS = [
  { path: '/sys/fs/cgroup/memory', limit: 'memory.limit_in_bytes' },
  { path: '/sys/fs/cgroup', limit: 'memory.max' },
];
const MIB = 1_048_576;

interface ControlGroup extends Disposable {
  readonly path: string;
  readonly members: string;
  readonly limit: string;
}

/** `undefined` where this user may make none. */
function createControlGroup(): ControlGroup | undefined {
  for (const { path: root, limit } of ROOTS) {
    const path = join(root, `token-refresher-test-${process.pid}`);
    try {
      mkdirSync(path);
    } catch {
      continue;
    }
    const group = {
      path,
      members: join(path, 'cgroup.procs'),
      limit: join(path, limit),
      [Symbol.dispose]: () => rmdirSync(path),
    };
    try {
      writeFileSync(group.limit, String(256 * MIB));
      return group;
    } catch {
      rmdirSync(path);
    }
  }
  return undefined;
}

test('the heap fits into the container, whatever its limit, with room for the rest of the process', async (t) => {
  using group = createControlGroup();
  if (group === undefined) return t.skip('no control group can be made here');
  const flags = readDockerfile().entrypoint.slice(1, -1);
  for (const limitMib of [256, 512, 1024]) {
    writeFileSync(group.limit, String(limitMib * MIB));
    // The child joins the group before it becomes Node.js, which asks for the limit once, at its start.
    const child = spawn(
      'sh',
      [
        '-c',
        'echo $$ > "$0"; exec "$@"',
        group.members,
        process.execPath,
        ...flags,
        '--print',
        "require('node:v8').getHeapStatistics().heap_size_limit",
      ],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) output += String(chunk);
    if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve));
    const heapMib = Number(output) / MIB;
    assert.ok(heapMib > 0.5 * limitMib && heapMib < 0.65 * limitMib, `${heapMib} MiB of ${limitMib} MiB`);
  }
});
