import { VERSION_DAY_MS } from '../../core/limits/version-pace.ts';
import { type Result, succeed } from '../../core/result.ts';
import { type CallOptions, callService } from './store-call.ts';

/** The service's limit. */
const VERSIONS_PER_PAGE = 100;
/** The service keeps 100 versions, and all of the last day: beyond so many pages something else is wrong. */
const MAX_PAGES = 10;

/**
 * Ages of a secret's versions that are younger than a day; deprecated ones (without a label) are among them, because they
 * count as well. Ages follow from the service's own clock: ours may be wrong by hours, and the day would then be another one.
 */
export async function readVersionAges(
  options: CallOptions,
  secretName: string,
  signal: AbortSignal,
): Promise<Result<readonly number[]>> {
  const call = { operation: 'ListSecretVersionIds', secretName };
  const agesMs: number[] = [];
  let nextToken: string | undefined;
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const page = nextToken === undefined ? {} : { NextToken: nextToken };
    const listed = await callService(options, call, signal, (service, limited) =>
      service.listSecretVersionIds(
        { SecretId: secretName, IncludeDeprecated: true, MaxResults: VERSIONS_PER_PAGE, ...page },
        limited,
      ),
    );
    if (!listed.ok) return listed.failure.code === 'store-missing' ? succeed([]) : listed;
    const { answer, answeredAtMs = options.clock.now() } = listed.value;
    for (const { CreatedDate: created } of answer.Versions ?? []) {
      // The header has whole seconds: what was created since then has no age yet.
      const ageMs = created === undefined ? VERSION_DAY_MS : Math.max(0, answeredAtMs - created.getTime());
      if (ageMs < VERSION_DAY_MS) agesMs.push(ageMs);
    }
    nextToken = answer.NextToken;
    if (nextToken === undefined) break;
  }
  return succeed(agesMs);
}
