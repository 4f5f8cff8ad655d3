/** What is wrong with a description, before anybody has looked up where in the file it is. */
export type FaultPath = readonly (string | number)[];

/** Notes a fault. @param text lower case, as in {@link Fault} */
export type Refuse = (
  path: FaultPath,
  text: string,
  allowed?: string,
  more?: Omit<Fault, 'path' | 'text' | 'allowed'>,
) => void;

export interface Fault {
  /** Inside the description. */
  readonly path: FaultPath;
  readonly target?: 'key' | 'value';
  /** Lower case: `there is no credential of the name clientld`; left out, it is what lies there. */
  readonly text?: string;
  readonly allowed?: string | undefined;
  /** What was written, and what might have been meant. */
  readonly written?: string;
  readonly candidates?: readonly string[];
  /** A name that nothing uses: when it is what another fault has misspelt, that is reported alone. */
  readonly unused?: string;
  /** True when it may be due to what is wrong elsewhere in the description. */
  readonly needsWhole?: boolean;
}
