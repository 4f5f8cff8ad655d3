import {
  ListSecretVersionIdsCommand,
  type ListSecretVersionIdsResponse,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { parseHttpDate } from '../../core/http-date.ts';
import { isJsonObject } from '../../core/json.ts';
import type { Clock } from '../../core/ports.ts';
import { VERSION_DAY_MS } from '../../core/recent-writes.ts';

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
 * own clock, the `Date` of the answer: ours may be wrong by hours, and the day would then be another one.
 * @throws as the SDK does
 */
export async function fetchVersionPage(
  { client, clock }: { readonly client: SecretsManagerClient; readonly clock: Clock },
  page: { readonly secretName: string; readonly nextToken: string | undefined },
  abortSignal: AbortSignal,
): Promise<VersionPage> {
  const command = new ListSecretVersionIdsCommand({
    SecretId: page.secretName,
    IncludeDeprecated: true,
    MaxResults: VERSIONS_PER_PAGE,
    ...(page.nextToken === undefined ? {} : { NextToken: page.nextToken }),
  });
  let answeredAtMs: number | undefined;
  command.middlewareStack.add(
    (next) => async (input) => {
      const answer = await next(input);
      answeredAtMs = readDate(answer.response);
      return answer;
    },
    { step: 'deserialize', name: 'readAnswerDate' },
  );
  const { Versions: versions = [], NextToken: nextToken } = await client.send(command, { abortSignal });
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

function readDate(response: unknown): number | undefined {
  const headers = isJsonObject(response) && isJsonObject(response['headers']) ? response['headers'] : {};
  const date = headers['date'];
  return typeof date === 'string' ? parseHttpDate(date) : undefined;
}
