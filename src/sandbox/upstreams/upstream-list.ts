/**
 * The simulated APIs of the sandbox: a list of its own, because it simulates APIs and not kinds. An entry of
 * `config/sandbox.yaml` belongs to the API of its name.
 */
import { APIMW } from './apimw.ts';
import { HTTP } from './http.ts';
import { OAUTH2 } from './oauth2.ts';
import { PAYSECUREZ } from './paysecurez.ts';
import { PIK } from './pik.ts';
import { PIVOT } from './pivot.ts';
import { PIVOT_B2B } from './pivot-b2b.ts';
import { PIVOT_B2B2C } from './pivot-b2b2c.ts';

export const UPSTREAMS = [PIK, PIVOT_B2B, PIVOT_B2B2C, PIVOT, APIMW, PAYSECUREZ, OAUTH2, HTTP] as const;

export type UpstreamName = (typeof UPSTREAMS)[number]['name'];

export const UPSTREAM_NAMES: readonly UpstreamName[] = UPSTREAMS.map(({ name }) => name);

export function isUpstreamName(name: string): name is UpstreamName {
  return UPSTREAM_NAMES.some((each) => each === name);
}

/** One value for each simulated API. */
export function byUpstream<Value>(
  valueOf: (upstream: (typeof UPSTREAMS)[number]) => Value,
): Readonly<Record<UpstreamName, Value>> {
  const values: Partial<Record<UpstreamName, Value>> = {};
  for (const upstream of UPSTREAMS) values[upstream.name] = valueOf(upstream);
  if (!isComplete(values)) throw new Error('an upstream has no value');
  return values;
}

function isComplete<Value>(
  values: Partial<Record<UpstreamName, Value>>,
): values is Record<UpstreamName, Value> {
  return UPSTREAM_NAMES.every((name) => Object.hasOwn(values, name));
}
