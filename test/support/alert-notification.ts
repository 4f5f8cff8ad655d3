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
    summary: 'pik: refreshes fail; token expires 12:30:00 UTC, in 29m 00s',
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
    summary: 'recovered: pik: refreshes succeed again; token expires 12:30:00 UTC, in 25m 00s',
    description: 'it lasted 5m 00s',
    action: 'nothing',
    atMs: NOON_MS + 300_000,
    lastedMs: 300_000,
    ...changes,
  });
}
