import type { SecureContext } from 'node:tls';
import type { Clock } from '../../core/ports.ts';
import { type CallTls, type CallTlsSetting, isSameTls, readCallTls } from '../../core/wire/call-tls.ts';
import { HttpFault } from '../../core/wire/http-call.ts';
import { UNSENT } from './connection-faults.ts';

/** Of those that were used last: one more than this has to be made again, which takes a few milliseconds. */
const MAX_KEPT = 32;
/** After a certificate has changed, the former key does not stay in memory for longer. */
const MAX_IDLE_MS = 3_600_000;

interface Kept {
  readonly tls: CallTls;
  readonly context: SecureContext;
  usedAtMs: number;
}

/** What handshakes need, made once for the same content: a changed certificate counts from the next call on. */
export class SecureContexts {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  /** The last used one at the end. */
  #kept: readonly Kept[] = [];

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#kept.length;
  }

  /** @throws {HttpFault} for what cannot be used */
  find(tls: CallTls): SecureContext {
    const nowMs = this.#clock.monotonicMs();
    const kept = this.#kept.find((one) => isSameTls(one.tls, tls)) ?? { tls, context: create(tls) };
    const others = this.#kept.filter((one) => one !== kept && nowMs - one.usedAtMs <= MAX_IDLE_MS);
    this.#kept = [...others, { ...kept, usedAtMs: nowMs }].slice(-MAX_KEPT);
    return kept.context;
  }
}

const NAMES: Readonly<Record<CallTlsSetting, string>> = {
  ca: 'the configured CA',
  certificate: 'the client certificate',
  key: 'the key of the client certificate',
  passphrase: 'the passphrase of the client certificate',
};

function create(tls: CallTls): SecureContext {
  const reading = readCallTls(tls);
  if (reading.ok) return reading.context;
  const reason = `${NAMES[reading.setting]} ${reading.problem}`;
  throw new HttpFault('ETLSCONFIG', reason, 'correct what is configured for TLS', {
    ...UNSENT,
    isCertificateRefused: true,
  });
}
