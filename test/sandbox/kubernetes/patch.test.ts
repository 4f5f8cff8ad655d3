import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { applyPatch } from '../../../src/sandbox/kubernetes/patch.ts';

const STRATEGIC = 'application/strategic-merge-patch+json';
const container = (image: string, env: readonly object[] = [{ name: 'A', value: '1' }]) => ({
  spec: { containers: [{ name: 'main', image, env }] },
});

describe('a patch', () => {
  for (const [what, type, patch, expected] of [
    [
      'changes an item of a list by its key',
      STRATEGIC,
      {
        spec: {
          '$setElementOrder/containers': [{ name: 'main' }],
          containers: [{ name: 'main', image: 'b' }],
        },
      },
      container('b'),
    ],
    [
      'adds an item, and takes one out',
      STRATEGIC,
      {
        spec: {
          containers: [
            {
              name: 'main',
              env: [
                { name: 'A', $patch: 'delete' },
                { name: 'B', value: '2' },
              ],
            },
          ],
        },
      },
      container('a', [{ name: 'B', value: '2' }]),
    ],
    [
      'replaces a list where keys are not known',
      'application/merge-patch+json',
      { spec: { containers: [] } },
      { spec: { containers: [] } },
    ],
    ['takes a field out', 'application/merge-patch+json', { spec: null }, {}],
    [
      'replaces what a path names',
      'application/json-patch+json',
      [{ op: 'replace', path: '/spec/containers', value: [] }],
      { spec: { containers: [] } },
    ],
  ] as const) {
    it(what, () => assert.deepEqual(applyPatch(type, container('a'), patch), expected));
  }

  for (const [what, type, patch] of [
    ['an unknown type', 'application/apply-patch+yaml', {}],
    ['an unknown directive', STRATEGIC, { spec: { $patch: 'replace' } }],
    ['an unknown operation', 'application/json-patch+json', [{ op: 'move', path: '/spec' }]],
  ] as const) {
    it(`is refused for ${what}`, () =>
      assert.throws(() => applyPatch(type, container('a'), patch), /not known here/));
  }
});
