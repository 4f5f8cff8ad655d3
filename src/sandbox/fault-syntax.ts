/**
 * The language of faults on the command line and at the control endpoint: `TARGET:FAULT[=VALUE][@START][+DURATION]`,
 * for example `pivot:503@30s+90s`, `apimw:429=30`, `store:latency=500ms`.
 */
import { suggest } from '../core/spelling.ts';
import { DURATION_FORM, parseDuration } from '../core/wire/duration.ts';
import type { Fault, FaultTarget, ProviderFault, RetryAfter } from './fault.ts';
import type { StoreFault } from './secrets-manager/store-fault.ts';
import { EXPIRY_DISTORTIONS } from './upstreams/upstream.ts';

export type ParsedFault =
  | { readonly ok: true; readonly fault: Fault }
  | { readonly ok: false; readonly message: string };

/** `value` says what may follow `=`; `undefined` when nothing may. `parse` yields `undefined` for a wrong value. */
interface Word<Effect> {
  readonly value: string | undefined;
  readonly parse: (value: string | undefined) => Effect | undefined;
}

const SHAPE =
  /^(?<target>[^:]+):(?<word>[^=@+]+)(?:=(?<value>[^@+]*))?(?:@(?<start>[^+]*))?(?:\+(?<duration>.*))?$/;
const STATUS_VALUE = 'seconds to wait: 30 (Retry-After), date:30 (Retry-After as a date), body:30 (APIMW)';

const PROVIDER_WORDS = wordsOf<Exclude<ProviderFault['fault'], 'status'>, ProviderFault>({
  latency: valued(DURATION_FORM, parseDurationMs, (delayMs) => ({ fault: 'latency', delayMs })),
  'clock-skew': valued(DURATION_FORM, parseSignedDuration, (skewMs) => ({ fault: 'clock-skew', skewMs })),
  lifetime: valued(`${DURATION_FORM}, at least 1s`, parseLifetime, (lifetimeMs) => ({
    fault: 'lifetime',
    lifetimeMs,
  })),
  expiry: valued(
    EXPIRY_DISTORTIONS.join(', '),
    (value) => EXPIRY_DISTORTIONS.find((known) => known === value),
    (expiry) => ({ fault: 'expiry', expiry }),
  ),
  'envelope-error': optional('an HTTP status from 300 to 599', parseStatus, (status = 500) => ({
    fault: 'envelope-error',
    status,
  })),
  redirect: optional('a port of 127.0.0.1', parsePort, (port) => ({ fault: 'redirect', status: 302, port })),
  echo: plain({ fault: 'echo' }),
  malformed: plain({ fault: 'malformed' }),
  'not-json': plain({ fault: 'not-json' }),
  truncated: plain({ fault: 'truncated' }),
  oversize: plain({ fault: 'oversize' }),
  'slow-headers': plain({ fault: 'slow-headers' }),
  'slow-body': plain({ fault: 'slow-body' }),
  reset: plain({ fault: 'reset' }),
  'lost-answer': plain({ fault: 'lost-answer' }),
  'wrong-credentials': plain({ fault: 'wrong-credentials' }),
  'same-token': plain({ fault: 'same-token' }),
});

const STORE_WORDS = wordsOf<StoreFault['kind'], StoreFault>({
  throttle: plain({ kind: 'throttle' }),
  denied: plain({ kind: 'denied' }),
  outage: plain({ kind: 'outage' }),
  unavailable: plain({ kind: 'unavailable' }),
  kms: plain({ kind: 'kms' }),
  'lost-answer': plain({ kind: 'lost-answer' }),
  latency: valued(DURATION_FORM, parseDurationMs, (delayMs) => ({ kind: 'latency', delayMs })),
});

/** Every fault of a target, for help texts and messages. */
export function listFaults(target: 'provider' | 'store'): readonly string[] {
  if (target === 'store') return [...STORE_WORDS].map(([word, { value }]) => describeWord(word, value));
  return ['300 to 599[=WAIT]', ...[...PROVIDER_WORDS].map(([word, { value }]) => describeWord(word, value))];
}

/**
 * Parses one fault.
 * @param providers names that a target may have, beside `store` and `*` (all providers)
 */
export function parseFault(text: string, providers: readonly string[]): ParsedFault {
  const groups = SHAPE.exec(text)?.groups;
  if (groups === undefined) return refuse(text, 'expected TARGET:FAULT[=VALUE][@START][+DURATION]');
  const target = groups['target'] ?? '';
  const word = groups['word'] ?? '';
  const startMs = groups['start'] === undefined ? 0 : parseDurationMs(groups['start']);
  if (startMs === undefined)
    return refuse(text, `found "@${groups['start']}", expected @ and ${DURATION_FORM}`);
  const durationMs = groups['duration'] === undefined ? undefined : parseDurationMs(groups['duration']);
  if (durationMs === undefined && groups['duration'] !== undefined) {
    return refuse(text, `found "+${groups['duration']}", expected + and ${DURATION_FORM}`);
  }
  const targets = [...providers, 'store', '*'];
  if (!targets.includes(target)) return refuse(text, unknownWord('target', target, targets));
  const effect = parseEffect(target, word, groups['value']);
  if (typeof effect === 'string') return refuse(text, effect);
  return { ok: true, fault: { ...effect, text, startMs, durationMs } };
}

