import assert from 'node:assert/strict';

/** Something ten times as long takes ten times the work when it is linear, and a hundred times when it is quadratic. */
const MOST_RATIO = 25;

function cpuOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** Two sizes are compared with each other, in CPU time, and not with a clock: how fast the machine is does not count. */
export function assertLinear(answer: (size: number) => void, size: number): void {
  // Compiled first: else the small one pays for what the large one has for nothing.
  for (let run = 0; run < 3; run += 1) answer(size);
  const small = cpuOf(() => answer(size));
  const large = Math.min(
    cpuOf(() => answer(10 * size)),
    cpuOf(() => answer(10 * size)),
  );
  assert.ok(large < MOST_RATIO * small, `${large} against ${small} us of CPU`);
}
