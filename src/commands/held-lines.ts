/** Holds lines back until something else has been said first. */
export class HeldLines {
  readonly #write: (line: string) => boolean;
  #held: string[] | undefined = [];

  constructor(write: (line: string) => boolean) {
    this.#write = write;
  }

  /** @returns false when the line is lost */
  write(line: string): boolean {
    if (this.#held === undefined) return this.#write(line);
    this.#held.push(line);
    return true;
  }

  /** Lets go of what was held; from now on lines pass. */
  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const line of held) this.#write(line);
  }
}
