import type { Chance } from './chance.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { World } from './world.ts';

export type Port = 'provider' | 'store' | 'lease' | 'volume' | 'receiver' | 'mirror';

/** What becomes of one call on its way. */
export interface Passage {
  readonly requestMs: number;
  readonly answerMs: number;
  /** `reset`: the caller sees a broken connection. `hang`: it sees nothing. */
  readonly request?: 'reset' | 'hang';
  /** The same for the answer; the call is carried out. */
  readonly answer?: 'reset' | 'hang';
  /** The network delivers the request a second time, so much later. */
  readonly repeatAfterMs?: number;
}

export interface Call<T> {
  readonly process: VirtualProcess;
  readonly port: Port;
  /** `PutSecretValue payments/pik`, for the timeline. */
  readonly what: string;
  readonly passage: Passage;
  /** What the other side does when the request arrives. */
  readonly execute: (isRepetition: boolean) => T;
}

/** At which step of a call something happens to its process. */
export type CallMoment = 'before-sending' | 'before-answer';

/** A misfortune that waits for its moment. */
export interface Trap {
  /** Name of the pod. */
  readonly pod: string;
  readonly port: Port;
  readonly moment: CallMoment;
  /** Only a call that is called so; left out: any. */
  readonly what?: string;
  readonly spring: (process: VirtualProcess) => void;
}

/** The connection broke, and nobody knows what became of the call. */
export class ConnectionLost extends Error {
  override readonly name = 'Error';
  readonly code = 'ECONNRESET';
}

/** Carries all calls between the processes and the outside world. A dead process gets no answer, a paused one later. */
export class Network {
  readonly traps = new Set<Trap>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** Rejects with {@link ConnectionLost}; never settles for a process that has died, or when the call hangs. */
  call<T>(call: Call<T>): Promise<T> {
    const { process, passage } = call;
    const { time } = this.#world;
    return new Promise<T>((resolve, reject) => {
      if (process.isDead) return;
      this.#springTraps(call, 'before-sending');
      const send = (): void => {
        if (passage.request !== undefined) {
          if (passage.request === 'reset')
            time.schedule(passage.requestMs, process, () => reject(new ConnectionLost('reset')));
          return;
        }
        time.schedule(passage.requestMs, undefined, () => {
          const outcome = call.execute(false);
          if (passage.repeatAfterMs !== undefined)
            time.schedule(passage.repeatAfterMs, undefined, () => void call.execute(true));
          this.#springTraps(call, 'before-answer');
          if (passage.answer === 'hang') return;
          const settle =
            passage.answer === 'reset'
              ? (): void => reject(new ConnectionLost('reset'))
              : (): void => resolve(outcome);
          time.schedule(passage.answerMs, process, settle);
        });
      };
      // Stopped between its decision and the system call: it sends when it goes on.
      if (process.isPaused) time.schedule(0, process, send);
      else if (!process.isDead) send();
    });
  }

  #springTraps({ process, port, what }: Call<unknown>, moment: CallMoment): void {
    if (this.traps.size === 0 || process.isDead || process.isPaused) return;
    const pod = process.name.split('.')[0];
    for (const trap of this.traps) {
      if (trap.pod !== pod || trap.port !== port || trap.moment !== moment) continue;
      if (trap.what !== undefined && trap.what !== what) continue;
      this.traps.delete(trap);
      this.#world.tell(process.name, undefined, `is hit ${moment.replace('-', ' ')} of ${what}`);
      trap.spring(process);
      return;
    }
  }
}

/** A passage as it usually is: some milliseconds each way. */
export function usualPassage(chance: Chance, leastMs: number, mostMs: number): Passage {
  return { requestMs: chance.between(leastMs, mostMs), answerMs: chance.between(leastMs, mostMs) };
}
