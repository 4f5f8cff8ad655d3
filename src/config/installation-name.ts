/** What receivers call an installation whose configuration gives it no name. */
import { createHash } from 'node:crypto';

/** What tells one installation from another, and is the same for all its replicas and after each restart. */
export interface InstallationPlace {
  /** Of the Lease or of the pod. */
  readonly namespace: string | undefined;
  /** Where replicas agree by one. */
  readonly leaseName: string | undefined;
  /** Of the store. */
  readonly region: string | undefined;
}

const PROGRAM = 'token-refresher';
/** Part of keys that receivers bound. */
const MAX_LENGTH = 64;

/**
 * `token-refresher/payments/ap-southeast-3`: receivers tell alerts apart by the installation's name, so two with the same
 * would end each other's. It holds a slash where it is more than the program's name, so no configured name equals it.
 */
export function nameInstallation({ namespace, leaseName, region }: InstallationPlace): string {
  const lease = leaseName === PROGRAM ? undefined : leaseName;
  const name = [PROGRAM, namespace, lease, region].filter((part) => part !== undefined).join('/');
  if (name.length <= MAX_LENGTH) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, MAX_LENGTH - hash.length - 1)}-${hash}`;
}
