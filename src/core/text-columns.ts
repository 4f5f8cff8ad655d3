/**
 * Text in the columns of a terminal. Pure.
 *
 * Non-guarantee: terminals disagree about new emoji and about characters that are narrow in the West and wide elsewhere;
 * those count as one column.
 */

/** East Asian Wide and Fullwidth (Unicode Standard Annex 11), by block: a few unassigned characters are among them. */
const WIDE =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f200}-\u{1f2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
/** Makes a character that is a text by default an emoji. */
const EMOJI_STYLE = '\ufe0f';
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}\p{Cc}]+$/u;
const PLAIN = /^[ -~]*$/;

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** How many columns a terminal gives to it. */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  return charactersOf(text).reduce((sum, character) => sum + characterWidth(character), 0);
}

export function padColumns(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - textWidth(text)));
}

/** No wider than `width`; an ellipsis stands for what is missing at the end. */
export function cutEnd(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  return width < 1 ? '' : `${takeColumns(charactersOf(text), width - 1)}…`;
}

/** The same for names that begin alike, with the ellipsis in the middle: their ends tell them apart. */
export function cutMiddle(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  if (width < 1) return '';
  const characters = charactersOf(text);
  const head = takeColumns(characters, Math.floor((width - 1) / 2));
  const tail = takeColumns(characters.toReversed(), width - 1 - textWidth(head));
  return `${head}…${charactersOf(tail).toReversed().join('')}`;
}

/**
 * Lines no wider than `width`, broken between words; a word that is longer than a line is broken where the line ends.
 * @param indent blanks before every line but the first
 */
export function wrapColumns(text: string, width: number, indent = 0): readonly string[] {
  const margin = ' '.repeat(indent < width / 2 ? indent : 0);
  const lines: string[] = [];
  let line = '';
  let isEmpty = true;
  const breakLine = (): void => {
    lines.push(line);
    line = margin;
    isEmpty = true;
  };
  for (const word of text.trim().split(/\s+/u)) {
    if (!isEmpty && textWidth(line) + 1 + textWidth(word) > width) breakLine();
    if (!isEmpty) line += ' ';
    for (const character of textWidth(word) > width - textWidth(line) ? charactersOf(word) : [word]) {
      if (!isEmpty && textWidth(line) + textWidth(character) > width) breakLine();
      line += character;
      isEmpty = false;
    }
  }
  return [...lines, line];
}

function characterWidth(character: string): number {
  if (WIDE.test(character) || character.includes(EMOJI_STYLE)) return 2;
  return INVISIBLE.test(character) ? 0 : 1;
}

/** What people take for one character: with its accents and joiners. */
function charactersOf(text: string): readonly string[] {
  return Array.from(graphemes.segment(text), ({ segment }) => segment);
}

function takeColumns(characters: readonly string[], width: number): string {
  let left = width;
  let taken = '';
  for (const character of characters) {
    left -= characterWidth(character);
    if (left < 0) break;
    taken += character;
  }
  return taken;
}
