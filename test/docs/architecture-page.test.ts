import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { documentText, tableRows } from '../support/document-text.ts';
import { PROJECT } from '../support/program-process.ts';

const PAGE = 'docs/architecture.md';

it('the architecture page has each room of src once, and no other', () => {
  const named = tableRows(PAGE, 'room').map(([room = '']) => room.replaceAll('`', ''));
  const rooms = readdirSync(join(PROJECT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
  assert.deepEqual(named.toSorted(), rooms.toSorted());
});

it('the files that the architecture page sends people to are there', () => {
  const named = [...documentText(PAGE).matchAll(/`(?<file>[\w./-]+(?:\.ts|\/))`/g)].flatMap(
    ({ groups }) => groups?.['file'] ?? [],
  );
  assert.ok(named.length > 10);
  // A name without a folder is one of `refresh/`, of which the section tells.
  const places = ['', 'src/', 'src/refresh/'];
  for (const file of named)
    assert.ok(
      places.some((place) => existsSync(join(PROJECT, place, file))),
      file,
    );
});
