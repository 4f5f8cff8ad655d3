/**
 * A YAML document with the place of each value in it.
 * Guarantee: no message quotes the document, because what is misplaced in it may be a credential.
 */
import {
  type Alias,
  isAlias,
  isMap,
  isNode,
  isPair,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type YAMLError,
  type YAMLMap,
} from 'yaml';
import type { Path, Position } from './problem.ts';
import { toPlainValue, type ValueProblem } from './yaml-value.ts';

/** Something that YAML itself does not allow. */
interface SyntaxProblem {
  readonly position: Position;
  readonly text: string;
}

export interface YamlSource {
  /** The document as plain values; `undefined` when it is too broken to look any further. */
  readonly value: unknown;
  readonly isReadable: boolean;
  readonly problems: readonly SyntaxProblem[];
  /** Where a value (or its key) is; the nearest parent's place for what is not there. */
  locate(path: Path, target: 'key' | 'value'): Position;
}

/** After these the rest of the document still means what it says. */
const HARMLESS: ReadonlySet<YAMLError['code']> = new Set([
  'DUPLICATE_KEY',
  'MULTIPLE_DOCS',
  'TAG_RESOLVE_FAILED',
  'BAD_DIRECTIVE',
]);

const TEXTS: Readonly<Record<YAMLError['code'], string>> = {
  ALIAS_PROPS: 'an alias takes no anchor and no tag',
  BAD_ALIAS: 'an alias needs a name',
  BAD_COLLECTION_TYPE: 'the tag does not fit the value',
  BAD_DIRECTIVE: 'unknown %-directive',
  BAD_DQ_ESCAPE: 'unknown escape in double quotes; write \\\\ for a backslash, or use single quotes',
  BAD_INDENT:
    'wrong indentation: the line begins too far left or right for its place; or a bracket above is not closed',
  BAD_PROP_ORDER: 'anchors and tags stand before the value',
  BAD_SCALAR_START: 'a value cannot begin with this character; put it in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'two keys on one line, or a wrong indentation; a value with ": " in it needs quotes',
  BLOCK_IN_FLOW: 'a block cannot stand inside brackets',
  DUPLICATE_KEY: 'this key stands here twice',
  IMPOSSIBLE: 'not YAML',
  KEY_OVER_1024_CHARS: 'a key of more than 1024 characters',
  MISSING_CHAR:
    'a quote, bracket, colon or comma is missing, or the line is indented less than its neighbours',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line and be followed by a colon',
  MULTIPLE_ANCHORS: 'a value has one anchor at most',
  MULTIPLE_DOCS: 'a second document begins here; the file must hold one',
  MULTIPLE_TAGS: 'a value has one tag at most',
  NON_STRING_KEY: 'a key must be plain text',
  RESOURCE_EXHAUSTION: 'nested too deeply',
  TAB_AS_INDENT: 'indented with a tab; use spaces',
  TAG_RESOLVE_FAILED: 'tags (!…) are not allowed',
  UNEXPECTED_TOKEN: 'something here is not YAML; put the whole value in quotes',
};

const VALUE_TEXTS: Readonly<Record<ValueProblem['kind'], string>> = {
  unknown:
    'a value that begins with * is an alias, and there is no anchor of that name; ' +
    'put a cron expression in quotes: "*/14 * * * *"',
  recursive: 'an alias stands inside of what it stands for',
  many: 'aliases multiply into too many values',
  reserved: 'nothing can have the name __proto__; give it another one',
};

/** As a page that was copied indents: YAML takes these for text. */
const ODD_INDENT = /[^\S\r\n\t]*[^\S\r\n\t ]/y;
const ODD_INDENT_TEXT = 'indented with a character that looks like a space and is none; use spaces';

const FALSE_LINE_END_TEXT =
  'a character that looks like the end of a line and is none (NEL, U+2028 or U+2029); end the line here';
/** Editors show them as ends of lines; to YAML 1.2 they are characters like any other. */
const FALSE_LINE_END = /[\x85\u2028\u2029]/;

