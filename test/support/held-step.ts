/** A point at which a fake stops until the test lets it go on, as a paused process does. */
export class HeldStep {
  /** Resolves when the code under test has got there. */
  readonly reached: Promise<void>;
  readonly released: Promise<void>;
  #reach: () => void = () => undefined;
  #release: () => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
    this.released = new Promise((resolve) => {
      this.#release = resolve;
    });
  }

  /** Called by the fake. */
  async pass(): Promise<void> {
    this.reach();
    await this.released;
  }

  reach(): void {
    this.#reach();
  }

  release(): void {
    this.#release();
  }
}
