/** Paths into a JSON answer: `data.token`, `items[0].id`, `["a.b"].c`. Own properties only; no wildcard, no filter. */
import { valueAtPath } from '../core/wire/json.ts';

export interface AnswerPath {
  /** As it was written, for messages. */
  readonly text: string;
  readonly steps: readonly (string | number)[];
}

export const PATH_FORM = 'a path like access_token, data.token, items[0].id or ["a.b"].c';

const MAX_STEPS = 12;

/** `undefined` for a text that is no path. */
export function parsePath(text: string): AnswerPath | undefined {
  const steps: (string | number)[] = [];
  let at = 0;
  while (at < text.length) {
    const step = readStep(text, at, steps.length === 0);
    if (step === undefined) return undefined;
    steps.push(step.value);
    at = step.end;
  }
  return steps.length === 0 || steps.length > MAX_STEPS ? undefined : { text, steps };
}

const PLAIN_STEP = /[A-Za-z0-9_$@:-]+/y;
const INDEX_STEP = /\[(\d{1,4})\]/y;
const QUOTED_STEP = /\["((?:[^"\\]|\\["\\])+)"\]/y;

function readStep(
  text: string,
  at: number,
  isFirst: boolean,
): { readonly value: string | number; readonly end: number } | undefined {
  const match = (pattern: RegExp, from: number): RegExpExecArray | null => {
    pattern.lastIndex = from;
    return pattern.exec(text);
  };
  const index = match(INDEX_STEP, at);
  if (index !== null) return { value: Number(index[1]), end: INDEX_STEP.lastIndex };
  const quoted = match(QUOTED_STEP, at);
  if (quoted !== null)
    return { value: (quoted[1] ?? '').replace(/\\(["\\])/g, '$1'), end: QUOTED_STEP.lastIndex };
  const hasDot = text[at] === '.';
  if (hasDot === isFirst) return undefined;
  const plain = match(PLAIN_STEP, hasDot ? at + 1 : at);
  return plain === null ? undefined : { value: plain[0], end: PLAIN_STEP.lastIndex };
}

/** What lies there; `undefined` when nothing does. */
export function valueAt(root: unknown, { steps }: AnswerPath): unknown {
  return valueAtPath(root, steps);
}

/** What holds the value at a path: `data` of `data.token`. */
export function parentAt(root: unknown, { steps }: AnswerPath): unknown {
  return valueAtPath(root, steps.slice(0, -1));
}
