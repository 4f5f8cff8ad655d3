import { availableParallelism, cpus } from 'node:os';
import { type Figure, isMet } from './figure.ts';

export interface BenchRun {
  readonly scale: 'full' | 'quick';
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly node: string;
  readonly cores: number;
  readonly cpu: string;
}

export function describeRun(scale: BenchRun['scale']): BenchRun {
  return {
    scale,
    at: new Date().toISOString(),
    node: process.versions.node,
    cores: availableParallelism(),
    cpu: cpus()[0]?.model ?? 'unknown',
  };
}

/** JSON for machines: `{ run, figures: [{ metric, value, unit, noise?, target?, isMet?, note? }] }`. */
export function formatReport(figures: readonly Figure[], run: BenchRun): string {
  const judged = figures.map((figure) => ({ ...figure, isMet: isMet(figure) }));
  return `${JSON.stringify({ run, figures: judged }, undefined, 2)}\n`;
}
