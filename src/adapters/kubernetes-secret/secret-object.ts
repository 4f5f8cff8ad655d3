/**
 * A Secret as the API server writes it, and what we make of it. Pure.
 *
 * What a version is. Kubernetes keeps one state of a Secret, and its resourceVersion changes with every edit, also of a
 * label, and starts again when a cluster is restored. So the version is a name of the content: the request token of the
 * write that made it, in an annotation, beside a digest of what was written. It survives restarts, restores and edits of
 * labels. Where the content is not what the digest says, somebody else has changed it: then the version is made of the
 * object's uid and resourceVersion, so that nothing that was decided before the change is written over it.
 *
 * Guarantee: whatever else the object holds (labels and annotations of others, further keys) is sent back unchanged.
 */
import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { SecretWrite, StoredText } from '../../core/ports.ts';
import type { Parsed } from '../../core/result.ts';
import { SecretText } from '../../core/secret-text.ts';
import { tokenDocumentSchema } from '../../core/token/document.ts';
import { isJsonObject, type JsonObject, objectIn, parseJson } from '../../core/wire/json.ts';
import type { SecretName } from './secret-names.ts';

/** The label by which the daemon knows its own Secrets. */
export const OWNER_LABEL = 'app.kubernetes.io/managed-by';
export const OWNER = 'token-refresher';
/** The request token of the write that made the content. */
export const VERSION_ANNOTATION = 'token-refresher/version';
/** SHA-256 of the content: of tokens, which nobody can guess. */
const CONTENT_ANNOTATION = 'token-refresher/content';

/** The whole document, exactly as any store has it. */
const DOCUMENT_KEY = 'token.json';
/** What is no document of a token: the state of a chain, which no reader needs. */
const STATE_KEY = 'state.json';
/** Those that are ours; readers that mount one of them get a file. */
const KEYS = [DOCUMENT_KEY, STATE_KEY, 'authorization', 'access_token', 'expires_at'] as const;

const textsSchema = z.record(z.string(), z.string());

const secretSchema = z.looseObject({
  metadata: z.looseObject({
    uid: z.string().min(1),
    resourceVersion: z.string().min(1),
    labels: textsSchema.nullish(),
    annotations: textsSchema.nullish(),
    deletionTimestamp: z.string().nullish(),
  }),
  type: z.string().nullish(),
  immutable: z.boolean().nullish(),
  data: textsSchema.nullish(),
});

export interface SecretObject {
  readonly labels: Readonly<Record<string, string>>;
  /** `Opaque` unless it was made for something special. */
  readonly type: string;
  readonly isImmutable: boolean;
  readonly isBeingDeleted: boolean;
  /** Of our keys; `undefined`: it holds nothing of ours yet. */
  readonly stored: StoredText | undefined;
  /** Of the values of our keys. */
  readonly digest: string;
  /** The whole object, to be sent back by a write. */
  readonly raw: JsonObject;
}

/** Reads the body of an answer. The problem names the field; it quotes nothing. */
export function parseSecret(body: string): Parsed<{ readonly secret: SecretObject }> {
  const raw = parseJson(body);
  const parsed = secretSchema.safeParse(raw);
  if (!parsed.success || !isJsonObject(raw)) {
    const path = parsed.error?.issues[0]?.path.map(String).slice(0, 2).join('.') ?? '';
    return { ok: false, problem: path === '' ? 'is no Secret' : `has a malformed field ${path}` };
  }
  const { metadata, type, immutable, data } = parsed.data;
  const { uid, resourceVersion, labels, annotations, deletionTimestamp } = metadata;
  const encoded = data?.[DOCUMENT_KEY] ?? data?.[STATE_KEY];
  const written = annotations?.[VERSION_ANNOTATION];
  const digest = digestOf(data ?? {});
  const isOurs = written !== undefined && annotations?.[CONTENT_ANNOTATION] === digest;
  const version = isOurs ? written : `edited/${uid}/${resourceVersion}`;
  return {
    ok: true,
    secret: {
      labels: labels ?? {},
      type: type ?? 'Opaque',
      isImmutable: immutable === true,
      isBeingDeleted: (deletionTimestamp ?? undefined) !== undefined,
      stored:
        encoded === undefined
          ? undefined
          : { ...readContent(new SecretText(decode(encoded)), data), version },
      digest,
      raw,
    },
  };
}

/** Readers of single fields must not get another token than those of the document. */
function readContent(
  text: SecretText,
  data: Readonly<Record<string, string>> | null | undefined,
): Omit<StoredText, 'version'> {
  const wrong = Object.entries(dataOf(text)).find(([key, value]) => (data?.[key] ?? value) !== value);
  return wrong === undefined
    ? { text }
    : { text, flaw: `a key ${wrong[0]} that is not of its ${DOCUMENT_KEY}` };
}

export interface Marks {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The object that creates a Secret; without a write, one that holds nothing. */
export function buildNewSecret(
  { namespace, name }: SecretName,
  { labels, annotations }: Marks,
  write: SecretWrite | undefined,
): JsonObject {
  const data = write === undefined ? {} : dataOf(write.text);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name,
      namespace,
      labels: { ...labels, [OWNER_LABEL]: OWNER },
      annotations: { ...annotations, ...(write === undefined ? {} : describeContent(write, data)) },
    },
    type: 'Opaque',
    data,
  };
}

/** The object that replaces one; it carries uid and resourceVersion, so that a change in between is a conflict. */
export function buildReplacement({ raw }: SecretObject, write: SecretWrite): JsonObject {
  const metadata = objectIn(raw, 'metadata');
  const ours = dataOf(write.text);
  const others = Object.entries(objectIn(raw, 'data')).filter(([key]) => !KEYS.some((own) => own === key));
  return {
    ...raw,
    metadata: {
      ...metadata,
      labels: { ...objectIn(metadata, 'labels'), [OWNER_LABEL]: OWNER },
      annotations: { ...objectIn(metadata, 'annotations'), ...describeContent(write, ours) },
    },
    data: { ...Object.fromEntries(others), ...ours },
  };
}

function describeContent(
  { requestToken }: SecretWrite,
  data: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return { [VERSION_ANNOTATION]: requestToken, [CONTENT_ANNOTATION]: digestOf(data) };
}

/** For readers that take a file as it is, beside the document for those that read JSON. */
function dataOf(text: SecretText): Readonly<Record<string, string>> {
  const whole = text.reveal();
  const { data: document } = tokenDocumentSchema.safeParse(parseJson(whole));
  if (document === undefined) return { [STATE_KEY]: encode(whole) };
  const { authorization, access_token: accessToken, expires_at: expiresAt } = document;
  return {
    [DOCUMENT_KEY]: encode(whole),
    authorization: encode(authorization),
    access_token: encode(accessToken),
    expires_at: encode(expiresAt),
  };
}

/** What {@link SecretObject.digest} of the object is once it is stored as it is. */
export function digestIn(object: JsonObject): string {
  return digestOf(objectIn(object, 'data'));
}

/** Of our keys alone: what others keep beside them is none of our business. */
function digestOf(data: Readonly<Record<string, unknown>>): string {
  const own = KEYS.map((key) => data[key] ?? null);
  return createHash('sha256').update(JSON.stringify(own)).digest('base64url');
}

function encode(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

function decode(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}
