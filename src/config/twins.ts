import { quote } from '../core/credential/secret-likeness.ts';
import type { Finding, Path } from './problem.ts';

/** Names that an entry before them has. @param list path of the entries */
export function findTwins(names: readonly (string | undefined)[], list: Path): readonly Finding[] {
  const first = new Map<string, number>();
  return names.flatMap((name, index) => {
    if (name === undefined) return [];
    const twin = first.get(name);
    if (twin === undefined) {
      first.set(name, index);
      return [];
    }
    const text = `found ${quote(name)}, the name of ${String(list.at(-1))}[${twin}] too`;
    return [{ path: [...list, index, 'name'], text, allowed: 'a unique name' }];
  });
}
