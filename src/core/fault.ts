import { describeMachineTrouble } from './file-error.ts';

export interface FaultDescription {
  /** Class of the error, or the type of what was thrown instead of one. */
  readonly errorName: string;
  /** Where it was thrown: function, file and line. */
  readonly frames?: readonly string[];
}

/** What may be said of an error that nobody expected: its class and where it was thrown, never its message. */
export function describeFault(error: unknown): FaultDescription {
  if (!(error instanceof Error)) return { errorName: typeof error };
  return { errorName: errorName(error), frames: stackFrames(error) };
}

/** What is printed of an error that nobody expected: what the machine lacks, or as {@link describeFault}. */
export function explainFault(error: unknown): string {
  const trouble = describeMachineTrouble(error);
  if (trouble !== undefined) return `cannot go on (${trouble})`;
  return `unexpected failure, which may be a bug in token-refresher: please report ${JSON.stringify(describeFault(error))}`;
}

/** The error's class name, when it looks like one: `name` can be set to any text. */
export function errorName(error: Error): string {
  return /^\w{1,40}$/.test(error.name) ? error.name : 'Error';
}

/**
 * The frames below the message. They are taken only when the stack still holds the very message right before them, so
 * that a message of several lines, or one changed afterwards, cannot pass for a frame.
 */
function stackFrames(error: Error): readonly string[] {
  const stack = error.stack ?? '';
  const separator = `${error.message}\n    at `;
  const messageStart = stack.indexOf(separator);
  // `TypeError: `, `TypeError [ERR_INVALID_URL]: `, or the bare name when there is no message.
  if (messageStart < 0 || !/^[\w []*\]?(: )?$/.test(stack.slice(0, messageStart))) return [];
  return stack
    .slice(messageStart + error.message.length)
    .split('\n')
    .filter((line) => line.startsWith('    at '))
    .map((line) => line.trim());
}
