/**
 * Whether two lists of providers, as `wiring/installation.ts` makes them, are of one installation: they have a provider in
 * common. A change that is being rolled out leaves most of them as they are; installations that share nothing but a Lease
 * have none in common.
 */
export function isSameInstallation(some: string, other: string): boolean {
  const known = new Set(some.split(SEPARATOR));
  return other.split(SEPARATOR).some((each) => known.has(each));
}

export const SEPARATOR = '.';
