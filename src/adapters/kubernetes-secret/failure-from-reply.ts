import type { Failure } from '../../core/failure.ts';
import { parseRetryAfter } from '../../core/limits/retry-after.ts';
import { parseJson, valueAtPath } from '../../core/wire/json.ts';
import type { ApiReply } from '../kubernetes/api-client.ts';
import { describeRefusal, POLICY_CAUSES, ROLE_CAUSE } from '../kubernetes/refusal.ts';
import { TOO_LARGE } from '../net/content-coding.ts';
import { formatPlace, type SecretName } from './secret-names.ts';

/** An API server that is overloaded asks for seconds. More than this is a mistake, and readers need a token. */
const MAX_RETRY_AFTER_MS = 5 * 60_000;

export interface SecretCall extends SecretName {
  /** As a Role names it. */
  readonly verb: 'get' | 'create' | 'update';
  /** What the configuration calls the store's section: `store`, `stores.eks`. */
  readonly section: string;
}

/**
 * What a reply other than success means. Quotes nothing that came over the wire but the HTTP status and what
 * {@link describeRefusal} lets through.
 * @param nowMs wall time, for a `Retry-After` that is a date
 */
export function failureFromReply(reply: ApiReply, call: SecretCall, nowMs: number): Failure {
  const { verb, namespace, section } = call;
  const place = formatPlace(call);
  if (reply.kind === 'failed' && reply.message.endsWith(TOO_LARGE))
    return mended(
      'store-denied',
      `Secret ${place} holds too much beside the token: take out what others keep in it, or use another Secret`,
    );
  if (reply.kind === 'failed') {
    // Kubernetes mounts these files into each pod.
    const isOutside = reply.message.includes('/var/run/secrets/kubernetes.io/');
    const remedy = isOutside
      ? `; outside of a cluster set ${section}.apiServer and ${section}.namespace`
      : '';
    return unavailable(`${verb} of Secret ${place} failed: ${reply.message}${remedy}`);
  }
  const { status, retryAfter } = reply;
  const body = parseJson(reply.body);
  const isStatus = valueAtPath(body, ['kind']) === 'Status';
  const { reason, cause } = describeRefusal(body);
  const told = reason === undefined ? String(status) : `${status} (${reason})`;
  const what = `the API server answered ${told} to ${verb} of Secret ${place}`;
  const waitMs = parseRetryAfter(retryAfter, nowMs);
  const patience = waitMs === undefined ? {} : { retryAfterMs: Math.min(waitMs, MAX_RETRY_AFTER_MS) };
  if (!isStatus && status < 500 && status !== 429)
    return unavailable(
      `${what}, not as Kubernetes does: check ${section}.apiServer and what stands in front of it`,
    );
  // Whatever the status: the policy's author chooses it.
  if (status < 500 && cause !== undefined && POLICY_CAUSES.has(cause))
    return mended('store-denied', `${what}: ${cause}`);
  switch (status) {
    case 401:
      return mended(
        'store-denied',
        `${what}: the service account's token is not accepted, check the account and ${section}.apiServer.tokenFile`,
      );
    case 403:
      if (cause?.includes('the namespace is being deleted') === true)
        return mended('store-deleting', `${what}: the namespace is being deleted`);
      return mended(
        'store-denied',
        `${what}: ${cause === ROLE_CAUSE ? describeMissingRule(call) : (cause ?? describeMissingRule(call))}`,
      );
    case 404:
      return verb === 'create'
        ? mended(
            'store-missing',
            `${what}: namespace ${namespace} does not exist: create it, or name another one`,
          )
        : mended('store-missing', `${what}: it was deleted at the same moment`);
    case 409:
      return lostRace(`somebody else wrote Secret ${place} at the same moment`);
    case 413:
      return human('store-denied', `${what}: it is too large`);
    case 400:
    case 405:
    case 415:
    case 422:
      return human(
        'store-denied',
        `${what}: ${cause ?? 'it is not valid'}, check its name, ${section}.tags and ${section}.annotations`,
      );
    case 429:
      return { ...unavailable(`${what}: it is overloaded`), isThrottled: true, ...patience };
    default:
      return { ...unavailable(cause === undefined ? what : `${what}: ${cause}`), ...patience };
  }
}

/** A Role cannot limit `create` to names: when that is decided the object has none. */
function describeMissingRule({ verb, namespace, name }: SecretCall): string {
  return verb === 'create'
    ? `a Role in namespace ${namespace} must allow create of secrets (without resourceNames, which Kubernetes does not ` +
        'consult for create), or create the Secret beforehand'
    : `a Role in namespace ${namespace} must allow ${verb} of secrets with ${name} among its resourceNames`;
}

/** An answer that lacks what the API server always says. */
export function incompleteAnswer(call: SecretCall, problem: string): Failure {
  return unavailable(
    `the answer to ${call.verb} of Secret ${formatPlace(call)} ${problem}: check ${call.section}.apiServer and what stands in front of it`,
  );
}

/** What was written is not what the Secret holds. */
export function changedOnTheWay({ section, ...call }: SecretCall): Failure {
  return mended(
    'store-denied',
    `what was written to Secret ${formatPlace(call)} is not what it holds: find out which admission webhook changes Secrets, and ` +
      `what stands in front of ${section}.apiServer`,
  );
}

export function abandoned(call: SecretCall): Failure {
  return soon('aborted', `${call.verb} of Secret ${formatPlace(call)} was abandoned`);
}

const failing =
  (retry: Failure['retry']) =>
  (code: Failure['code'], message: string): Failure => ({ code, retry, message });

/**
 * What is mended in the cluster, of which nobody tells us: a Role is applied, a namespace made. And an API server that has
 * just started answers 403 to everybody until it has read the Roles.
 */
const mended = failing('backoff');
const human = failing('needs-human');
const soon = failing('soon');

export function lostRace(message: string): Failure {
  return soon('store-conflict', message);
}

function unavailable(message: string): Failure {
  return mended('store-unavailable', message);
}
