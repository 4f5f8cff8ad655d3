import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseServiceUrl } from '../../src/core/wire/service-url.ts';

describe('parseServiceUrl', () => {
  for (const [text, url] of [
    ['https://api.example.com', 'https://api.example.com'],
    ['https://api.example.com/', 'https://api.example.com'],
    ['https://API.example.com/v2//', 'https://api.example.com/v2'],
    ['https://10.0.0.1:8443', 'https://10.0.0.1:8443'],
    ['http://localhost:4566', 'http://localhost:4566'],
    ['http://127.0.0.1:4566/', 'http://127.0.0.1:4566'],
    ['http://127.1.2.3', 'http://127.1.2.3'],
    ['http://[::1]:4566', 'http://[::1]:4566'],
  ] as const) {
    it(`accepts ${text}`, () => {
      assert.equal(parseServiceUrl(text), url);
    });
  }

  for (const text of [
    '',
    'api.example.com',
    'http://api.example.com',
    'http://10.0.0.1',
    'http://127.0.0.1.example.com',
    'http://localhost.example.com',
    'http://[::2]',
    'ftp://localhost',
    'file:///etc/passwd',
    'https://user@api.example.com',
    'https://user:password@api.example.com',
    'https://api.example.com/?key=value',
    'https://api.example.com/?',
    'https://api.example.com/#top',
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(parseServiceUrl(text), undefined);
    });
  }
});
