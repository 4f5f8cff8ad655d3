import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeListenError, reachableHost } from '../../src/http/listen-address.ts';

describe('reachableHost', () => {
  for (const { host, reachable } of [
    { host: '127.0.0.1', reachable: '127.0.0.1' },
    { host: '0.0.0.0', reachable: '127.0.0.1' },
    { host: '::', reachable: '127.0.0.1' },
    { host: 'fd00::7', reachable: '[fd00::7]' },
    { host: 'localhost', reachable: 'localhost' },
  ]) {
    it(`reaches ${host} at ${reachable}`, () => {
      assert.equal(reachableHost(host), reachable);
    });
  }
});

describe('describeListenError', () => {
  for (const { code, says } of [
    {
      code: 'EADDRINUSE',
      says: 'another program does; stop it or set http.port to a free port (0 picks one)',
    },
    { code: 'EACCES', says: 'not allowed to; set http.port to 1024 or above' },
    {
      code: 'EADDRNOTAVAIL',
      says: 'this machine does not have that address; set http.host to one of its own, 127.0.0.1 or ::',
    },
    {
      code: 'EAFNOSUPPORT',
      says: 'this machine does not have that address; set http.host to one of its own, 127.0.0.1 or ::',
    },
    {
      code: 'ENOTFOUND',
      says: 'the host name does not resolve; set http.host to an address, 127.0.0.1 or ::',
    },
    {
      code: 'EAI_AGAIN',
      says: 'the host name does not resolve; set http.host to an address, 127.0.0.1 or ::',
    },
  ]) {
    it(`says what to do about ${code}`, () => {
      const error = Object.assign(new Error('listen'), { code });
      assert.equal(describeListenError(error, 'here', 80), `cannot listen on here port 80: ${says}`);
    });
  }

  it('names the code of any other error, and nothing else of it', () => {
    const error = Object.assign(new Error('canary'), { code: 'EWHATEVER' });
    assert.equal(
      describeListenError(error, 'here', 80),
      'cannot listen on here port 80 (EWHATEVER); check http.host and http.port',
    );
    assert.equal(
      describeListenError('canary', 'here', 80),
      'cannot listen on here port 80 (unknown error); check http.host and http.port',
    );
  });
});
