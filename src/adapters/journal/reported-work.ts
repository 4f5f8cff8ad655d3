import { withDeadline } from '../../core/deadline.ts';
import { describeFileError } from '../../core/file-error.ts';
import type { Clock } from '../../core/ports.ts';
import type { PrivateFiles } from './private-directory.ts';

/** A disk that hangs must not keep a refresh token from the store. */
const LIMIT_MS = 5000;
const NEVER = new AbortController().signal;

/** What everything that is recorded in the journal's directory needs. */
export interface RecordDeps {
  readonly directory: PrivateFiles;
  readonly clock: Clock;
  /** Told what goes wrong, in words that hold nothing secret; the same problem in a row is reported once. */
  readonly report: (problem: string) => void;
}

/** Work on files whose failure is reported instead of thrown. */
export class ReportedWork {
  readonly #deps: RecordDeps;
  #lastProblem: string | undefined;

  constructor(deps: RecordDeps) {
    this.#deps = deps;
  }

  /** `undefined` when the work failed or did not end in time. @param trouble begins the report of that */
  async attempt<T>(trouble: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const done = await withDeadline(this.#deps.clock, LIMIT_MS, NEVER, work);
      if (this.#lastProblem?.startsWith(trouble) === true) this.#lastProblem = undefined;
      return done;
    } catch (error) {
      this.tell(`${trouble} (${describeFileError(error)})`);
      return undefined;
    }
  }

  tell(problem: string): void {
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    this.#deps.report(`journal ${this.#deps.directory.path}: ${problem}`);
  }
}
