import assert from 'node:assert/strict';

/** Something ten times as long takes ten times the work when it is linear, and a hundred times when it is quadratic. */
const MOST_RATIO = 25;

function cpuOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/**
 * Two sizes are compared with each other, in CPU time, and not with a clock: how fast the machine is does not count. One
 * comparison of three is enough: what shares a core or its cache may make one of the two dearer.
 */
export function assertLinear(answer: (size: number) => void, size: number): void {
  // Compiled first: else the small one pays for what the large one has for nothing.
  for (let run = 0; run < 3; run += 1) answer(size);
  let compared = '';
  for (let run = 0; run < 3; run += 1) {
    const small = cpuOf(() => answer(size));
    const large = cpuOf(() => answer(10 * size));
    if (large < MOST_RATIO * small) return;
    compared += ` ${large} against ${small} us of CPU`;
  }
  assert.fail(compared);
}
