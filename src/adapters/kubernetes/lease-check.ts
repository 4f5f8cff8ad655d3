import { isSameInstallation } from '../../core/installation.ts';
import type { CallLimits } from './api-client.ts';
import { nameHolder } from './lease.ts';
import type { LeaseClient } from './lease-client.ts';

/**
 * Whether this process could take part in the election: the lease can be read, or is not there, and the API server would
 * take what an election writes. Changes nothing.
 * @returns what is wrong, for people; `undefined` when nothing is
 */
export async function findLeaseProblem(client: LeaseClient, call: CallLimits): Promise<string | undefined> {
  const seen = await client.get(call);
  if (seen.kind === 'failed') return seen.problem.message;
  const rehearsed = await client.rehearse(seen.kind === 'lease' ? seen.lease : undefined, call);
  // What else may come of a dry run says nothing about a write: somebody was faster, or what is in between knows none.
  return rehearsed.kind === 'failed' && rehearsed.problem.isExplained === true
    ? rehearsed.problem.message
    : undefined;
}

/** Who holds the lease, as a sentence. @param installation of the caller */
export async function describeHolder(
  client: LeaseClient,
  installation: string,
  call: CallLimits,
): Promise<string> {
  const seen = await client.get(call);
  if (seen.kind === 'failed') return seen.problem.message;
  if (seen.kind !== 'lease' || seen.lease.record.holder === '') return 'nobody leads';
  const { installation: leading = installation } = seen.lease;
  const isOther = !isSameInstallation(leading, installation);
  return `${nameHolder(seen.lease.record.holder)} leads${isOther ? ', which keeps other tokens than these' : ''}`;
}
