/**
 * The chain of refresh tokens: each fetch spends one and yields the next. The newest one lives in a **state secret** of
 * its own, which readers are never given.
 *
 * A refresh token among the credentials (of an OAuth consent, say) is the **seed** of a chain: it is presented until the
 * state secret holds a later one. The state remembers which seed it has grown from, or has come after, so that every
 * process on every machine sees when a human has put a new one in place: that one begins a new chain.
 */
import * as z from 'zod';
import { SecretText } from '../secret-text.ts';
import { nameWrongFields, parseJson } from '../wire/json.ts';
import { formatUtc } from '../wire/time-text.ts';
import type { TokenIdentity } from './token.ts';

/** Name of the credential that is a seed. */
export const SEED_CREDENTIAL = 'refreshToken';

/** The newest refresh token of a chain. */
export interface ChainState {
  readonly refreshToken: SecretText;
  /** Wall time in milliseconds; `undefined` when the provider does not say. */
  readonly refreshTokenExpiresAtMs: number | undefined;
  /** When the provider handed it out: wall time just before the request, in milliseconds. The newest one counts. */
  readonly obtainedAtMs: number;
  /** Counts up with every refresh token of the chain. */
  readonly generation: number;
  /** {@link SecretText.fingerprint} of the seed that was there when it was obtained; `undefined` without one. */
  readonly seed?: string | undefined;
}

/**
 * The refresh token that counts: the chain's newest, unless a human has put another seed in place since. Going back to a
 * former seed counts as a change as well: it may be the right account's, and may not have been spent.
 * @returns a seed in the form of a state, which it is not: of no known age or end, and with the chain's generation
 */
export function chooseRefreshToken(
  chain: ChainState | undefined,
  seed: SecretText | undefined,
): ChainState | undefined {
  if (seed === undefined || seed.length === 0) return chain;
  const fingerprint = seed.fingerprint();
  if (chain?.seed === fingerprint) return chain;
  return {
    refreshToken: seed,
    refreshTokenExpiresAtMs: undefined,
    obtainedAtMs: 0,
    generation: chain?.generation ?? 0,
    seed: fingerprint,
  };
}

const chainStateSchema = z.object({
  schema_version: z.literal(1),
  refresh_token: z.string().min(1),
  refresh_token_expires_at: z.iso.datetime().optional(),
  obtained_at: z.iso.datetime(),
  provider: z.string().min(1),
  customer: z.string().min(1).optional(),
  generation: z.int().positive(),
  seed: z.string().min(1).optional(),
});

/**
 * What is too large for a secret, for people; `undefined` when it fits. Says how much there is, and nothing of it.
 * @param maxSecretBytes as the store says
 */
export function describeExcess(what: string, text: SecretText, maxSecretBytes: number): string | undefined {
  const bytes = Buffer.byteLength(text.reveal());
  return bytes <= maxSecretBytes
    ? undefined
    : `${what} would be ${bytes} bytes in its secret, which holds ${maxSecretBytes}: it can never be saved and is given up`;
}

type ParsedChainState =
  | { readonly ok: true; readonly state: ChainState }
  /** `isForeign`: it is the chain of another token, which must be neither spent nor replaced. */
  | { readonly ok: false; readonly isForeign: boolean; readonly problem: string };

/** The exact bytes of the state secret. */
export function serializeChainState(identity: TokenIdentity, state: ChainState): SecretText {
  const wire: z.input<typeof chainStateSchema> = {
    schema_version: 1,
    refresh_token: state.refreshToken.reveal(),
    refresh_token_expires_at:
      state.refreshTokenExpiresAtMs === undefined ? undefined : formatUtc(state.refreshTokenExpiresAtMs),
    obtained_at: formatUtc(state.obtainedAtMs),
    provider: identity.provider,
    customer: identity.customer,
    generation: state.generation,
    seed: state.seed,
  };
  return new SecretText(JSON.stringify(wire));
}

/**
 * Reads a state secret's text. The problem names the offending field, or whose chain it is, and never a value.
 * @param identity whose chain it has to be
 */
export function parseChainState(
  text: SecretText,
  identity: Pick<TokenIdentity, 'provider' | 'customer'>,
): ParsedChainState {
  const parsed = chainStateSchema.safeParse(parseJson(text.reveal()));
  if (!parsed.success)
    return { ok: false, isForeign: false, problem: `no chain state (${nameWrongFields(parsed.error)})` };
  const wire = parsed.data;
  if (wire.provider !== identity.provider || wire.customer !== identity.customer) {
    const owner = wire.customer === undefined ? wire.provider : `${wire.provider}/${wire.customer}`;
    return { ok: false, isForeign: true, problem: `the refresh token of ${owner}` };
  }
  return {
    ok: true,
    state: {
      refreshToken: new SecretText(wire.refresh_token),
      refreshTokenExpiresAtMs:
        wire.refresh_token_expires_at === undefined ? undefined : Date.parse(wire.refresh_token_expires_at),
      obtainedAtMs: Date.parse(wire.obtained_at),
      generation: wire.generation,
      ...(wire.seed === undefined ? {} : { seed: wire.seed }),
    },
  };
}
