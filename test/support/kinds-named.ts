import type { KindLibrary } from '../../src/providers/provider.ts';
import { KINDS } from '../../src/wiring/connections.ts';

/** The kinds that ship, without some of them. */
export function kindsNamed(isWanted: (name: string) => boolean): KindLibrary {
  const names = KINDS.names.filter(isWanted);
  return { ...KINDS, names, find: (name) => (names.includes(name) ? KINDS.find(name) : undefined) };
}
