import { mayBeSecret, quoteVisibly } from '../core/credential/secret-likeness.ts';

/** One thing that is wrong with a configuration (or worth knowing about it), for a person with an editor. */
export interface Problem {
  readonly file: string;
  /** `undefined` when the file as a whole is meant. */
  readonly position: Position | undefined;
  /** `providers[1].refreshAfter`; empty for the document as a whole. */
  readonly path: string;
  /** Lower case: what is wrong, `found "15x"`, `unknown key`. Never a credential. */
  readonly text: string;
  /** What would be right: `a duration like 30s, 15m or 1h30m`. */
  readonly allowed: string | undefined;
  /** What was probably meant. */
  readonly suggestion: string | undefined;
}

/** Both count from 1, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export type Path = readonly (string | number)[];

/** A problem before anybody has looked up where in the file it is. */
export interface Finding {
  readonly path: Path;
  /** Shown in place of `path`, whose last key may be a credential. */
  readonly shownPath?: Path;
  /** Where to point: at the key itself (it should not be there), or at its value. The value when absent. */
  readonly target?: 'key' | 'value';
  readonly text: string;
  readonly allowed?: string | undefined;
  readonly suggestion?: string | undefined;
  /** Of several findings at one place only the one that demands most is reported: who follows it has followed all. */
  readonly demand?: number | undefined;
}

/** `config/app.yaml:12:5 providers[0].refreshAftr: unknown key; allowed: …; did you mean "refreshAfter"?` */
export function formatProblem(problem: Problem): string {
  const { file, position, path, text, allowed, suggestion } = problem;
  const place = position === undefined ? `${file}:` : `${file}:${position.line}:${position.column}`;
  const parts = [
    path === '' ? text : `${path}: ${text}`,
    ...(allowed === undefined ? [] : [`allowed: ${allowed}`]),
    ...(suggestion === undefined ? [] : [`did you mean "${suggestion}"?`]),
  ];
  return `${place} ${parts.join('; ')}`;
}

/** `providers[1].refreshAfter`; keys that are no plain words are quoted. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, segment) => {
    if (typeof segment === 'number') return `${text}[${segment}]`;
    if (!/^[\w-]{1,60}$/.test(segment) || mayBeSecret(segment)) return `${text}[${quoteKey(segment)}]`;
    return text === '' ? segment : `${text}.${segment}`;
  }, '');
}

function quoteKey(key: string): string {
  if (mayBeSecret(key)) return 'a key that is not shown';
  return key.length > 60 ? 'a long key' : quoteVisibly(key);
}
