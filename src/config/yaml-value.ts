/**
 * The plain value of a YAML document, and the keys that stand in one mapping twice.
 *
 * Guarantee: time and memory grow with the document and with what its aliases stand for, up to {@link MAX_VALUES}: a
 * "billion laughs" is refused before anything of it is made. The parser's own limit counts uses of one anchor, so that it
 * refuses a hundred customers who share their credentials, and looks through the whole document for each alias; its own search
 * for duplicate keys compares each key with all before it.
 */
import { type Alias, isAlias, isMap, isNode, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';

/** More than any real configuration has: 10,000 customers with ten values each are a tenth of it. */
const MAX_VALUES = 1_000_000;

type YamlValue = {
  /** Where the later of two equal keys of a mapping begin. */
  readonly duplicates: readonly number[];
} & (
  | {
      readonly ok: true;
      readonly value: unknown;
      /** What each alias stands for. */
      readonly targets: ReadonlyMap<Alias, Node>;
    }
  | { readonly ok: false; readonly problems: readonly ValueProblem[] }
);

export interface ValueProblem {
  readonly offset: number;
  /**
   * Of an alias: `unknown`: no anchor of that name before it. `recursive`: inside of what it stands for. `many`: too many
   * values. Of a key: `reserved`: no mapping can have it.
   */
  readonly kind: 'unknown' | 'recursive' | 'many' | 'reserved';
}

interface Anchor {
  readonly node: Node;
  /** `undefined` while the walk is inside of it. */
  built: Built | undefined;
}

interface Built {
  readonly value: unknown;
  /** How many values it consists of, with those that aliases stand for. */
  readonly size: number;
}

export function toPlainValue(contents: unknown): YamlValue {
  const anchors = new Map<string, Anchor>();
  const targets = new Map<Alias, Node>();
  const problems: ValueProblem[] = [];
  const duplicates: number[] = [];
  let values = 0;

  const build = (node: unknown): Built => {
    if (isAlias(node)) return follow(node);
    const name = isNode(node) && 'anchor' in node ? node.anchor : undefined;
    const anchor: Anchor | undefined =
      name === undefined || !isNode(node) ? undefined : { node, built: undefined };
    if (name !== undefined && anchor !== undefined) anchors.set(name, anchor);
    values += 1;
    const built = buildPlain(node);
    if (anchor !== undefined) anchor.built = built;
    return built;
  };

  const buildPlain = (node: unknown): Built => {
    if (isMap(node)) {
      checkKeys(node);
      const entries = node.items.map(({ key, value }) => [keyOf(build(key)), build(value)] as const);
      // Without a prototype nothing is there but what was written, though a name may be `constructor`.
      const value: unknown = Object.setPrototypeOf(
        Object.fromEntries(entries.map(([key, built]) => [key, built.value])),
        null,
      );
      return { value, size: entries.reduce((sum, [, built]) => sum + built.size + 1, 1) };
    }
    if (isSeq(node)) {
      const items = node.items.map(build);
      return { value: items.map(({ value }) => value), size: items.reduce((sum, { size }) => sum + size, 1) };
    }
    return { value: isScalar(node) ? node.value : null, size: 1 };
  };

  const checkKeys = ({ items }: YAMLMap): void => {
    const seen = new Set<unknown>();
    for (const { key } of items) {
      if (!isScalar(key)) continue;
      const offset = key.range?.[0] ?? 0;
      if (seen.has(key.value)) duplicates.push(offset);
      // Schemas would pass over it without a word.
      if (key.value === '__proto__') problems.push({ offset, kind: 'reserved' });
      seen.add(key.value);
    }
  };

  const follow = (alias: Alias): Built => {
    const nothing: Built = { value: null, size: 1 };
    const anchor = anchors.get(alias.source);
    const offset = alias.range?.[0] ?? 0;
    const refuse = (kind: ValueProblem['kind']): Built => {
      problems.push({ offset, kind });
      return nothing;
    };
    if (anchor === undefined) return refuse('unknown');
    if (anchor.built === undefined) return refuse('recursive');
    values += anchor.built.size;
    // Once is enough: everything that follows is too much as well.
    if (values > MAX_VALUES) return problems.some(({ kind }) => kind === 'many') ? nothing : refuse('many');
    targets.set(alias, anchor.node);
    return anchor.built;
  };

  const { value } = build(contents);
  return problems.length > 0 ? { ok: false, problems, duplicates } : { ok: true, value, targets, duplicates };
}

/** The parser refuses keys that are no text, such as the inner braces of `{{ name }}`: what stands for them nobody sees. */
function keyOf({ value }: Built): string {
  return typeof value === 'string' ? value : '';
}
