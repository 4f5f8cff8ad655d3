/**
 * Takes readers' reports that a published token of one provider was refused, and has it replaced where that is allowed.
 *
 * Guarantee: what is fetched for a report is an ordinary refresh, with the schedule's single flight, limits, chain and
 * journal; what is decided about a report is decided at once, so that a thousand of them begin one.
 */
import type { Clock, RefreshEvents } from '../core/ports.ts';
import {
  beginRejectionFetch,
  decideRejection,
  endRejectionFetch,
  NO_REJECTIONS,
  noteVerdict,
  outcomeOf,
  type Reissue,
  type RejectionHistory,
  type RejectionVerdict,
} from '../core/rejection/decide-rejection.ts';
import type { RejectionReport } from '../core/rejection/rejection-reports.ts';
import type { ManagedToken } from './managed-token.ts';
import type { ProviderScheduler } from './provider-scheduler.ts';
import type { RefreshOutcome } from './refresh-run.ts';

export interface RejectionDeskDeps {
  readonly reissue: Reissue;
  readonly scheduler: Pick<ProviderScheduler, 'isLeading' | 'begin'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly events: RefreshEvents;
}

export class RejectionDesk {
  readonly #deps: RejectionDeskDeps;
  /** Of tokens that were fetched for reports. */
  readonly #histories = new Map<string, RejectionHistory>();

  constructor(deps: RejectionDeskDeps) {
    this.#deps = deps;
  }

  /** @returns `undefined`: this replica does not lead, and cannot say what readers see */
  report(
    managed: ManagedToken,
    { fingerprint, status, caller }: Omit<RejectionReport, 'token'>,
  ): RejectionVerdict | undefined {
    const verdict = this.look(managed, fingerprint);
    if (verdict === undefined) return undefined;
    const { identity } = managed;
    const cap = verdict.kind === 'blocked' && verdict.reason === 'capped' ? verdict.cap : undefined;
    const retryAfterMs = verdict.kind === 'replaced' ? undefined : verdict.retryAfterMs;
    const outcome = outcomeOf(verdict);
    this.#deps.events({ event: 'token-rejected', identity, outcome, cap, status, caller, retryAfterMs });
    if (cap !== undefined) this.#change(managed, (history) => noteVerdict(history, verdict));
    if (verdict.kind === 'fetch') this.#fetch(managed, fingerprint);
    return verdict;
  }

  /** What a report would lead to. */
  look(managed: ManagedToken, fingerprint: string): RejectionVerdict | undefined {
    const { scheduler, reissue, clock } = this.#deps;
    if (!scheduler.isLeading) return undefined;
    const history = this.#histories.get(managed.identity.token) ?? NO_REJECTIONS;
    return decideRejection(fingerprint, managed.rejectionFacts, history, reissue, clock.monotonicMs());
  }

  /** The token is not managed any more. */
  forget(token: string): void {
    this.#histories.delete(token);
  }

  #fetch(managed: ManagedToken, refused: string): void {
    const { scheduler, clock } = this.#deps;
    const run = scheduler.begin(managed, (term) => managed.replaceRefused(refused, term));
    if (run === undefined) return;
    this.#change(managed, (history) => beginRejectionFetch(history, clock.monotonicMs()));
    const note = ({ kind }: RefreshOutcome): void => {
      // A run that has ended with its term says nothing of what the provider hands out.
      if (kind === 'failed') return;
      const seen = managed.published?.fingerprint;
      this.#change(managed, (history) => endRejectionFetch(history, refused, seen, clock.monotonicMs()));
    };
    // A bug in there is reported where the run was begun.
    void run.then(note, () => undefined);
  }

  #change({ identity }: ManagedToken, change: (history: RejectionHistory) => RejectionHistory): void {
    this.#histories.set(identity.token, change(this.#histories.get(identity.token) ?? NO_REJECTIONS));
  }
}
