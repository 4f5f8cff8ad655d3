/** What a report of a refused token has led to, as people read it in the log, in alerts and in answers. */
import { type Cap, MAX_A_DAY, MAX_AN_HOUR, type RejectionOutcome } from './decide-rejection.ts';

const LEFT_TO_THE_SCHEDULE = 'none is fetched for reports until the next regular or explicit refresh';

/** Why a token is not fetched for reports any more. */
export const CAPS: Readonly<Record<Cap, string>> = {
  'refused-again': `a token that was fetched because of such reports is refused as well, so ${LEFT_TO_THE_SCHEDULE}`,
  'same-again': 'the provider has handed out the refused token again, so asking at once is of no use',
  'an-hour': `a token was fetched ${MAX_AN_HOUR} times in an hour because of such reports, which is the most`,
  'a-day': `a token was fetched ${MAX_A_DAY} times in 24 hours because of such reports, which is the most`,
};

const OUTCOMES: Readonly<Record<RejectionOutcome, string>> = {
  replaced: 'readers see another token by now',
  refreshing: 'a refresh is under way',
  fetch: 'a new token is fetched now',
  'cooling-down': 'the provider was asked too recently to be asked again',
  budget: 'fetchBudget has no room for another call',
  'provider-asked': 'the provider or the store has asked to be left alone for a while',
  capped: CAPS['refused-again'],
  absent: 'no token is published at present',
};

/** @param cap undefined: reports still lead to a fetch */
export function describeOutcome(outcome: RejectionOutcome, cap: Cap | undefined): string {
  return cap === undefined ? OUTCOMES[outcome] : CAPS[cap];
}
