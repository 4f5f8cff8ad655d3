/** Readers' reports of refused tokens, as the rooms see them that take them and that act on them. */
import type { SecretText } from '../secret-text.ts';
import type { RejectionVerdict } from './decide-rejection.ts';

/** Header of a report that was passed on: it is not passed on again. */
export const PASSED_ON = 'x-token-refresher-passed-on';

export interface RejectionReport {
  /** Name of the token: of its provider, or `provider/customer`. */
  readonly token: string;
  /** Of the refused token, as `SecretText.fingerprint`. */
  readonly fingerprint: string;
  /** What the API had answered. */
  readonly status: number;
  /** Who reports, for the log. */
  readonly caller: string;
}

export type RejectionAnswer =
  | { readonly kind: 'decided'; readonly verdict: RejectionVerdict }
  /** There is no token of that name. */
  | { readonly kind: 'unknown' }
  /** This replica does not refresh, and cannot say what readers see. */
  | { readonly kind: 'standby' };

export interface RejectionReports {
  /** Whether this replica refreshes, so that it knows what readers see. */
  readonly isLeading: boolean;
  /** Acts on a report. */
  report(report: RejectionReport): RejectionAnswer;
  /** Resolves with what the report would lead to once the refresh that is under way has ended, or when aborted. */
  settle(report: RejectionReport, signal: AbortSignal): Promise<RejectionAnswer>;
}

/** A report on its way to the leader: what was understood of it, and nothing else that came. */
export interface PassedReport {
  /** With its query; begins with one slash. */
  readonly path: string;
  /** How long the leader waits for the outcome, as `path` says; 0: not at all. */
  readonly waitMs: number;
  readonly bearer: SecretText | undefined;
  readonly body: string;
}

/** What the leader says to it; its body is JSON. */
export interface PassedAnswer {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly body: string;
}
