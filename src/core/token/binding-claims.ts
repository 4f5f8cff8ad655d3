/** Which bindings get what they ask for, when several ask for the same. */

/** A binding that is fine by itself. */
export interface Claim {
  /** The secret that holds the binding. */
  readonly secretName: string;
  /** When that secret was created, wall time in milliseconds. */
  readonly createdAtMs: number;
  readonly customer: string;
  /** The secrets that the customer's token would be written to. */
  readonly targets: readonly string[];
}

export interface Verdict<Claimed extends Claim> {
  readonly granted: readonly Claimed[];
  /** Why not, by the name of the binding's secret. */
  readonly refused: ReadonlyMap<string, string>;
}

/**
 * The older binding comes first, whoever asks and whenever: all replicas decide alike, and a new binding takes nothing
 * away from one that is in use.
 * @param describeOwner what a secret is used for already: `the token of acme is written to it`; `undefined`: nothing
 */
export function decideClaims<Claimed extends Claim>(
  claims: readonly Claimed[],
  describeOwner: (secretName: string) => string | undefined,
): Verdict<Claimed> {
  const granted: Claimed[] = [];
  const refused = new Map<string, string>();
  const holders = new Map<string, string>();
  const targets = new Map<string, string>();
  for (const claim of claims.toSorted(byAge)) {
    const { secretName, customer } = claim;
    const holder = holders.get(customer);
    const taken = claim.targets.find((target) => targets.has(target) || describeOwner(target) !== undefined);
    if (holder !== undefined) {
      refused.set(secretName, `customer ${customer} is bound by the older secret ${holder} already`);
    } else if (taken !== undefined) {
      const owner = describeOwner(taken) ?? `the token of customer ${targets.get(taken)} is written to it`;
      refused.set(
        secretName,
        `the token of customer ${customer} would be written to secret ${taken}, but ${owner}`,
      );
    } else {
      granted.push(claim);
      holders.set(customer, secretName);
      for (const target of claim.targets) targets.set(target, customer);
    }
  }
  return { granted, refused };
}

function byAge(a: Claim, b: Claim): number {
  return a.createdAtMs - b.createdAtMs || (a.secretName < b.secretName ? -1 : 1);
}
