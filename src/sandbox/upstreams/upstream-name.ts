/**
 * The simulated APIs of the sandbox: a list of its own, because it simulates APIs and not kinds. An entry of
 * `config/sandbox.yaml` belongs to the API of its name.
 */
export const UPSTREAM_NAMES = [
  'pik',
  'pivot-b2b',
  'pivot-b2b2c',
  'pivot',
  'apimw',
  'paysecurez',
  'oauth2',
  'http',
] as const;

export type UpstreamName = (typeof UPSTREAM_NAMES)[number];

export function isUpstreamName(name: string): name is UpstreamName {
  return UPSTREAM_NAMES.some((each) => each === name);
}
