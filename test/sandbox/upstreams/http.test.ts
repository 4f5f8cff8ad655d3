import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { parseJson } from '../../../src/core/wire/json.ts';
import { createUpstreamsBuilder } from '../../support/sandbox-upstreams.ts';
import { get, signLogin } from '../../support/token-requests.ts';

const MINUTE_MS = 60_000;
const WRONG_SIGNATURE = { code: 'E401', message: 'wrong signature' };

describe('the upstream that follows no standard', () => {
  let build: Awaited<ReturnType<typeof createUpstreamsBuilder>>;
  before(async () => {
    build = await createUpstreamsBuilder();
  });

  /** What it says to the query of a login at `offMs` from its clock, with changes. */
  const open = () => {
    const { clock, credentials, upstreams, issued } = build();
    const login = (changes: Readonly<Record<string, string>> = {}, offMs = 0): unknown => {
      const query = { ...signLogin(credentials, clock.now() + offMs), ...changes };
      const response = upstreams.http.handle(get('/login', query));
      assert.equal(response.status, 200, 'whatever it says');
      return parseJson(response.body);
    };
    return { clock, issued, login };
  };

  it('answers a signed login with the token deep in its envelope', () => {
    const { issued, login } = open();
    assert.deepEqual(login(), { code: 'OK', data: { session: { token: issued[0], validFor: 3600 } } });
  });

  const wrong: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['of another partner', { partner: 'somebody' }],
    ['with another signature', { sign: '00'.repeat(32) }],
    ['with a signature that is no hex', { sign: 'wrong' }],
    ['without a signature', { sign: '' }],
    ['of another moment', { ts: '1700000000' }],
  ];
  for (const [name, changes] of wrong) {
    it(`refuses a login ${name}`, () => {
      const { issued, login } = open();
      assert.deepEqual(login(changes), WRONG_SIGNATURE);
      assert.deepEqual(issued, []);
    });
  }

  it('takes a clock that is five minutes off, and says so of one that is more', () => {
    const { login, issued } = open();
    for (const offMs of [-5 * MINUTE_MS, 5 * MINUTE_MS]) login({}, offMs);
    assert.equal(issued.length, 2);
    for (const offMs of [-5 * MINUTE_MS - 1000, 5 * MINUTE_MS + 1000])
      assert.deepEqual(login({}, offMs), { code: 'ETIME', message: 'timestamp out of range' });
    assert.equal(issued.length, 2);
  });
});
