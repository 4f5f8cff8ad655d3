import type { JsonObject } from '../../src/core/wire/json.ts';
import { timeOf } from '../support/program-output.ts';

/** A refresh that was planned for a time when the daemon was there. */
export interface Lateness {
  /** Wall time. */
  readonly plannedAtMs: number;
  /** Below 0: the tick before was nearer. */
  readonly latenessMs: number;
}

/** From the daemon's log, in its order: each refresh against what the token's line before had planned. */
export function findLatenesses(lines: readonly JsonObject[]): readonly Lateness[] {
  const startedAtMs = timeOf(lines.find(({ event }) => event === 'program-started') ?? {});
  const planned = new Map<string, number>();
  const latenesses: Lateness[] = [];
  for (const line of lines) {
    if (line['event'] !== 'token-restored' && line['event'] !== 'token-refreshed') continue;
    const token = String(line['token']);
    const plannedAtMs = planned.get(token) ?? 0;
    if (plannedAtMs > startedAtMs) latenesses.push({ plannedAtMs, latenessMs: timeOf(line) - plannedAtMs });
    planned.set(token, timeOf(line, 'refreshAt'));
  }
  return latenesses;
}
