/** Ways in which a server may spell a secret, and a search for a secret in a text that undoes them. */

export const SPELLINGS: Readonly<Record<string, (text: string) => string>> = {
  'as it is': (text) => text,
  'upper case': (text) => text.toUpperCase(),
  'lower case': (text) => text.toLowerCase(),
  'alternating case': (text) =>
    each(text, (char, at) => (at % 2 === 0 ? char.toUpperCase() : char.toLowerCase())),
  'JSON escapes': (text) => JSON.stringify(text).slice(1, -1),
  'JSON in JSON': (text) => JSON.stringify(JSON.stringify({ password: text })),
  'JSON in JSON in JSON': (text) => JSON.stringify(JSON.stringify(JSON.stringify(text))),
  'unicode escapes': (text) => each(text, (char) => `\\u${hexOf(char).padStart(4, '0')}`),
  'hex escapes': (text) => each(text, (char) => `\\x${hexOf(char)}`),
  'octal escapes': (text) => each(text, (char) => `\\${char.charCodeAt(0).toString(8)}`),
  percent: (text) => encodeURIComponent(text.toWellFormed()),
  'percent, each character': (text) => percentEach(text),
  'percent, twice': (text) => encodeURIComponent(percentEach(text)),
  'decimal entities': (text) => each(text, (char) => `&#${char.charCodeAt(0)};`),
  'hex entities': (text) => each(text, (char) => `&#x${hexOf(char)};`),
  'quoted printable': (text) => Buffer.from(text).toString('hex').toUpperCase().replace(/../g, '=$&'),
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  'base64 twice': (text) => Buffer.from(Buffer.from(text).toString('base64')).toString('base64'),
  'base64 reversed': (text) => reverse(Buffer.from(text).toString('base64')),
  'base64 of UTF-16': (text) => Buffer.from(text, 'utf16le').toString('base64'),
  hex: (text) => Buffer.from(text).toString('hex'),
  'hex with spaces': (text) => Buffer.from(text).toString('hex').replace(/../g, '$& '),
  'hex with colons': (text) =>
    Buffer.from(text)
      .toString('hex')
      .toUpperCase()
      .replace(/..(?=.)/g, '$&:'),
  'character codes': (text) => Array.from(text, (char) => char.charCodeAt(0)).join(' '),
  'character codes in brackets': (text) => JSON.stringify(Array.from(text, (char) => char.charCodeAt(0))),
  rot13: (text) => rotate(text, 13),
  'the next letter': (text) => rotate(text, 1),
  reversed: (text) => reverse(text),
  'reversed in upper case': (text) => reverse(text).toUpperCase(),
  'spaced out': (text) => Array.from(text).join(' '),
  'spaced out in pairs': (text) => pieces(text, 2).join(' '),
  'pieces of three': (text) => pieces(text, 3).join(' '),
  'pieces of five and dots': (text) => pieces(text, 5).join('. '),
  dots: (text) => Array.from(text).join('.'),
  hyphens: (text) => Array.from(text).join('-'),
  underscores: (text) => Array.from(text).join('_'),
  commas: (text) => Array.from(text).join(', '),
  lines: (text) => Array.from(text).join('\n'),
  'words between': (text) => Array.from(text).join(' invalid '),
  'words between pieces': (text) => pieces(text, 4).join(' token '),
  'glued to words': (text) =>
    pieces(text, 3)
      .map((piece) => `invalid${piece}token`)
      .join(' '),
  'zero-width characters': (text) => Array.from(text).join('\u200b'),
  'soft hyphens': (text) => Array.from(text).join('\u00ad'),
  'combining marks': (text) => each(text, (char) => `${char}\u0301`),
  'full width': (text) =>
    each(text, (char) => (/[!-~]/.test(char) ? String.fromCharCode(char.charCodeAt(0) + 0xfee0) : char)),
  'look-alike letters': (text) => each(text, (char) => LOOK_ALIKES.get(char) ?? char),
  leet: (text) => each(text.toLowerCase(), (char) => LEET.get(char) ?? char),
  'each twice': (text) => each(text, (char) => char + char),
  'without separators': (text) => text.replace(/[^A-Za-z0-9]+/g, ''),
  'words in another order': (text) =>
    text
      .split(/[^A-Za-z0-9]+/)
      .toReversed()
      .join(' '),
  'the digits in words': (text) =>
    each(text, (char) => (/\d/.test(char) ? ` ${DIGITS[Number(char)] ?? ''} ` : char)),
  'without the first character': (text) => text.slice(1),
  'without the last character': (text) => text.slice(0, -1),
  'the second half': (text) => text.slice(Math.floor(text.length / 2)),
  masked: (text) => `${text.slice(0, Math.ceil(text.length * 0.75))}****`,
};

