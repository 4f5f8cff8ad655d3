/**
 * The part of a terminal that the live table uses: lines that wrap at the width, cursor up and to the first line, carriage
 * return, clear to the end of the line and of the screen. Anything else that starts with an escape is refused.
 */
export class Screen {
  readonly #width: number;
  #lines: string[] = [''];
  #row = 0;
  #column = 0;

  constructor(width: number) {
    this.#width = width;
  }

  write(text: string): void {
    for (const [piece] of text.matchAll(/\p{Cc}\[\d*[A-Za-z]|[^]/gu)) this.#apply(piece);
  }

  /** What stands on it, without blanks at the ends of lines and without empty lines at the end. */
  get lines(): readonly string[] {
    const lines = this.#lines.map((line) => line.trimEnd());
    while (lines.at(-1) === '') lines.pop();
    return lines;
  }

  #apply(piece: string): void {
    const escape = /^\p{Cc}\[(\d*)([A-Za-z])$/u.exec(piece);
    if (escape !== null) this.#obey(escape[2] ?? '', Number(escape[1] || 1));
    else if (piece === '\n') this.#moveTo(this.#row + 1, 0);
    else if (piece === '\r') this.#column = 0;
    else if (piece < ' ') throw new Error(`the screen does not know ${JSON.stringify(piece)}`);
    else this.#print(piece);
  }

  #obey(command: string, count: number): void {
    if (command === 'A') this.#row = Math.max(0, this.#row - count);
    else if (command === 'H') this.#moveTo(0, 0);
    else if (command === 'K') this.#setLine(this.#line.slice(0, this.#column));
    else if (command === 'J') {
      this.#setLine(this.#line.slice(0, this.#column));
      this.#lines.length = this.#row + 1;
    } else throw new Error(`the screen does not know the command ${command}`);
  }

  #print(character: string): void {
    if (this.#column === this.#width) this.#moveTo(this.#row + 1, 0);
    const line = this.#line.padEnd(this.#column);
    this.#setLine(`${line.slice(0, this.#column)}${character}${line.slice(this.#column + 1)}`);
    this.#column += 1;
  }

  #moveTo(row: number, column: number): void {
    this.#row = row;
    this.#column = column;
    while (this.#lines.length <= row) this.#lines.push('');
  }

  get #line(): string {
    return this.#lines[this.#row] ?? '';
  }

  #setLine(line: string): void {
    this.#lines[this.#row] = line;
  }

  /** A narrower or wider terminal that wraps what it shows anew, with the cursor on the line below. */
  resizedTo(width: number): Screen {
    const resized = new Screen(width);
    resized.write(
      this.#lines
        .slice(0, this.#row)
        .map((line) => `${line}\n`)
        .join(''),
    );
    return resized;
  }
}
