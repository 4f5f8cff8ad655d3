/** What one attempt fills into a description. */
export interface Scope {
  /** Of a credential, a value, the customer, a refresh token; empty for a credential that may be left out and is. */
  readonly valueOf: (name: string) => string;
  readonly isPresent: (name: string) => boolean;
  /** Names stand for themselves (`‹clientId›`), to be looked at by people: nothing is checked. */
  readonly isPicture?: boolean;
}

/** Something cannot be filled in: the name of what is wrong, never its value. */
export class Unfillable extends Error {
  override readonly name = 'Unfillable';
  /** Names of what does not fit into its place. */
  readonly names: readonly string[];

  constructor(message: string, names: readonly string[]) {
    super(message);
    this.names = names;
  }
}
