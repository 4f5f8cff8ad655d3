/** Holds lines back until something else has been said first. */
export class HeldLines {
  readonly #write: (line: string) => void;
  #held: string[] | undefined = [];

  constructor(write: (line: string) => void) {
    this.#write = write;
  }

  write(line: string): void {
    if (this.#held === undefined) this.#write(line);
    else this.#held.push(line);
  }

  /** Lets go of what was held; from now on lines pass. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const line of held) this.#write(line);
  }
}
