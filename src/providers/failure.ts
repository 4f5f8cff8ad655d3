/**
 * What an answer that brought no token means, the same for every API: the first rule of its description that applies;
 * else the status that the answer states itself, what its `error` stands for, and the HTTP status.
 */

import type { Failure } from '../core/failure.ts';
import { longestWait, parseRateLimitReset, parseRetryAfterSeconds } from '../core/limits/retry-after.ts';
import type { SecretText } from '../core/secret-text.ts';
import { describeSkew, isSuspectSkew } from '../core/token/clock-skew.ts';
import { isHtmlPage } from './answer-body.ts';
import { type AnswerPath, valueAt } from './answer-path.ts';
import { chainBroken } from './chain.ts';
import { type Answer, compileCondition, compileFinder, compilePath, type Test } from './condition.ts';
import type { Description, ErrorRule } from './description.ts';
import type { Refuse } from './faults.ts';
import { impliedStatus, isInvalidGrant, statesError } from './oauth-error.ts';
import { type ProviderStatement, readStatement } from './provider-text.ts';
import {
  classifyStatus,
  credentialsRejected,
  describeAnswer,
  isSuccessStatus,
  providerNowMs,
  readRetryAfter,
} from './response-status.ts';

export interface PresentedRequest {
  /** All that must not be shown. */
  readonly secrets: readonly SecretText[];
  /** What to check when credentials are rejected: `clientId and clientSecret`. */
  readonly credentialNames: string;
  /** True when a refresh token was presented. */
  readonly hasSpentRefreshToken: boolean;
  /** True when it was all that was presented: whatever was rejected, it was that. */
  readonly isRefreshTokenAlone: boolean;
}

export interface FailureReader {
  /** Which rule of the list applies, from 0: also to a success without a token. */
  ruleFor(answer: Answer): number | undefined;
  classify(answer: Answer, presented: PresentedRequest): Failure;
  /** The answer says itself that it is an error. */
  statesFailure(answer: Answer): boolean;
}

interface Rule {
  /** Its place in the list. */
  readonly index: number;
  readonly applies: Test;
  readonly code: ErrorRule['code'];
  readonly readWait: ((answer: Answer) => number | undefined) | undefined;
  readonly advice: string | undefined;
}

/** SNAP's codes hold a status, a service and a case. */
const STATED_STATUS = /^([45]\d\d)(\d{4})?$/;

export function compileFailures(
  { errors, errorStatus }: Pick<Description, 'errors' | 'errorStatus'>,
  refuse: Refuse,
): FailureReader {
  const rules = errors.map(
    (rule, index): Rule => ({
      index,
      applies: compileCondition(rule.when, ['errors', index, 'when'], refuse),
      code: rule.code,
      readWait: rule.retryAfter === undefined ? undefined : compileWaits(rule.retryAfter),
      advice: rule.advice,
    }),
  );
  const place = errorStatus === undefined ? undefined : compilePath(errorStatus);
  const findRule = (answer: Answer): Rule | undefined => rules.find(({ applies }) => applies(answer));
  return {
    ruleFor: (answer) => findRule(answer)?.index,
    statesFailure: (answer) => statesError(answer.object) || readStated(answer, place) !== undefined,
    classify: (answer, presented) => classify(answer, presented, findRule(answer), place),
  };
}

function classify(
  answer: Answer,
  presented: PresentedRequest,
  rule: Rule | undefined,
  place: AnswerPath | undefined,
): Failure {
  const { response, object } = answer;
  const said = readStatement(object, presented.secrets);
  const answered = describeAnswer(response, said);
  const status =
    rule === undefined ? decideStatus(answer, place) : (STATUS_OF[rule.code] ?? decideStatus(answer, place));
  if (rule?.code === 'clock-skewed') return timestampRefused(answered, response.clockSkewMs, rule.advice);
  if (presented.hasSpentRefreshToken && isRefusal(answer, presented, rule, status))
    return chainBroken(answered);
  const retryAfterMs = rule?.readWait?.(answer);
  if (rule?.code === 'credentials-rejected' || (rule?.advice !== undefined && status === 401))
    return credentialsRejected(answered, rule.advice ?? presented.credentialNames, response.clockSkewMs);
  return classifyStatus({
    response,
    status,
    said,
    credentialNames: presented.credentialNames,
    ...adviceFor(answer, rule, status, said, presented),
    retryAfterMs,
  });
}

