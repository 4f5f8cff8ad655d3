import type { Failure } from './failure.ts';

/** An expected outcome: a value, or a {@link Failure} that was classified where it was seen. Faults (bugs) throw. */
export type Result<T> = Success<T> | Failed;

export interface Success<T> {
  readonly ok: true;
  readonly value: T;
}

export interface Failed {
  readonly ok: false;
  readonly failure: Failure;
}

export function succeed<T>(value: T): Success<T> {
  return { ok: true, value };
}

export function fail(failure: Failure): Failed {
  return { ok: false, failure };
}

/** What a text says, or what is wrong with it: in words that continue a sentence and never quote a secret. */
export type Parsed<T> = ({ readonly ok: true } & T) | { readonly ok: false; readonly problem: string };
