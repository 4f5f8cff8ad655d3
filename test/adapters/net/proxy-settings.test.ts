import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { findProxy } from '../../../src/adapters/net/proxy-settings.ts';
import { HttpFault } from '../../../src/core/wire/http-call.ts';

function find(url: string, env: Readonly<Record<string, string>>) {
  return findProxy(new URL(url), (name) => env[name]);
}

const HTTPS_PROXY = 'http://proxy.example.com:3128';

describe('the proxy', () => {
  for (const [url, env, origin] of [
    ['https://api.test', {}, undefined],
    ['https://api.test', { HTTPS_PROXY }, HTTPS_PROXY],
    ['https://api.test', { https_proxy: HTTPS_PROXY }, HTTPS_PROXY],
    ['https://api.test', { https_proxy: 'http://lower:1', HTTPS_PROXY }, 'http://lower:1'],
    ['https://api.test', { https_proxy: ' ', HTTPS_PROXY }, HTTPS_PROXY],
    ['https://api.test', { HTTP_PROXY: HTTPS_PROXY }, undefined],
    ['http://api.test', { HTTPS_PROXY }, undefined],
    ['http://api.test', { http_proxy: HTTPS_PROXY }, HTTPS_PROXY],
    ['https://api.test', { HTTPS_PROXY: 'proxy:3128' }, 'http://proxy:3128'],
    ['https://api.test', { HTTPS_PROXY: 'https://proxy' }, 'https://proxy'],
    ['https://127.0.0.1:1', { HTTPS_PROXY }, undefined],
    ['https://localhost', { HTTPS_PROXY }, undefined],
    ['https://[::1]', { HTTPS_PROXY }, undefined],
  ] as const) {
    it(`for ${url} with ${JSON.stringify(env)} is ${origin ?? 'none'}`, () => {
      assert.equal(find(url, env)?.origin, origin);
    });
  }

  for (const [url, NO_PROXY, isDirect] of [
    ['https://api.test', '*', true],
    ['https://api.test', 'api.test', true],
    ['https://API.test', 'Api.Test', true],
    ['https://a.api.test', 'api.test', true],
    ['https://a.api.test', '.api.test', true],
    ['https://api.test', '.api.test', true],
    ['https://a.api.test', '*.api.test', true],
    ['https://anapi.test', 'api.test', false],
    ['https://api.test.evil', 'api.test', false],
    ['https://api.test', 'other.test, api.test', true],
    ['https://api.test', 'other.test api.test', true],
    ['https://api.test', 'api.test:443', true],
    ['https://api.test', 'api.test:8443', false],
    ['https://api.test:8443', 'api.test:8443', true],
    ['https://10.1.2.3', '10.1.2.3', true],
    ['https://10.1.2.3', '10.0.0.0/8', true],
    ['https://11.1.2.3', '10.0.0.0/8', false],
    ['https://11.1.2.3', '10.0.0.0/99', false],
    ['https://11.1.2.3', '2.3', false],
    ['https://[fd00::1]', 'fd00::/8', true],
    ['https://[fd00::1]', 'fd00:0::1', true],
    ['https://[fd00::1]:8443', '[fd00::1]:8443', true],
    ['https://[fe80::1]', 'fd00::/8', false],
    ['https://api.test', '', false],
    ['https://api.test', ',,', false],
  ] as const) {
    it(`is ${isDirect ? 'left out' : 'used'} for ${url} with NO_PROXY ${NO_PROXY}`, () => {
      for (const name of ['NO_PROXY', 'no_proxy'])
        assert.equal(find(url, { HTTPS_PROXY, [name]: NO_PROXY }) === undefined, isDirect);
    });
  }

  it('has its user and password in a header, and nowhere else', () => {
    const proxy = find('https://api.test', { HTTPS_PROXY: 'http://user:p%40ss%zz@proxy:3128' });
    assert.equal(proxy?.authorization?.reveal(), `Basic ${Buffer.from('user:p%40ss%zz').toString('base64')}`);
    const decoded = find('https://api.test', { HTTPS_PROXY: 'http://user:p%40ss@proxy:3128' });
    assert.equal(decoded?.authorization?.reveal(), `Basic ${Buffer.from('user:p@ss').toString('base64')}`);
    assert.doesNotMatch(inspect(decoded, { depth: 9, showHidden: true }), /p@ss|p%40ss|dXNlc/);
  });

  for (const value of ['socks5://user:secret@proxy:1080', 'http://', 'http://user:secret@:1', 'ftp://proxy'])
    it(`${value} is refused by the name of its variable`, () => {
      assert.throws(
        () => find('https://api.test', { HTTPS_PROXY: value }),
        (error) => {
          assert.ok(error instanceof HttpFault);
          assert.equal(error.reason, 'HTTPS_PROXY is no http or https URL of a proxy');
          assert.equal(error.isSent, false);
          return true;
        },
      );
    });
});