/** Some servers refuse a spent refresh token without a word. */
function adviceFor(
  { response }: Answer,
  rule: Rule | undefined,
  status: number,
  { code, message }: ProviderStatement,
  { hasSpentRefreshToken }: PresentedRequest,
): { readonly advice?: string } {
  if (rule?.advice !== undefined) return { advice: `check ${rule.advice}` };
  const isWordless = status === 400 && (code ?? message) === undefined && !isHtmlPage(response);
  return hasSpentRefreshToken && isWordless
    ? {
        advice: 'the refresh token may be spent, expired or revoked; else check the options of this provider',
      }
    : {};
}

/** The status that stands for a rule's code. */
const STATUS_OF: Readonly<Record<ErrorRule['code'], number | undefined>> = {
  'credentials-rejected': 401,
  'request-rejected': 400,
  'rate-limited': 429,
  'provider-unavailable': 503,
  // Where no refresh token was presented, the rule says nothing.
  'chain-broken': undefined,
  'clock-skewed': undefined,
};

/** Whether it is the refresh token that was refused. While a clock is wrong, one that is called invalid may be fine. */
function isRefusal(
  { response, object }: Answer,
  { isRefreshTokenAlone }: PresentedRequest,
  rule: Rule | undefined,
  status: number,
): boolean {
  if (rule?.code === 'chain-broken') return !isSuspectSkew(response.clockSkewMs);
  // A page for people rejects nothing.
  if (object === undefined) return false;
  if (isInvalidGrant(object)) return true;
  return isRefreshTokenAlone && status === 401;
}

/** The status to go by. */
function decideStatus(answer: Answer, place: AnswerPath | undefined): number {
  const { response, object } = answer;
  const stated = readStated(answer, place);
  const isOk = isSuccessStatus(response.status);
  // Gateways put 200 and 500 in place of everything; another status says more than the body.
  const counts =
    stated?.isWhole === true || isOk || (response.status === 500 && VAGUE_500.has(stated?.status ?? 0));
  return stated !== undefined && counts ? stated.status : impliedStatus(response, object);
}

const VAGUE_500 = new Set([401, 403, 429]);

interface StatedStatus {
  readonly status: number;
  /** True for SNAP's form, which no gateway makes. */
  readonly isWhole: boolean;
}

function readStated({ json }: Answer, place: AnswerPath | undefined): StatedStatus | undefined {
  const value = place === undefined ? undefined : valueAt(json, place);
  const match = STATED_STATUS.exec(
    typeof value === 'number' || typeof value === 'string' ? String(value).trim() : '',
  );
  return match?.[1] === undefined ? undefined : { status: Number(match[1]), isWhole: match[2] !== undefined };
}

function compileWaits(places: NonNullable<ErrorRule['retryAfter']>): (answer: Answer) => number | undefined {
  const readers = places.map((place) => {
    const find = compileFinder(place);
    return (answer: Answer): number | undefined => {
      const value = find(answer);
      const nowMs = providerNowMs(answer.response);
      return place.as === 'epoch-seconds'
        ? parseRateLimitReset(typeof value === 'number' ? String(value) : value, nowMs)
        : parseRetryAfterSeconds(value, nowMs);
    };
  });
  return (answer) => longestWait(...readers.map((read) => read(answer)), readRetryAfter(answer.response));
}

function timestampRefused(
  answered: string,
  clockSkewMs: number | undefined,
  advice = 'the form of the timestamp',
): Failure {
  const cause =
    clockSkewMs === undefined
      ? `the provider refused our timestamp: check time synchronisation (NTP) and ${advice}`
      : isSuspectSkew(clockSkewMs)
        ? `${describeSkew(clockSkewMs)}: check time synchronisation (NTP)`
        : `the provider refused our timestamp though the clocks agree: check ${advice}`;
  return { code: 'clock-skewed', retry: 'backoff', message: `${answered}: ${cause}` };
}
