/** The simulated APIs of the sandbox. */
export const UPSTREAM_NAMES = ['pik', 'pivot-b2b', 'pivot-b2b2c', 'pivot', 'apimw', 'paysecurez'] as const;

export type UpstreamName = (typeof UPSTREAM_NAMES)[number];
