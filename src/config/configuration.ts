/**
 * A configuration as the program uses it: checked, defaults filled in, names expanded, durations in milliseconds.
 * Holds no secret: credentials are references until a fetch needs them.
 */

import type { CredentialReference, CredentialReferences } from '../core/credential/credential-reference.ts';
import type { LeaseTiming } from '../core/lease-timing.ts';
import type { FetchLimit } from '../core/limits/fetch-limit.ts';
import type { VersionBudget } from '../core/limits/version-pace.ts';
import type { LogLevel } from '../core/log-level.ts';
import type { CadencePolicy } from '../core/schedule/cadence.ts';
import type { CronGaps } from '../core/schedule/cron-expression.ts';
import type { ConfiguredSink } from '../core/sink-kind.ts';
import type { ConfiguredStore } from '../core/store-kind.ts';
import type { SecretTag } from '../core/token/secret-tag.ts';
import type { TokenIdentity } from '../core/token/token.ts';
import type { ConfiguredKind, ProviderKind } from '../providers/provider.ts';

export interface Configuration {
  /** Of the file: what paths in a store's settings are relative to. */
  readonly folder: string;
  /** By name, in the order of the file; never empty. */
  readonly places: ReadonlyMap<string, ConfiguredStore>;
  readonly readers: { readonly stalenessMs: number };
  readonly coordination: CoordinationConfiguration;
  /** `undefined`: what must survive the end of the process is kept in memory alone. */
  readonly journal: JournalConfiguration | undefined;
  readonly alerts: AlertsConfiguration;
  readonly http: {
    readonly host: string;
    readonly port: number;
    /** Where people reach the server, without a slash at the end. */
    readonly url?: string | undefined;
  };
  /** `undefined`: readers cannot report refused tokens. */
  readonly rejections?: RejectionsConfiguration | undefined;
  readonly log: { readonly level: LogLevel; readonly format: LogFormat };
  /** In the order of the file; never empty. */
  readonly providers: readonly ProviderConfiguration[];
}

export interface RejectionsConfiguration {
  readonly host: string;
  readonly port: number;
  /** Of service accounts' tokens. */
  readonly audience: string;
  /** `serviceAccount` is `namespace/name`; for `tokens` see `matchesToken`. */
  readonly allow: readonly { readonly serviceAccount: string; readonly tokens: readonly string[] }[];
  readonly bearer: CredentialReference | undefined;
}

export interface AlertsConfiguration {
  /** What receivers call this installation. */
  readonly name: string;
  readonly remindEveryMs: number;
  /** Without a fragment; `undefined`: messages name the file. */
  readonly runbookUrl: string | undefined;
  /** Names are unique; empty when nobody receives any. */
  readonly sinks: readonly SinkConfiguration[];
  readonly heartbeat: { readonly url: CredentialReference; readonly everyMs: number } | undefined;
}

export interface SinkConfiguration extends ConfiguredSink {
  readonly credentials: CredentialReferences;
}

export interface JournalConfiguration {
  /** Absolute, or relative to the working directory: the configuration file's folder is already in front. */
  readonly dir: string;
}

/** `none`: this replica always leads. `kubernetes`: the replica that holds a Lease does. */
export type CoordinationConfiguration =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'kubernetes';
      readonly leaseName: string;
      /** `undefined`: the pod's own. */
      readonly namespace: string | undefined;
      readonly timing: LeaseTiming;
      /** Without the random suffix; `undefined`: the pod's or host's name. */
      readonly identity: string | undefined;
      /** `undefined`: the cluster that the pod runs in. */
      readonly apiServer:
        | { readonly url: string; readonly caFile: string | undefined; readonly tokenFile: string }
        | undefined;
    };

/** `auto` is `pretty` on a terminal and `json` elsewhere. */
export const LOG_FORMATS = ['auto', 'json', 'pretty'] as const;
type LogFormat = (typeof LOG_FORMATS)[number];

export interface ProviderConfiguration {
  readonly name: string;
  readonly kind: ProviderKind;
  readonly configured: ConfiguredKind;
  /** Without a trailing slash: request paths begin with one. */
  readonly baseUrl: string;
  /** Shared by all tokens of the provider. */
  readonly credentials: CredentialReferences;
  /** One, or one per customer; empty only where customers are discovered. */
  readonly tokens: readonly TokenConfiguration[];
  /** `undefined`: `tokens` are all there are. */
  readonly discovery: DiscoveryConfiguration | undefined;
  readonly schedule: ScheduleConfiguration;
  /** What to expect until the first token has been seen. */
  readonly lifetimeMs: number;
  /** Also in the schedule's policy. */
  readonly minIntervalMs: number;
  /** For all tokens together; `undefined`: no limit. */
  readonly fetchBudget: FetchLimit | undefined;
  /** Deadline of one call to the provider. */
  readonly timeoutMs: number;
  /** Most calls to the provider at one time. */
  readonly concurrency: number;
  readonly versionBudget: VersionBudget;
  readonly publish: PublishConfiguration;
}

/** Names of places. */
export interface PublishConfiguration {
  /** The authority: what is readable is what it holds. */
  readonly to: string;
  /** Written after it. */
  readonly mirrors: readonly string[];
}

/** Customers that are found while the program runs, by the secrets that hold their bindings. */
export interface DiscoveryConfiguration {
  readonly tag: SecretTag;
  /** Between two searches. */
  readonly everyMs: number;
  /** Template with `{customer}` for the tokens' secrets. */
  readonly secret: string;
  /** The same for the chains' refresh tokens; `undefined` for kinds without a chain. */
  readonly stateSecret: string | undefined;
}

export interface TokenConfiguration {
  readonly identity: TokenIdentity;
  /** Credentials of this token's customer, beside the provider's; empty for kinds without customers. */
  readonly customerCredentials: CredentialReferences;
  /** Secret for the chain's newest refresh token; `undefined` for kinds without a chain. */
  readonly stateSecret: string | undefined;
}

/** `derived`: the cron expression follows from the lifetime. `classic`: the user wrote one, and each firing refreshes. */
type ScheduleConfiguration =
  | { readonly kind: 'derived'; readonly policy: CadencePolicy }
  | {
      readonly kind: 'classic';
      readonly expression: string;
      readonly gaps: CronGaps;
      readonly policy: CadencePolicy;
    };
