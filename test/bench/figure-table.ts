import { type Figure, isMet } from './figure.ts';

const HEADINGS = ['metric', 'figure', 'noise', 'target', 'met'] as const;

/** The figures as a Markdown table: for a terminal and for the README. Notes follow as numbered lines. */
export function formatFigures(figures: readonly Figure[]): string {
  const notes = [...new Set(figures.flatMap(({ note }) => note ?? []))];
  const rows = figures.map((figure) => {
    const { metric, value, unit, noise, target, note } = figure;
    const mark = note === undefined ? '' : ` [${notes.indexOf(note) + 1}]`;
    return [
      `${metric}${mark}`,
      `${formatNumber(value)} ${unit}`.trim(),
      noise === undefined ? '' : `${formatNumber(noise.min)} .. ${formatNumber(noise.max)}`,
      target === undefined ? '' : `<= ${formatNumber(target)}`,
      { true: 'yes', false: 'NO', undefined: '' }[`${isMet(figure)}`],
    ];
  });
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  return [
    line(HEADINGS),
    `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`,
    ...rows.map(line),
    '',
    ...notes.map((note, index) => `[${index + 1}] ${note}`),
    '',
  ].join('\n');
}

/** Three significant digits, whole numbers from 1,000 on. */
function formatNumber(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return String(Number(value.toPrecision(3)));
}
