import { isJsonObject, parseJson } from '../../src/core/wire/json.ts';
import type { Disturbance, Stretch } from './disturbance.ts';
import type { LeaseTerm } from './lease-terms.ts';
import type { ProcessHistory } from './process-history.ts';
import type { StoreRead, StoreWrite } from './store-call.ts';
import type { TokenCall } from './token-call.ts';
import type { TokenReport } from './token-report.ts';

/** Everything that a run was seen to do, by those who stand outside of the processes. */
export interface Observation {
  readonly writes: readonly StoreWrite[];
  readonly reads: readonly StoreRead[];
  readonly calls: readonly TokenCall[];
  readonly terms: readonly LeaseTerm[];
  readonly history: ProcessHistory;
  readonly disturbances: readonly Disturbance[];
  /** When something was wrong with the mirror. */
  readonly mirrorFaults: readonly Stretch[];
  readonly reports: readonly TokenReport[];
}

/** A value that became current in a secret. */
export interface Publication {
  readonly write: StoreWrite;
  readonly atMs: number;
  readonly text: string;
}

/** What each secret held, one after the other, by the name of the secret. */
export function findPublications(writes: readonly StoreWrite[]): ReadonlyMap<string, readonly Publication[]> {
  const texts = new Map<string, string>();
  const publications = new Map<string, Publication[]>();
  for (const { version, text } of writes) {
    if (version !== undefined && text !== undefined) texts.set(version, text);
  }
  const done = writes.filter(({ movesCurrent }) => movesCurrent);
  for (const write of done.toSorted((a, b) => (a.doneAtMs ?? 0) - (b.doneAtMs ?? 0))) {
    const text = texts.get(write.version ?? '') ?? '';
    const known = publications.get(write.secret) ?? [];
    publications.set(write.secret, [...known, { write, atMs: write.doneAtMs ?? 0, text }]);
  }
  return publications;
}

/** When a process had looked last at a secret that another one has written since; `undefined` when it could know. */
export function findMissedAt(
  { reads }: Observation,
  { process, sentAtMs }: Pick<TokenCall, 'process' | 'sentAtMs'>,
  write: StoreWrite,
): number | undefined {
  if (write.process === process) return undefined;
  const looks = reads.filter(
    (read) => read.process === process && read.secrets.includes(write.secret) && read.sentAtMs <= sentAtMs,
  );
  const lookedAtMs = Math.max(...looks.map((look) => look.sentAtMs));
  return lookedAtMs < (write.doneAtMs ?? 0) ? lookedAtMs : undefined;
}

/** A moment in a field of a document, wall time in milliseconds; `NaN` when there is none. */
export function momentIn(text: string, field: string): number {
  const parsed = parseJson(text);
  const value = isJsonObject(parsed) ? parsed[field] : undefined;
  return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}
