/**
 * A kind of receiver of alerts: what may be configured of it, and how it is told. A new one is a folder in `adapters/` and
 * a line in `wiring/catalog.ts`.
 */
import * as z from 'zod';
import { SEVERITIES, type Severity } from './alert.ts';
import { BY_REFERENCE, credentialReferenceSchema } from './credential/reference-schema.ts';
import type { AlertSink, Clock } from './ports.ts';
import type { Result } from './result.ts';
import type { SecretText } from './secret-text.ts';
import { labelField, mapping } from './wire/field-schemas.ts';
import type { HttpTransport } from './wire/http-call.ts';

export interface ReceiverCall {
  /** As the configuration calls it, for messages. */
  readonly receiver: string;
  readonly method: 'POST' | 'GET';
  readonly url: SecretText;
  readonly headers?: Readonly<Record<string, string>>;
  /** JSON. */
  readonly body?: string;
  /** True when neither URL nor headers hold a secret: then http is allowed beyond loopback. */
  readonly isPublic?: boolean;
  /** Is handed the beginning of the answer to a message that was refused (status 400), for what its status leaves open. */
  readonly readRefusal?: (text: string) => void;
}

export interface ReceiverClient {
  send(call: ReceiverCall, signal: AbortSignal): Promise<Result<void>>;
}

/** Reads a credential anew for each attempt. */
export type ReadCredential = (signal: AbortSignal) => Promise<Result<SecretText>>;

export interface SinkDeps {
  readonly client: ReceiverClient;
  readonly transport: HttpTransport;
  readonly clock: Clock;
  /** For the daemon's AWS credentials, where those are not given. */
  readonly files: { run<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> };
  readonly awsCredentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
  /** The reading of a credential that has to be configured. */
  readonly read: (credential: string) => ReadCredential;
  /** `undefined` for one that is not. */
  readonly readOptional: (credential: string) => ReadCredential | undefined;
}

export interface OpenSink {
  readonly sink: AlertSink;
  /** Closes the connections behind it, where some are kept. */
  readonly close?: () => Promise<void>;
}

/** What a credential can be told to be no good by, without telling anybody. */
export interface CredentialCheck {
  readonly credential: string;
  /** As `check` names it. */
  readonly label: 'routing key';
  readonly verify: (sinkName: string, text: SecretText) => Result<void>;
}

/** What every sink has, and the default of its name: the kind. */
function commonFields(kind: string, description: string) {
  return {
    kind: z.literal(kind).describe(`${kind}: ${description}`),
    name: labelField().default(kind).describe('name in the log and the metrics, unique among the sinks'),
    leastSeverity: z
      .enum(SEVERITIES)
      .default('warning')
      .describe('warning: everything; critical: only what is worth waking a person for'),
  };
}

/** A secret, by reference. */
export function secretField(description: string) {
  return credentialReferenceSchema.describe(`${description}; ${BY_REFERENCE}`);
}

type Settings<Fields extends z.ZodRawShape> = z.output<
  ReturnType<typeof mapping<ReturnType<typeof commonFields> & Fields>>
>;

export interface SinkDescription<Fields extends z.ZodRawShape, Credential extends string> {
  readonly kind: string;
  /** What it is, in a few words. */
  readonly description: string;
  /** Beside `kind`, `name` and `leastSeverity`; credentials are a {@link secretField}. */
  readonly fields: Fields;
  /** Which of the fields are credentials. */
  readonly credentials: readonly Credential[];
  /** What cannot be said of one field alone. */
  readonly refine?: (settings: Settings<Fields>, context: z.core.$RefinementCtx) => void;
  /** True when it tells alerts apart by the installation's name: two installations need different ones. */
  readonly needsInstallationName?: boolean;
  readonly check?: CredentialCheck;
  /** As many as have to be told each for itself. Opens no connection yet. */
  readonly create: (settings: Settings<Fields>, deps: SinkDeps) => readonly OpenSink[];
}

/** A sink as a configuration has it. */
export interface ConfiguredSink {
  readonly kind: string;
  readonly name: string;
  readonly leastSeverity: Severity;
  /** All that is written about it, parsed. */
  readonly settings: object;
  readonly needsInstallationName: boolean;
  readonly check: CredentialCheck | undefined;
  readonly create: (deps: SinkDeps) => readonly OpenSink[];
}

export interface SinkKind {
  readonly kind: string;
  readonly credentials: readonly string[];
  readonly schema: z.ZodPipe<z.ZodObject, z.ZodTransform<ConfiguredSink>>;
}

export function defineSink<
  const Fields extends z.ZodRawShape,
  const Credential extends string & keyof Fields,
>(sink: SinkDescription<Fields, Credential>): SinkKind {
  const { kind, credentials, check, needsInstallationName = false } = sink;
  const common = commonFields(kind, sink.description);
  const schema = mapping({ ...common, ...sink.fields })
    .superRefine((settings, context) => sink.refine?.(settings, context))
    .transform((settings): ConfiguredSink => {
      const { name, leastSeverity } = z.object(common).parse(settings);
      const create = (deps: SinkDeps): readonly OpenSink[] => sink.create(settings, deps);
      return { kind, name, leastSeverity, settings, needsInstallationName, check, create };
    });
  return { kind, credentials, schema };
}
