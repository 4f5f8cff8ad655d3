/** The providers of `config/sandbox.yaml`: their tokens, and how a form of the language is configured for its upstream. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import { SEED_CREDENTIAL } from '../../src/core/token/chain-state.ts';
import type { UpstreamName } from '../../src/sandbox/upstreams/upstream-list.ts';

const entrySchema = z.looseObject({
  name: z.string(),
  credentials: z.record(z.string(), z.unknown()),
  customers: z.array(z.object({ name: z.string() })).optional(),
});
const schema = z.object({ providers: z.array(entrySchema) });
const { providers } = schema.parse(
  parse(readFileSync(new URL('../../config/sandbox.yaml', import.meta.url), 'utf8')),
);

/** Each token's provider and name; it is published as `sandbox/NAME`. */
export const SANDBOX_TOKENS: readonly { readonly provider: string; readonly token: string }[] =
  providers.flatMap(({ name: provider, customers }) =>
    (customers ?? [undefined]).map((customer) => ({
      provider,
      token: customer === undefined ? provider : `${provider}/${customer.name}`,
    })),
  );

/** What every provider has, whatever its kind. */
const COMMON = new Set(['name', 'kind', 'baseUrl', 'lifetime', 'credentials', 'secret', 'customers']);

function entryOf(name: UpstreamName): z.output<typeof entrySchema> {
  const entry = providers.find((each) => each.name === name);
  if (entry === undefined) throw new Error(`config/sandbox.yaml has no ${name}`);
  return entry;
}

/** The kind's own settings. */
export function settingsOf(name: UpstreamName): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(entryOf(name)).filter(([key]) => !COMMON.has(key)));
}

/** Names of the credentials that are of use with these settings: other grants than refresh_token have no seed. */
export function credentialNamesOf(name: UpstreamName, settings: object): readonly string[] {
  const hasSeed = 'grant' in settings && settings.grant === 'refresh_token';
  return Object.keys(entryOf(name).credentials).filter((each) => hasSeed || each !== SEED_CREDENTIAL);
}
