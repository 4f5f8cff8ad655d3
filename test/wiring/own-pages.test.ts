import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { CoordinationConfiguration } from '../../src/config/configuration.ts';
import { findOwnPages } from '../../src/wiring/own-pages.ts';

const NONE: CoordinationConfiguration = { kind: 'none' };
const POD = { POD_NAME: 'token-refresher-7d4b9-abc', POD_NAMESPACE: 'payments' };

describe('findOwnPages', () => {
  for (const { what, url, env, ownUrl, ownUrlHint } of [
    {
      what: 'the address that is configured, also in a pod',
      url: 'https://tokens.example.com',
      env: POD,
      ownUrl: 'https://tokens.example.com',
      ownUrlHint: undefined,
    },
    {
      what: 'this machine outside of a pod',
      url: undefined,
      env: {},
      ownUrl: 'http://localhost:8081',
      ownUrlHint: undefined,
    },
    {
      what: 'a forwarded port in a pod, with the command that forwards it',
      url: undefined,
      env: POD,
      ownUrl: 'http://localhost:8081',
      ownUrlHint:
        "the runbook's link works while this runs: kubectl -n payments port-forward pod/token-refresher-7d4b9-abc 8081",
    },
    {
      what: 'a forwarded port in a pod that does not know its namespace',
      url: undefined,
      env: { POD_NAME: 'a' },
      ownUrl: 'http://localhost:8081',
      ownUrlHint: "the runbook's link works while this runs: kubectl port-forward pod/a 8081",
    },
  ]) {
    it(`is ${what}`, () => {
      const http = { host: '::', port: 8081, url };
      const readEnv = (name: string): string | undefined => new Map(Object.entries(env)).get(name);
      assert.deepEqual(findOwnPages({ http, coordination: NONE }, readEnv), { ownUrl, ownUrlHint });
    });
  }
});
