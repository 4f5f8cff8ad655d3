import type { AlertNotification } from '../../src/core/alert.ts';
import { NOON_MS } from './sample-events.ts';

/** `pik` fails since noon, told a minute later. */
export function buildNotification(changes: Partial<AlertNotification> = {}): AlertNotification {
  return {
    occasion: 'fired',
    status: 'firing',
    key: 'token-refresher/pik/RefreshFailing',
    alert: 'RefreshFailing',
    severity: 'warning',
    source: 'token-refresher',
    provider: 'pik',
    tokenCount: 1,
    tokens: ['pik'],
    codes: { 'provider-unavailable': 1 },
    summary: 'pik: refreshes fail (provider-unavailable); token expires 12:02:00 UTC, in 1m 00s',
    description: 'provider-unavailable: https://api.example.com/auth/token answered with status 503',
    action: 'find out whether the provider is down',
    runbook: 'https://wiki.example.com/runbook#refreshfailing',
    startedAtMs: NOON_MS,
    atMs: NOON_MS + 60_000,
    lastedMs: 60_000,
    ...changes,
  };
}

/** The same, over after five minutes. */
export function buildRecovery(changes: Partial<AlertNotification> = {}): AlertNotification {
  return buildNotification({
    occasion: 'recovered',
    status: 'resolved',
    summary: 'pik: recovered: refreshed again; token expires 12:35:00 UTC, in 30m 00s',
    description: 'It lasted 5m 00s, from 12:00:00 UTC on.',
    action: 'nothing',
    atMs: NOON_MS + 300_000,
    lastedMs: 300_000,
    ...changes,
  });
}
