/**
 * No chain is lost by us: no refresh token is presented again after a success was answered for it.
 *
 * What is excused, each by its cause: the answer was lost (then the written rule asks for a second try), or the process
 * that got it was killed, stopped or lost its leadership before the store had the next refresh token. Once the store
 * has it, there is no excuse.
 */
import { findCause } from './fetch-reason.ts';
import { type Verdict, VerdictBuilder } from './finding.ts';
import type { Observation } from './observation.ts';
import type { TokenCall } from './token-call.ts';

export function checkSpentTokens(observed: Observation): Verdict {
  const verdict = new VerdictBuilder();
  const firstSuccess = new Map<string, TokenCall>();
  for (const call of observed.calls.toSorted((a, b) => a.sentAtMs - b.sentAtMs)) {
    const { presented } = call;
    if (presented === undefined) continue;
    const first = firstSuccess.get(presented);
    if (first === undefined) {
      if (call.issued !== undefined) firstSuccess.set(presented, call);
      continue;
    }
    const savedAtMs = findSavedAt(observed, first);
    const isSaved = savedAtMs !== undefined && savedAtMs < call.sentAtMs;
    const who = `${call.process} presented a refresh token of ${call.token} that ${first.process} had spent`;
    const cause = isSaved ? undefined : findCause(observed, first, call);
    verdict.add(call.sentAtMs, isSaved ? `${who}, and the next one was in the store` : who, cause);
  }
  return verdict;
}

/** When the store had the refresh token that a success brought. */
function findSavedAt({ writes }: Observation, { issued }: TokenCall): number | undefined {
  const next = issued?.refreshToken;
  if (next === undefined) return undefined;
  const put = writes.find(({ text }) => text?.includes(next) === true);
  return writes.find(({ version, movesCurrent }) => movesCurrent && version === put?.version)?.doneAtMs;
}
