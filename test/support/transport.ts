import { createHttpTransport } from '../../src/adapters/net/http-transport.ts';
import { createSystemClock } from '../../src/adapters/system/clock.ts';
import type { Clock } from '../../src/core/ports.ts';

/** Real connections, without a proxy. */
export function createDirectTransport(clock: Clock = createSystemClock()) {
  return createHttpTransport({ clock, readEnv: undefined });
}
