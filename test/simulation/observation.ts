/** What the observer is told: the truth, which no process sees. All times are true time. */
import type { AlertNotification } from '../../src/core/alert.ts';
import type { RefreshEvent } from '../../src/core/events.ts';
import type { Failure } from '../../src/core/failure.ts';
import type { RejectionAnswer } from '../../src/core/rejection/rejection-reports.ts';
import type { OperationName } from '../../src/sandbox/secrets-manager/operation.ts';
import type { VirtualProcess } from './virtual-process.ts';

/** A token as a provider has really handed it out. */
export interface Grant {
  readonly token: string;
  /** Counts up with every answer for this token. */
  readonly index: number;
  readonly accessToken: string;
  readonly diesAtMs: number;
  readonly lifeMs: number;
  readonly refreshToken: string | undefined;
  /** When its refresh token dies. */
  readonly chainEndsAtMs: number | undefined;
}

/** One call of a provider. */
export interface Fetch {
  readonly token: string;
  readonly process: VirtualProcess;
  readonly presented: string | undefined;
  readonly issuedAtMs: number;
  /** What the provider did; `undefined` while the request has not arrived, or when nothing came of it. */
  grant: Grant | undefined;
  failure: Failure | undefined;
  /** When the program got its report; `undefined` while it has none, and for ever when it was killed before. */
  settledAtMs: number | undefined;
  /** The report held a token. */
  isDelivered: boolean;
  /** The report held a refresh token, with or without a token. */
  isChainDelivered: boolean;
  /** A human or a script has asked for it. */
  readonly isExplicit: boolean;
}

/** A call of the store, as the program makes it. */
export interface StoreCall {
  readonly operation: OperationName;
  readonly secret: string;
  readonly process: VirtualProcess;
  readonly issuedAtMs: number;
  readonly isWrite: boolean;
}

/** What readers of a secret see has changed. */
export interface SecretChange {
  readonly secret: string;
  /** `undefined`: there is nothing to see any more. */
  readonly text: string | undefined;
  readonly formerText: string | undefined;
  /** Who made it; `undefined`: somebody outside of the program. */
  readonly process: VirtualProcess | undefined;
  /** When the program made the call that led to it. */
  readonly issuedAtMs: number;
}

/** What readers of a mirror see has changed. */
export interface CopyChange extends Omit<SecretChange, 'issuedAtMs' | 'secret'> {
  readonly token: string;
}

/** A reader's report of a refused token has been answered by a process. */
export interface Report {
  readonly token: string;
  readonly process: VirtualProcess;
  /** The token that it is about, maybe one that no provider has issued. */
  readonly accessToken: string;
  readonly answer: RejectionAnswer;
}

/** A check that is told what happens; each method is called right when it does. */
export interface Watcher {
  fetchIssued?(fetch: Fetch): void;
  /** The provider has answered, in whatever way; the program may never learn of it. */
  fetchHandled?(fetch: Fetch): void;
  fetchSettled?(fetch: Fetch): void;
  storeCalled?(call: StoreCall): void;
  /** The store has carried a call out, or refused it with the named error. */
  storeHandled?(call: StoreCall, refusal: string | undefined): void;
  secretChanged?(change: SecretChange): void;
  copyChanged?(change: CopyChange): void;
  /** A process is about to write a copy. */
  copyWriteSent?(process: VirtualProcess, token: string): void;
  reported?(report: Report): void;
  eventSeen?(process: VirtualProcess, event: RefreshEvent): void;
  /** A process begins to tell people, or tries again. */
  alertSent?(process: VirtualProcess, notification: AlertNotification): void;
  lifeBegan?(process: VirtualProcess): void;
  lifeEnded?(process: VirtualProcess, how: 'killed' | 'stopped'): void;
  /** A pod is gone with everything that was written there. */
  volumeLost?(pod: string): void;
  /** Every half minute of true time. */
  look?(): void;
  /** All faults have been over for long. */
  ended?(): void;
}