const DIGITS = ['zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine'];
const LOOK_ALIKES = new Map(
  Object.entries({ a: 'а', e: 'е', o: 'о', c: 'с', p: 'р', x: 'х', i: 'і', s: 'ѕ' }),
);
const LEET = new Map(Object.entries({ a: '4', e: '3', i: '1', o: '0', s: '5', t: '7' }));

function each(text: string, spell: (char: string, at: number) => string): string {
  return Array.from(text, spell).join('');
}

function hexOf(char: string): string {
  return char.charCodeAt(0).toString(16).padStart(2, '0');
}

function percentEach(text: string): string {
  return Buffer.from(text).toString('hex').replace(/../g, '%$&');
}

function reverse(text: string): string {
  return Array.from(text).toReversed().join('');
}

function pieces(text: string, length: number): readonly string[] {
  return text.match(new RegExp(`.{1,${length}}`, 'gsu')) ?? [];
}

function rotate(text: string, by: number): string {
  return text.replace(/[a-z]/gi, (char) => {
    const first = char < 'a' ? 65 : 97;
    return String.fromCharCode(((char.charCodeAt(0) - first + by) % 26) + first);
  });
}

/** Searches each text once: of many inputs a sanitiser makes few different texts. */
export function createLeakSearch(): (text: string, secret: string) => boolean {
  const known = new Map<string, Map<string, boolean>>();
  return (text, secret) => {
    const ofSecret = known.get(secret) ?? new Map<string, boolean>();
    known.set(secret, ofSecret);
    const found = ofSecret.get(text) ?? shows(text, secret);
    ofSecret.set(text, found);
    return found;
  };
}

const PIECE_LENGTH = 6;

/**
 * Whether a text shows a piece of six characters of the secret (letters and digits), a shorter secret as a whole, or a
 * word that is part of it, in any of the spellings above.
 */
function shows(text: string, secret: string): boolean {
  const bare = plain(secret);
  const wanted =
    bare.length <= PIECE_LENGTH
      ? [bare]
      : Array.from({ length: bare.length - PIECE_LENGTH + 1 }, (_, at) => bare.slice(at, at + PIECE_LENGTH));
  const needles = wanted.filter((piece) => piece.length >= 3);
  if (needles.length > 0 && views(text).some((view) => needles.some((piece) => view.includes(piece))))
    return true;
  // A word of it, wherever it stands; in a long key short words are found by chance.
  const words = text
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word.length >= 3);
  return secret.length < 100 && words.some((word) => secret.toLowerCase().includes(word));
}

function plain(text: string): string {
  return text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '');
}

/** The text with one spelling undone in each, and again in each of those. */
function views(text: string): readonly string[] {
  const once = UNDO.map((undo) => undo(text));
  const twice = once.flatMap((view) => UNDO.map((undo) => undo(view)));
  return [...new Set([text, ...once, ...twice].map(plain))];
}

const UNDO: readonly ((text: string) => string)[] = [
  (text) => reverse(text),
  (text) => rotate(text, 13),
  (text) => rotate(text, 25),
  (text) => text.replace(/\b(?:invalid|token)\b/g, ''),
  (text) => text.replace(/invalid|token/g, ''),
  (text) =>
    text.replace(/(?:[\\]x|%|=|[\\]u00|&#x)([0-9a-f]{2});?/gi, (_, hex) =>
      String.fromCharCode(Number.parseInt(String(hex), 16)),
    ),
  (text) => text.replace(/%25/g, '%'),
  (text) => text.replace(/&?#?\b(\d{2,3})\b[;,]?/g, (_, code) => String.fromCharCode(Number(code))),
  (text) =>
    text.replace(/[\\](\d{2,3})/g, (_, code) => String.fromCharCode(Number.parseInt(String(code), 8))),
  (text) =>
    text.replace(/[A-Za-z0-9+/_-]{6,}/g, (run) =>
      Buffer.from(run, 'base64').toString('latin1').replace(/\0/g, ''),
    ),
  (text) =>
    text.replace(/[^0-9a-f]/gi, '').replace(/../g, (hex) => String.fromCharCode(Number.parseInt(hex, 16))),
  (text) => text.replace(/(.)\1/gs, '$1'),
  (text) => DIGITS.reduce((left, word, digit) => left.replaceAll(word, String(digit)), text),
  (text) => each(text, (char) => [...LOOK_ALIKES].find(([, alike]) => alike === char)?.[0] ?? char),
  (text) => each(text, (char) => [...LEET].find(([, digit]) => digit === char)?.[0] ?? char),
];
