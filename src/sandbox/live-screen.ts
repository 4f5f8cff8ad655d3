/** What stands on the terminal while the sandbox runs, as lines that fit. Pure. */
import { decideTokenState, type MirrorRecord, TOKEN_STATES, type TokenRecord } from '../core/board.ts';
import { type Failure, needsPerson } from '../core/failure.ts';
import { CAPS } from '../core/rejection/rejection-text.ts';
import { cutEnd, wrapColumns } from '../core/text-columns.ts';
import { formatTokens } from '../core/wire/time-text.ts';
import { type LiveTableLook, paint, renderLiveTable } from './live-table-text.ts';

export interface ScreenContent {
  readonly records: readonly TokenRecord[];
  readonly mirrors: readonly MirrorRecord[];
  /** Oldest first. A line break in them is one on the screen. */
  readonly alerts: readonly string[];
  /** Oldest first. */
  readonly news: readonly string[];
  readonly footer: string | undefined;
}

export interface ScreenLook extends LiveTableLook {
  /** Lines of the terminal; `undefined`: as many as it takes. */
  readonly height: number | undefined;
}

/** Under a time of day. */
const TIMED_INDENT = '12:00:00 UTC '.length;
const INDENT = 2;
const MAX_NAMES = 3;

/**
 * The table, what fails now, the latest alert and the headlines of those before it, the latest news, the footer: none is
 * cut in the middle of a sentence. Where lines are scarce the oldest news go first, then the oldest alerts; of the failures
 * those that need people come first, and a line says how many are missing.
 */
export function composeScreen(content: ScreenContent, look: ScreenLook): readonly string[] {
  const { width, height, color } = look;
  const footer = content.footer === undefined ? [] : wrapColumns(content.footer, width);
  // The cursor stands on the line below the last one.
  const room = height === undefined ? Number.POSITIVE_INFINITY : Math.max(2, height - 1);
  const rows = content.records.length + 1;
  if (rows > room) return cutTable(content.records, footer, room, look);

  const lines = renderLiveTable(content.records, look).split('\n');
  if (rows + footer.length > room) return lines;
  const end = footer.length === 0 ? [] : ['', ...footer];
  const failures = groupFailures(content).map(({ name, code, message, needsPeople }) =>
    wrapColumns(`${name}: ${code}: ${message}`, width, INDENT).map((line) =>
      paint(line, needsPeople ? 'red' : 'yellow', color),
    ),
  );
  const left = (): number => room - lines.length - end.length;
  const addSection = (heading: string, blocks: readonly (readonly string[])[]): void => {
    if (blocks.length > 0) lines.push('', paint(cutEnd(heading, width), 'bold', color), ...blocks.flat());
  };
  addSection('FAILING NOW', takeFailures(failures, left() - 2, width));
  const latest = content.alerts.length - 1;
  const alerts = content.alerts.map((alert, index) =>
    wrapLines(index === latest ? alert : (alert.split('\n', 1)[0] ?? ''), width),
  );
  addSection('ALERTS, as your Slack channel would get them', takeLatest(alerts, left() - 2));
  const news = content.news.map((text) => wrapColumns(withoutControls(text), width, TIMED_INDENT));
  addSection('NEWS', takeLatest(news, left() - 2));
  return end.length <= room - lines.length ? [...lines, ...end] : [...lines, ...footer];
}

/** The worst of them, and a line that says how many more there are. */
function cutTable(
  records: readonly TokenRecord[],
  footer: readonly string[],
  room: number,
  look: ScreenLook,
): readonly string[] {
  const below = footer.length <= room / 3 ? footer : [];
  const severity = (record: TokenRecord): number =>
    TOKEN_STATES.indexOf(decideTokenState(record, look.nowMs));
  const worst = records.toSorted((a, b) => severity(a) - severity(b)).slice(0, room - 2 - below.length);
  const more = cutEnd(`and ${records.length - worst.length} more`, look.width);
  return [...renderLiveTable(worst, look).split('\n'), more, ...below];
}

interface Failing {
  readonly name: string;
  readonly code: string;
  readonly message: string;
  readonly needsPeople: boolean;
}

/** Tokens that fail or are refused for the same reason are named together; mirrors come after tokens. */
function groupFailures({ records, mirrors }: Pick<ScreenContent, 'records' | 'mirrors'>): readonly Failing[] {
  const tokens = records.flatMap(({ identity: { token }, failure, refusal }) => [
    ...(failure === undefined ? [] : [describeFailing(token, failure)]),
    ...(refusal?.cap === undefined
      ? []
      : [{ name: token, code: 'refused', message: CAPS[refusal.cap], needsPeople: true }]),
  ]);
  const reasons = Map.groupBy(tokens, ({ code, message }) => JSON.stringify([code, message])).values();
  const ofTokens = [...reasons].flatMap((alike) => {
    const names = alike.slice(0, MAX_NAMES).map(({ name }) => name);
    const more = alike.length - names.length;
    const name = `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
    return alike.slice(0, 1).map((first) => ({ ...first, name }));
  });
  const ofMirrors = mirrors.flatMap(({ place, failure, behind }) =>
    failure === undefined ? [] : describeFailing(`mirror ${place}, ${formatTokens(behind)} behind`, failure),
  );
  return [...ofTokens, ...ofMirrors].toSorted((a, b) => Number(b.needsPeople) - Number(a.needsPeople));
}

function describeFailing(name: string, failure: Failure): Failing {
  const { code, message } = failure;
  return { name, code, message: withoutControls(message), needsPeople: needsPerson(failure) };
}

function takeFailures(
  blocks: readonly (readonly string[])[],
  room: number,
  width: number,
): readonly (readonly string[])[] {
  if (blocks.flat().length <= room) return blocks;
  const shown = blocks.filter((_, index) => blocks.slice(0, index + 1).flat().length < room);
  const missing = blocks.length - shown.length;
  const note = cutEnd(`and ${missing} more, on the status page`, width);
  return room < 1 ? [] : [...shown, [note]];
}

/** The last ones that fit, whole. */
function takeLatest(blocks: readonly (readonly string[])[], room: number): readonly (readonly string[])[] {
  return blocks.filter((_, index) => blocks.slice(index).flat().length <= room);
}

function wrapLines(text: string, width: number): readonly string[] {
  const [first = '', ...others] = text.split('\n').map(withoutControls);
  const indent = width > 2 * TIMED_INDENT ? TIMED_INDENT : 0;
  return [
    ...wrapColumns(first, width, indent),
    ...others.flatMap((line) => wrapColumns(line, width - indent).map((each) => ' '.repeat(indent) + each)),
  ];
}

function withoutControls(text: string): string {
  return text.replace(/\p{Cc}+/gu, ' ');
}
