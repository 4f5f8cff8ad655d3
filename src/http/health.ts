/**
 * Whether the program is alive and ready, for Kubernetes.
 *
 * Guarantee: neither depends on a provider or on the store being up. A restart cures no third party, and a pod that is
 * taken out of service for one would hide its own metrics when they are needed.
 */
export interface HealthReport {
  readonly ok: boolean;
  /** Why not; empty when `ok`. */
  readonly reasons: readonly string[];
}

export interface Health {
  /** Not ok: the program itself is stuck and only a restart can help. */
  liveness(): HealthReport;
  /** Ok once the configuration is loaded and the start-up read of the store has ended, until the program stops. */
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

/** @param stuckReasons asked at every liveness probe; an empty list means that the program gets on */
export function createHealth(stuckReasons: () => readonly string[]): HealthPhases {
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
      return report(reasons);
    },
  };
}

function report(reasons: readonly string[]): HealthReport {
  return { ok: reasons.length === 0, reasons };
}