/** Parses YAML 1.2 (core schema). Anchors and aliases are allowed, other tags than the core ones are not. */
export function parseYaml(written: string): YamlSource {
  // A CR alone ends a line (YAML 1.2, 5.4), which the parser does not know.
  const text = written.replaceAll(/\r(?!\n)/g, '\n');
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    stringKeys: true,
    // Quadratic; `toPlainValue` finds them in one pass.
    uniqueKeys: false,
    // !!binary, !!set and their like are foreign here too.
    resolveKnownTags: false,
    logLevel: 'error',
  });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(Math.min(offset, text.length));
    // An empty document has no lines to count.
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const plain = toPlainValue(document.contents);
  const offsetOf = createLocator(document.contents, plain.ok ? plain.targets : new Map());
  const errors = firstPerLine(
    [...document.errors, ...document.warnings].map((error) => ({
      position: at(error.pos[0]),
      text: errorText(error),
    })),
  );
  const problems = firstPerLine([
    // Ahead of the parser's own errors: of an unquoted cron expression it complains star by star.
    ...(plain.ok ? [] : plain.problems).map(({ offset, kind }) => ({
      position: at(offset),
      text: VALUE_TEXTS[kind],
    })),
    ...plain.duplicates.map((offset) => ({ position: at(offset), text: TEXTS.DUPLICATE_KEY })),
    ...errors.map((error) => {
      const { line } = error.position;
      const start = lines.lineStarts[line - 1] ?? 0;
      if (isOddIndent(text, start)) return { ...error, text: ODD_INDENT_TEXT };
      const offset = findFalseLineEnd(text, start, lines.lineStarts[line] ?? text.length);
      return offset === undefined ? error : { position: at(offset), text: FALSE_LINE_END_TEXT };
    }),
  ]);
  const isReadable = plain.ok && document.errors.every((error) => HARMLESS.has(error.code));
  return {
    value: isReadable ? plain.value : undefined,
    isReadable,
    problems,
    locate: (path, target) => at(offsetOf(path, target)),
  };
}

function errorText({ code }: YAMLError): string {
  return code === 'BAD_ALIAS' ? VALUE_TEXTS.unknown : TEXTS[code];
}

/** @param offset where a line begins */
function isOddIndent(text: string, offset: number): boolean {
  ODD_INDENT.lastIndex = offset;
  return ODD_INDENT.test(text);
}

function findFalseLineEnd(text: string, start: number, end: number): number | undefined {
  // Of the line alone: a search through what follows, for each error, would be quadratic.
  const found = text.slice(start, end).search(FALSE_LINE_END);
  return found === -1 ? undefined : start + found;
}

/** One slip makes a parser stumble several times on the same line; the first time is the telling one. */
function firstPerLine(problems: readonly SyntaxProblem[]): SyntaxProblem[] {
  const byLine = new Map<number, SyntaxProblem>();
  for (const problem of problems) {
    if (!byLine.has(problem.position.line)) byLine.set(problem.position.line, problem);
  }
  return [...byLine.values()].toSorted((a, b) => a.position.line - b.position.line);
}

/** Finds where something begins. */
function createLocator(
  contents: unknown,
  aliases: ReadonlyMap<Alias, Node>,
): (path: Path, target: 'key' | 'value') => number {
  // Of each mapping made once, for 200,000 problems in it.
  const indexes = new Map<YAMLMap, ReadonlyMap<string, Pair>>();
  const indexOf = (map: YAMLMap): ReadonlyMap<string, Pair> => {
    const index = indexes.get(map) ?? indexPairs(map);
    indexes.set(map, index);
    return index;
  };
  return (path, target) => {
    let node: unknown = contents;
    let offset = startOf(node) ?? 0;
    for (const [index, segment] of path.entries()) {
      const parent: unknown = isAlias(node) ? aliases.get(node) : node;
      if (isSeq(parent) && typeof segment === 'number') {
        node = parent.items[segment];
      } else if (isMap(parent)) {
        const pair = indexOf(parent).get(String(segment));
        if (pair === undefined) return offset;
        const isLast = index === path.length - 1;
        if (isLast && target === 'key') return startOf(pair.key) ?? offset;
        node = isWritten(pair.value) ? pair.value : pair.key;
      } else {
        return offset;
      }
      offset = startOf(node) ?? offset;
    }
    return offset;
  };
}

/** By key, the first of equal ones. */
function indexPairs({ items }: YAMLMap): ReadonlyMap<string, Pair> {
  return new Map(
    items.toReversed().flatMap((pair) => {
      const key = keyText(pair.key);
      return key === undefined ? [] : [[key, pair] as const];
    }),
  );
}

/** False for what follows `name:` when nothing does: it has no place of its own worth pointing at. */
function isWritten(value: unknown): boolean {
  const range = isNode(value) ? value.range : undefined;
  return range !== undefined && range !== null && range[0] < range[1];
}

function keyText(key: unknown): string | undefined {
  return isNode(key) && 'value' in key ? String(key.value) : undefined;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) && !isPair(node) ? (node.range?.[0] ?? undefined) : undefined;
}
