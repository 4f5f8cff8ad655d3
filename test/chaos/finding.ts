/** Something that must not have happened, and when: wall time in milliseconds. */
export interface Finding {
  readonly atMs: number;
  readonly what: string;
}

/** Something that looks like a finding and has a reason. */
export interface Excused extends Finding {
  readonly excuse: string;
}

/** What a check has found: what breaks a promise, and what only looks like it. */
export interface Verdict {
  readonly findings: readonly Finding[];
  readonly excused: readonly Excused[];
}

/** Collects the two kinds of results of a check. */
export class VerdictBuilder implements Verdict {
  readonly findings: Finding[] = [];
  readonly excused: Excused[] = [];

  /** @param excuse why it is no broken promise; `undefined` when it is one */
  add(atMs: number, what: string, excuse: string | undefined): void {
    if (excuse === undefined) this.findings.push({ atMs, what });
    else this.excused.push({ atMs, what, excuse });
  }
}
