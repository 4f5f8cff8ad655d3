import { readFileSync } from 'node:fs';
import { constants } from 'node:os';

/** The signals that ask a program to stop. SIGHUP: its terminal was closed, or a supervisor is used to that. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Listens from now on. To be called before anything else is imported: the first process of a container does not get a
 * signal that it does not listen for, and would be killed at the end of its grace period.
 *
 * Guarantee: the first signal counts and later ones change nothing. `npm run` passes a Ctrl-C on that the program has got
 * already, and systemd sends SIGHUP behind SIGTERM: neither may cut short what the first one lets finish.
 * @returns resolves with the name of the first signal
 */
export function listenForStop(): Promise<string> {
  return new Promise((resolve) => {
    const missed = findMissedSignal();
    if (missed !== undefined) resolve(missed);
    for (const signal of STOP_SIGNALS) process.on(signal, () => resolve(signal));
  });
}

/**
 * A signal that came while Node.js started, which takes it some hundredths of a second. Its own handler of that time lets
 * the signal end the process, which process 1 of a container survives; that the handler is gone is what is left to see.
 */
function findMissedSignal(): string | undefined {
  if (process.pid !== 1) return undefined;
  const caught = readCaughtSignals();
  const gone = (['SIGTERM', 'SIGINT'] as const).filter(
    (signal) => (caught & (1n << BigInt(constants.signals[signal] - 1))) === 0n,
  );
  // Neither: this Node.js has no such handlers.
  return gone.length === 1 ? gone[0] : undefined;
}

/** One bit for each signal that this process handles; all of them where there is no telling. */
function readCaughtSignals(): bigint {
  try {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return caught === undefined ? -1n : BigInt(`0x${caught}`);
  } catch {
    return -1n;
  }
}