function parseEffect(target: string, word: string, value: string | undefined): FaultTarget | string {
  if (target === 'store') {
    const effect =
      readWord(STORE_WORDS.get(word), word, value) ?? unknownWord('store fault', word, listFaults('store'));
    return typeof effect === 'string' ? effect : { target: 'store', effect };
  }
  const known = /^\d+$/.test(word) ? statusWord(word) : PROVIDER_WORDS.get(word);
  const effect = readWord(known, word, value) ?? unknownWord('fault', word, listFaults('provider'));
  return typeof effect === 'string' ? effect : { target: 'provider', provider: target, effect };
}

/** @returns a text when the value is wrong */
function readWord<Effect>(
  known: Word<Effect> | undefined,
  word: string,
  value: string | undefined,
): Effect | string | undefined {
  return known && (known.parse(value) ?? wrongValue(word, value, known.value));
}

function statusWord(word: string): Word<ProviderFault> | undefined {
  const status = parseStatus(word);
  if (status === undefined) return undefined;
  return optional(STATUS_VALUE, parseRetryAfter, (retryAfter) => ({ fault: 'status', status, retryAfter }));
}

/** Complete by its type. */
function wordsOf<Name extends string, Effect>(
  words: Readonly<Record<Name, Word<Effect>>>,
): ReadonlyMap<string, Word<Effect>> {
  return new Map<string, Word<Effect>>(Object.entries(words));
}

function plain<Effect>(effect: Effect): Word<Effect> {
  return { value: undefined, parse: (value) => (value === undefined ? effect : undefined) };
}

function valued<Value, Effect>(
  allowed: string,
  parse: (text: string) => Value | undefined,
  make: (value: Value) => Effect,
): Word<Effect> {
  return {
    value: allowed,
    parse: (text) => {
      const value = text === undefined ? undefined : parse(text);
      return value === undefined ? undefined : make(value);
    },
  };
}

function optional<Value, Effect>(
  allowed: string,
  parse: (text: string) => Value | undefined,
  make: (value: Value | undefined) => Effect,
): Word<Effect> {
  return {
    value: allowed,
    parse: (text) => (text === undefined ? make(undefined) : valued(allowed, parse, make).parse(text)),
  };
}

function parseDurationMs(text: string): number | undefined {
  const parsed = parseDuration(text);
  return parsed.ok ? parsed.durationMs : undefined;
}

function parseSignedDuration(text: string): number | undefined {
  if (!text.startsWith('-')) return parseDurationMs(text);
  const durationMs = parseDurationMs(text.slice(1));
  return durationMs === undefined ? undefined : -durationMs;
}

function parseLifetime(text: string): number | undefined {
  const lifetimeMs = parseDurationMs(text);
  return lifetimeMs === undefined || lifetimeMs < 1000 ? undefined : lifetimeMs;
}

function parseStatus(text: string): number | undefined {
  return /^[345]\d\d$/.test(text) ? Number(text) : undefined;
}

function parsePort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

function parseRetryAfter(text: string): RetryAfter | undefined {
  const match = /^(?:(?<form>date|body):)?(?<seconds>\d{1,9})$/.exec(text);
  if (match === null) return undefined;
  const form = match.groups?.['form'];
  return {
    form: form === 'date' || form === 'body' ? form : 'seconds',
    seconds: Number(match.groups?.['seconds']),
  };
}

function describeWord(word: string, value: string | undefined): string {
  return value === undefined ? word : `${word}=…`;
}

function refuse(text: string, why: string): ParsedFault {
  return { ok: false, message: `fault "${text}": ${why}` };
}

function wrongValue(word: string, found: string | undefined, allowed: string | undefined): string {
  if (allowed === undefined) return `"${word}" takes no value, found "${found}"`;
  return `"${word}" needs a value: ${allowed}; found ${found === undefined ? 'none' : `"${found}"`}`;
}

function unknownWord(what: string, found: string, allowed: readonly string[]): string {
  const nearest = suggest(
    found,
    allowed.map((word) => word.replace(/[=[].*$/, '')),
  );
  const hint = nearest === undefined ? '' : `, did you mean "${nearest}"?`;
  return `unknown ${what} "${found}"${hint} (allowed: ${allowed.join(', ')})`;
}
