import type { ListSecretVersionIdsResponse } from '@aws-sdk/client-secrets-manager';
import { VERSION_DAY_MS } from '../../core/limits/version-pace.ts';
import type { Clock } from '../../core/ports.ts';
import type { SecretsManagerService } from './service.ts';

/** One page of a secret's versions, and the ages of those that are younger than a day. */
export interface VersionPage {
  readonly agesMs: readonly number[];
  /** Where the next page begins; `undefined` after the last one. */
  readonly nextToken: string | undefined;
}

/** The service's limit. */
const VERSIONS_PER_PAGE = 100;

/**
 * Lists versions, deprecated ones (without a label) included, because they count as well. Ages follow from the service's
 * own clock: ours may be wrong by hours, and the day would then be another one.
 * @throws as the SDK does
 */
export async function fetchVersionPage(
  { service, clock }: { readonly service: SecretsManagerService; readonly clock: Clock },
  page: { readonly secretName: string; readonly nextToken: string | undefined },
  signal: AbortSignal,
): Promise<VersionPage> {
  const { answer, answeredAtMs } = await service.listSecretVersionIds(
    {
      SecretId: page.secretName,
      IncludeDeprecated: true,
      MaxResults: VERSIONS_PER_PAGE,
      ...(page.nextToken === undefined ? {} : { NextToken: page.nextToken }),
    },
    signal,
  );
  const { Versions: versions = [], NextToken: nextToken } = answer;
  const nowMs = answeredAtMs ?? clock.now();
  return { agesMs: versions.flatMap((version) => youngAge(version, nowMs)), nextToken };
}

function youngAge(
  { CreatedDate: created }: NonNullable<ListSecretVersionIdsResponse['Versions']>[number],
  nowMs: number,
): readonly number[] {
  if (created === undefined) return [];
  // The header has whole seconds: what was created since then has no age yet.
  const ageMs = Math.max(0, nowMs - created.getTime());
  return ageMs < VERSION_DAY_MS ? [ageMs] : [];
}
