import { Refusal, type RefusalName } from '../../src/sandbox/secrets-manager/refusal.ts';
import { formatRefusal } from '../../src/sandbox/secrets-manager/wire-protocol.ts';
import { isWriteOperation, operationOf } from './store-call.ts';
import type { Passage, TappedRequest } from './wire-tap.ts';

export type StoreFaultName = 'outage' | 'throttle' | 'lost-answer' | 'late';
export type ProviderFaultName = '503' | 'lost-answer' | 'late';
export type MirrorFaultName = 'outage' | '503' | 'lost-answer' | 'late';

/** Says until when a request is held; `undefined` for those that are let through. */
export type Hold = (request: TappedRequest, target: 'store' | 'provider') => Promise<unknown> | undefined;

const PASS: Passage = { kind: 'pass' };
const UNAVAILABLE: Passage = {
  kind: 'refused',
  answer: { status: 503, headers: { 'content-type': 'application/json' }, body: '{"message":"down"}' },
};
const LATE_MS = 1500;
/** Longer than the mirror's deadline: whoever waited has given up when the request arrives. */
const VERY_LATE_MS = 3000;

/** What the network between replicas and servers does at the moment, the same for all replicas. */
export class FaultSwitch {
  #store: StoreFaultName | undefined;
  readonly #providers = new Map<string, ProviderFaultName>();
  #mirror: MirrorFaultName | undefined;
  #hold: Hold | undefined;

  setStore(fault: StoreFaultName | undefined): void {
    this.#store = fault;
  }

  setProvider(provider: string, fault: ProviderFaultName | undefined): void {
    if (fault === undefined) this.#providers.delete(provider);
    else this.#providers.set(provider, fault);
  }

  setMirror(fault: MirrorFaultName | undefined): void {
    this.#mirror = fault;
  }

  decideMirror({ method }: Pick<TappedRequest, 'method'>): Passage {
    switch (this.#mirror) {
      case undefined:
        return PASS;
      case 'outage':
        return { kind: 'reset' };
      case '503':
        return UNAVAILABLE;
      case 'lost-answer':
        return method === 'GET' ? PASS : { kind: 'lost-answer' };
      case 'late':
        return { kind: 'late', delayMs: VERY_LATE_MS };
    }
  }

  /** Asked for each request to store and providers; goes before faults. */
  setHold(hold: Hold | undefined): void {
    this.#hold = hold;
  }

  decideStore(request: TappedRequest): Passage {
    const until = this.#hold?.(request, 'store');
    if (until !== undefined) return { kind: 'held', until };
    const isWrite = isWriteOperation(operationOf(request));
    switch (this.#store) {
      case undefined:
        return PASS;
      case 'outage':
        return { kind: 'reset' };
      case 'throttle':
        return refuse('ThrottlingException', 'Rate exceeded');
      case 'lost-answer':
        return isWrite ? { kind: 'lost-answer' } : PASS;
      case 'late':
        return isWrite ? { kind: 'late', delayMs: LATE_MS } : PASS;
    }
  }

  decideProvider(provider: string, request: TappedRequest): Passage {
    const until = this.#hold?.(request, 'provider');
    if (until !== undefined) return { kind: 'held', until };
    switch (this.#providers.get(provider)) {
      case undefined:
        return PASS;
      case '503':
        return UNAVAILABLE;
      case 'lost-answer':
        return { kind: 'lost-answer' };
      case 'late':
        return { kind: 'late', delayMs: LATE_MS };
    }
  }
}

function refuse(name: RefusalName, message: string): Passage {
  return { kind: 'refused', answer: formatRefusal(new Refusal(name, message), 'a-request') };
}
