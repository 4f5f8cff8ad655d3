/**
 * What people are alerted about: a closed set of alerts, and the shape of what a sink is handed.
 *
 * Guarantee: the identity of an alert is the installation, the provider and the alert's name. It holds no pod, no token
 * and no time, so that whichever replica leads can end what another one has raised.
 */
import type { FailureCode } from './failure.ts';

export const SEVERITIES = ['warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

export interface AlertDefinition {
  readonly severity: Severity;
  /** What holds, after `acme: ` or `acme: 214 of 300 tokens: `. It says nothing of what readers have. */
  readonly meaning: string;
  /** What holds when it is over, in the same place. */
  readonly over: string;
  /** What the person who is woken does first where no failure code says it better; see `remedies.ts`. */
  readonly action: string;
}

export const ALERT_NAMES = [
  'RefreshFailing',
  'TokenExpiring',
  'TokenExpired',
  'CredentialsRejected',
  'ChainBroken',
  'StoreWriteFailing',
  'TokenRejected',
  'MirrorFailing',
  'VersionBudgetLow',
  'ClockSkew',
  'NoLeader',
] as const;
export type AlertName = (typeof ALERT_NAMES)[number];

/** Severities are written here once; the runbook, docs/monitoring.md and the Prometheus rules are checked against it. */
export const ALERTS: Readonly<Record<AlertName, AlertDefinition>> = {
  RefreshFailing: {
    severity: 'warning',
    meaning: 'refreshes fail',
    over: 'refreshes succeed again',
    action: 'read the message below; the runbook has a section for each code',
  },
  TokenExpiring: {
    severity: 'critical',
    meaning: 'refreshes fail, and readers are about to lose their token',
    over: 'refreshes succeed again',
    action: 'read the message below; the runbook has a section for each code',
  },
  TokenExpired: {
    severity: 'critical',
    meaning: 'readers have no usable token',
    over: 'readers have a usable token again',
    action:
      "nothing fails and nothing is refreshed, so something stands still: read the leader's log, then delete its pod; another replica goes on",
  },
  CredentialsRejected: {
    severity: 'critical',
    meaning: 'the credentials are refused or cannot be read',
    over: 'the credentials are accepted again',
    action: 'put valid credentials where the configuration refers to; they are tried as soon as they change',
  },
  ChainBroken: {
    severity: 'critical',
    meaning: 'the refresh token is lost, and so is what could replace it',
    over: 'the chain of refresh tokens goes on again',
    action: 'do what the message says: a new login or consent, or bind the customer again',
  },
  StoreWriteFailing: {
    severity: 'warning',
    meaning: 'the store does not take what was fetched, or cannot be read',
    over: 'the store takes new tokens again',
    action: 'read the message below; the runbook has a section for each code',
  },
  TokenRejected: {
    severity: 'critical',
    meaning: 'readers report that the API refuses the published token, and another one was of no help',
    over: 'a new token is published, and no reader has reported it',
    action:
      'check that credentials, baseUrl and scope belong to the environment that readers call, that the API allows the addresses ' +
      'of these readers, and the clocks; then run `token-refresher refresh NAME`',
  },
  MirrorFailing: {
    severity: 'warning',
    meaning: 'the mirror does not get new tokens',
    over: 'the mirror has the newest of all its tokens again',
    action:
      'restore the way to that place, or the right to write there; refreshes and other places do not wait for it, and it ' +
      'catches up by itself',
  },
  VersionBudgetLow: {
    severity: 'warning',
    meaning: 'the secret has nearly used up its versions of 24 hours',
    over: 'the secret has room for versions again',
    action: 'find out what else writes to the secret, and avoid explicit refreshes for a day',
  },
  ClockSkew: {
    severity: 'warning',
    meaning: "our clock and the provider's differ by more than a minute",
    over: "our clock and the provider's agree again",
    action:
      'compare `date -u` in the pod with the true time, and repair time synchronisation of the node; providers refuse from 2 to 5 minutes on',
  },
  NoLeader: {
    severity: 'critical',
    meaning: 'this replica neither leads nor can see who does; if no replica can, nothing is refreshed',
    over: 'this replica leads again, or sees who does',
    action: 'check the Kubernetes API server, the Lease and the service account that may update it',
  },
};

/**
 * Why a sink is told.
 * - `fired`: the alert has begun. `grew`: more tokens are concerned. `reminder`: it still goes on.
 * - `kept`: the same, every minute, for receivers that forget what is not repeated.
 * - `recovered`: it is over. `superseded`: a worse or more exact alert about the same tokens has taken its place.
 * - `inherited`: a new leader has looked at all tokens and found nothing; a former leader may have raised it.
 * - `test`: somebody has run `alert-test`.
 */
export const OCCASIONS = [
  'fired',
  'grew',
  'reminder',
  'kept',
  'recovered',
  'superseded',
  'inherited',
  'test',
] as const;
export type Occasion = (typeof OCCASIONS)[number];

/** One message about one alert. Holds no secret; all times are wall time in milliseconds. */
export interface AlertNotification {
  readonly occasion: Occasion;
  readonly status: 'firing' | 'resolved';
  /** Stable identity, at most 255 characters: what receivers deduplicate by. */
  readonly key: string;
  readonly alert: AlertName | 'AlertTest';
  readonly severity: Severity;
  /** Name of the installation. */
  readonly source: string;
  /** The place, of `MirrorFailing`. `undefined`: the whole program is concerned. */
  readonly provider: string | undefined;
  /** How many tokens are concerned; 0 when the provider or the program as a whole is. */
  readonly tokenCount: number;
  /** The first few of them, by name. */
  readonly tokens: readonly string[];
  /** How many of them fail with which code. */
  readonly codes: Readonly<Partial<Record<FailureCode, number>>>;
  /** One line. */
  readonly summary: string;
  /** What is known beyond that; may be empty. */
  readonly description: string;
  readonly action: string;
  /** Absolute URL: of the configured runbook, or of the daemon's own page. */
  readonly runbook: string;
  readonly startedAtMs: number;
  /** When the program noticed what it tells. */
  readonly atMs: number;
  /** How long it has lasted, or did last. */
  readonly lastedMs: number;
}

/** `token-refresher/acme/RefreshFailing`; @param source at most 64 characters */
export function alertKey(
  source: string,
  provider: string | undefined,
  alert: AlertNotification['alert'],
): string {
  return provider === undefined ? `${source}/${alert}` : `${source}/${provider}/${alert}`;
}

/** The anchor of a section in the runbook. */
export function runbookAnchor(name: AlertNotification['alert'] | FailureCode): string {
  return name.toLowerCase();
}

/**
 * Where people read what an alert or a failure code means.
 * @param url of the runbook without a fragment; `undefined`: the daemon's own page
 * @param ownUrl where the daemon's pages are reached, without a slash at the end; left out: a link from another of them
 */
export function runbookLink(
  url: string | undefined,
  name: AlertNotification['alert'] | FailureCode,
  ownUrl = '',
): string {
  return url === undefined ? `${ownUrl}/runbook/${name}` : `${url}#${runbookAnchor(name)}`;
}

/** Deadline of one call to a receiver of alerts, in milliseconds. */
export const ALERT_LIMIT_MS = 10_000;
