/**
 * Whether the program is alive and ready, for Kubernetes.
 *
 * Guarantee: neither depends on a provider, on the store or on the API server being up. A restart cures no third party,
 * and a pod that is taken out of service for one would hide its own metrics when they are needed. One exception: a process
 * becomes ready only when it has been able to take part in the election once, so that a rollout does not replace a leader
 * that works by pods that never can lead. Once ready, it stays ready.
 */
export interface HealthReport {
  readonly ok: boolean;
  /** Why not; empty when `ok`. */
  readonly reasons: readonly string[];
}

export interface Health {
  /** Not ok: the program itself is stuck and only a restart can help. */
  liveness(): HealthReport;
  /**
   * Ok once the configuration is loaded, the start-up read of the store has ended and this replica has been able to take
   * part in the election, until the program stops.
   */
  readiness(): HealthReport;
}

/** The program's own side of {@link Health}: it reports its phases as they come. */
export interface HealthPhases extends Health {
  configurationLoaded(): void;
  /** The start-up read of the store has ended, well or not: stand-bys and an unreachable store are ready too. */
  storeRead(): void;
  /** For good. */
  stopping(): void;
}

/**
 * @param stuckReasons asked at every liveness probe; an empty list means that the program gets on
 * @param unreadyReasons why this replica has never been able to take part in the election; empty for good once it was
 */
export function createHealth(
  stuckReasons: () => readonly string[],
  unreadyReasons: () => readonly string[] = () => [],
): HealthPhases {
  let isConfigured = false;
  let isStoreRead = false;
  let isStopping = false;

  return {
    configurationLoaded: () => {
      isConfigured = true;
    },
    storeRead: () => {
      isStoreRead = true;
    },
    stopping: () => {
      isStopping = true;
    },
    liveness: () => report(stuckReasons()),
    readiness: () => {
      if (isStopping) return report(['stopping']);
      const reasons: string[] = [];
      if (!isConfigured) reasons.push('configuration is not loaded yet');
      if (!isStoreRead) reasons.push('the start-up read of the store has not ended yet');
      return report([...reasons, ...unreadyReasons()]);
    },
  };
}

function report(reasons: readonly string[]): HealthReport {
  return { ok: reasons.length === 0, reasons };
}
