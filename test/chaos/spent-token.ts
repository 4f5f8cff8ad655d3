/**
 * No chain is lost by us: no refresh token is presented again after a success was answered for it.
 *
 * What is excused, each by its cause: the answer was lost (then the written rule asks for a second try), or the process
 * that got it was killed, stopped or lost its leadership before the store had the next refresh token. Once the store
 * has it, there is no excuse, but for a write of an earlier leader that arrives between the last look at the state, right
 * before a call, and that call.
 */
import { findCause } from './fetch-reason.ts';
import { type Verdict, VerdictBuilder } from './finding.ts';
import { findMissedAt, type Observation } from './observation.ts';
import type { StoreWrite } from './store-call.ts';
import type { TokenCall } from './token-call.ts';

/** From the look at the state to the call, on a busy machine. */
const LOOK_MS = 5000;

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
    const save = findSave(observed, first);
    const isSaved =
      save?.doneAtMs !== undefined &&
      save.doneAtMs < call.sentAtMs &&
      (findMissedAt(observed, call, save) ?? 0) < call.sentAtMs - LOOK_MS;
    const who = `${call.process} presented a refresh token of ${call.token} that ${first.process} had spent`;
    const cause = isSaved ? undefined : findCause(observed, first, call);
    verdict.add(call.sentAtMs, isSaved ? `${who}, and the next one was in the store` : who, cause);
  }
  return verdict;
}

/** What made the store have the refresh token that a success brought. */
function findSave({ writes }: Observation, { issued }: TokenCall): StoreWrite | undefined {
  const next = issued?.refreshToken;
  if (next === undefined) return undefined;
  const put = writes.find(({ text }) => text?.includes(next) === true);
  return writes.find(({ version, movesCurrent }) => movesCurrent && version === put?.version);
}
