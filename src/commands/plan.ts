/**
 * `plan`: what the configuration means for each token, worked out without any network. Customers that are discovered are
 * in the store, so that a provider's are one line, with `{customer}` in the names.
 */

import type { Configuration, ProviderConfiguration, TokenConfiguration } from '../config/configuration.ts';
import { mirrorTemplate } from '../config/secret-name.ts';
import { placeOf } from '../config/token-configuration.ts';
import { decideBudget, writesPerDay } from '../config/write-budget.ts';
import type { VersionBudget } from '../core/limits/version-pace.ts';
import { type Cadence, decideCadence, TIME_TO_USE_MS } from '../core/schedule/cadence.ts';
import { nextFirings, tickExpression } from '../core/schedule/cron-expression.ts';
import type { StoreRules } from '../core/store-kind.ts';
import { formatTag } from '../core/token/secret-tag.ts';
import { DAY_MS } from '../core/wire/duration.ts';
import { formatPeriod, formatUtc } from '../core/wire/time-text.ts';
import { createSystemPorts } from '../wiring/system-ports.ts';
import { type ConfigurationOptions, loadOrExplain } from './configured.ts';
import { formatTable } from './table.ts';
import type { ExitCode, Terminal } from './terminal.ts';

/** One token's plan, as `plan --json` prints it. Seconds throughout. */
interface TokenPlan {
  readonly token: string;
  readonly provider: string;
  readonly kind: string;
  readonly customer?: string;
  /** The tag by which customers are discovered: this line stands for each of them. */
  readonly discoveredBy?: string;
  readonly secret: string;
  /** Name of the place that has it. */
  readonly place: string;
  /** What the mirrors call it, by their names; absent without any. */
  readonly mirrors?: Readonly<Record<string, string>>;
  /** Where the chain's refresh token is kept; readers are never given it. */
  readonly stateSecret?: string;
  readonly lifetimeSeconds: number;
  readonly refreshEverySeconds: number;
  /** The same before the version budget made it longer; absent when it did not. */
  readonly stretchedFromSeconds?: number;
  /** Life left on the published token when its refresh is due: how long provider or store may be away. */
  readonly marginSeconds: number;
  /** Six fields, UTC. */
  readonly cron: string;
  /** Time between two ticks; of a classic schedule the longest. */
  readonly tickSeconds: number;
  /** The next three, RFC 3339. */
  readonly nextTicks: readonly string[];
  readonly outageToleratedSeconds: number;
  readonly writesPerDay: number;
  readonly versionBudget: VersionBudget;
  readonly budgetNote?: string;
  /** How old what a reader sees may be so that it still has 30 s to use the token. */
  readonly stalenessAllowedSeconds: number;
}

const TICKS_SHOWN = 3;

export async function plan(options: ConfigurationOptions, terminal: Terminal): Promise<ExitCode> {
  const loaded = await loadOrExplain(options, terminal, { checksEnv: false });
  if (loaded === undefined) return 2;
  const plans = planTokens(loaded.configuration, createSystemPorts().clock.now());
  terminal.out(options.json === true ? `${JSON.stringify(plans)}\n` : formatPlan(plans));
  return 0;
}

function planTokens(configuration: Configuration, nowMs: number): readonly TokenPlan[] {
  const { providers, places } = configuration;
  return providers.flatMap((provider) => {
    const shared = planProvider(provider, placeOf(places, provider.publish.to).rules, nowMs);
    return [...provider.tokens, ...discoveredToken(provider)].map(({ identity, stateSecret }) => ({
      token: identity.token,
      provider: identity.provider,
      kind: identity.kind,
      ...(identity.customer === undefined ? {} : { customer: identity.customer }),
      ...(provider.discovery === undefined ? {} : { discoveredBy: formatTag(provider.discovery.tag) }),
      secret: identity.secret,
      place: provider.publish.to,
      ...mirrorsOf(provider, identity.secret, places),
      ...(stateSecret === undefined ? {} : { stateSecret }),
      ...shared,
    }));
  });
}

function mirrorsOf(
  { publish }: ProviderConfiguration,
  secret: string,
  places: Configuration['places'],
): Pick<TokenPlan, 'mirrors'> {
  if (publish.mirrors.length === 0) return {};
  const named = publish.mirrors.map((name) => [
    name,
    mirrorTemplate(placeOf(places, name), placeOf(places, publish.to), secret),
  ]);
  return { mirrors: Object.fromEntries(named) };
}

/** What stands for every discovered customer's token. */
function discoveredToken({
  name,
  kind,
  discovery,
}: ProviderConfiguration): readonly Pick<TokenConfiguration, 'identity' | 'stateSecret'>[] {
  if (discovery === undefined) return [];
  const { secret, stateSecret } = discovery;
  const customer = '{customer}';
  return [
    {
      identity: { token: `${name}/${customer}`, provider: name, kind: kind.kind, customer, secret },
      stateSecret,
    },
  ];
}

