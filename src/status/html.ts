/**
 * HTML as a value. Whatever is put into a template is escaped, unless it is HTML itself.
 *
 * Guarantee: no text that is put between tags or into a quoted attribute can end it.
 * Non-guarantee: an attribute without quotes, a script or a style are no places for a text; there is none here.
 */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type HtmlPart = string | number | Html | readonly (Html | undefined)[] | undefined;

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** A template tag. `undefined` is nothing, an array is joined. */
export function html(strings: TemplateStringsArray, ...parts: readonly HtmlPart[]): Html {
  let text = strings[0] ?? '';
  for (const [index, part] of parts.entries()) text += textOf(part) + (strings[index + 1] ?? '');
  return new Html(text);
}

function textOf(part: HtmlPart): string {
  if (part === undefined) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'object') return part.map((each) => each?.text).join('');
  return escapeHtml(String(part));
}

/** For between tags and for quoted attributes; what is no Unicode or cannot be seen becomes U+FFFD. */
export function escapeHtml(text: string): string {
  return (
    text
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex -- they are what is looked for
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, '\ufffd')
      .replace(/[&<>"']/g, (character) => ESCAPES[character] ?? '')
  );
}