function formatPlan(plans: readonly TokenPlan[]): string {
  const table = formatTable(
    ['TOKEN', 'SECRET', 'LIFETIME', 'EVERY', 'MARGIN', 'CRON (UTC)', 'TICK', 'WRITES/DAY', 'STALENESS'],
    plans.map((each) => [
      each.token,
      each.secret,
      period(each.lifetimeSeconds),
      period(each.refreshEverySeconds),
      period(each.marginSeconds),
      each.cron,
      period(each.tickSeconds),
      each.versionBudget === 'none'
        ? `${each.writesPerDay}`
        : `${each.writesPerDay} of ${each.versionBudget}`,
      `<= ${period(each.stalenessAllowedSeconds)}`,
    ]),
  );
  const notes = new Set(
    plans.flatMap(({ provider, discoveredBy, budgetNote }) => [
      ...(discoveredBy === undefined
        ? []
        : [`${provider}: one token for each secret with the tag ${discoveredBy}; status lists them`]),
      ...(budgetNote === undefined ? [] : [`${provider}: ${budgetNote}`]),
    ]),
  );
  const copies = plans.flatMap(({ token, place, mirrors = {} }) =>
    Object.entries(mirrors).map(
      ([name, secret]) => `${token}: published to ${place}, then to ${name} as ${secret}`,
    ),
  );
  return [table, ...[...notes, ...copies].map((note) => `note: ${note}\n`)].join('');
}

/** What is alike for all of a provider's tokens. */
function planProvider(provider: ProviderConfiguration, rules: StoreRules, nowMs: number) {
  const { schedule, lifetimeMs, versionBudget, name } = provider;
  const cadence = decideCadence(lifetimeMs, schedule.policy);
  const longestMs = lifetimeMs - cadence.leastMarginMs;
  const wanted = schedule.kind === 'classic' ? classicPace(cadence, schedule) : derivedPace(cadence, name);
  const verdict = decideBudget(
    rules.versions,
    wanted.averageMs,
    versionBudget,
    schedule.kind === 'classic' ? wanted.averageMs : longestMs,
  );
  const pace = verdict.kind === 'stretched' ? stretch(wanted, verdict.everyMs) : wanted;
  return {
    lifetimeSeconds: seconds(lifetimeMs),
    refreshEverySeconds: seconds(pace.longestMs),
    ...(verdict.kind === 'stretched' ? { stretchedFromSeconds: seconds(wanted.longestMs) } : {}),
    marginSeconds: seconds(pace.marginMs),
    cron: pace.cron,
    tickSeconds: seconds(pace.tickMs),
    nextTicks: nextFirings(pace.cron, nowMs, TICKS_SHOWN).map(formatUtc),
    outageToleratedSeconds: seconds(pace.marginMs - pace.lateMs),
    writesPerDay: Number(writesPerDay(pace.averageMs).toFixed(1)),
    versionBudget,
    ...('note' in verdict ? { budgetNote: verdict.note } : {}),
    stalenessAllowedSeconds: seconds(Math.max(0, pace.marginMs - TIME_TO_USE_MS)),
  };
}

interface Pace {
  readonly cron: string;
  readonly tickMs: number;
  readonly marginMs: number;
  readonly longestMs: number;
  readonly averageMs: number;
  /** How late a tick may find that a token is due. */
  readonly lateMs: number;
}

function derivedPace({ marginMs, refreshEveryMs, tickMs }: Cadence, name: string): Pace {
  const cron = tickExpression(tickMs, name);
  return { cron, tickMs, marginMs, longestMs: refreshEveryMs, averageMs: refreshEveryMs, lateMs: tickMs / 2 };
}

/** Once the budget is nearly used, which is how such a pace ends up. */
function stretch(pace: Pace, everyMs: number): Pace {
  const marginMs = pace.marginMs - (everyMs - pace.longestMs);
  return { ...pace, marginMs, longestMs: everyMs, averageMs: everyMs };
}

function classicPace(
  { lifetimeMs }: Cadence,
  schedule: Extract<ProviderConfiguration['schedule'], { kind: 'classic' }>,
): Pace {
  const { largestGapMs, firingsPerDay } = schedule.gaps;
  return {
    cron: schedule.expression,
    tickMs: largestGapMs,
    marginMs: lifetimeMs - largestGapMs,
    longestMs: largestGapMs,
    averageMs: DAY_MS / firingsPerDay,
    lateMs: 0,
  };
}

function period(durationSeconds: number): string {
  return formatPeriod(durationSeconds * 1000);
}

function seconds(durationMs: number): number {
  return Number((durationMs / 1000).toFixed(1));
}
