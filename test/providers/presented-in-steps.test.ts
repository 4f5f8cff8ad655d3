/** What a lost or failed answer may have spent, when the refresh token is presented in an earlier request or inside a value. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import {
  type DescribedProvider,
  describeProvider,
  fetchOnce,
  sourceOf,
} from '../support/described-provider.ts';
import { startLoopbackServer } from '../support/loopback-server.ts';
import { chainOf } from '../support/prepared-kind.ts';

type Answer = (response: ServerResponse) => void;

const json =
  (body: object, status = 200): Answer =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
const lost: Answer = (response) => {
  response.destroy();
};
const LIVE = { session: 's', access_token: 'token', expires_in: 900 };

const IN_FIRST = (url: string): DescribedProvider => ({
  credentials: ['clientId', 'refreshToken'],
  description: `steps: [{ url: "${url}/first", body: { form: { refresh_token: "\${refreshToken}" } }, save: { session: session } }]
request: { url: "${url}/last", headers: { x-session: "\${session}", x-client: "\${clientId}" } }
refresh: { token: { path: refresh_token } }`,
});

/** The refresh token stands in a value alone. */
const IN_VALUE = (url: string): DescribedProvider => ({
  credentials: ['clientId', 'refreshToken'],
  description: `values: { both: { text: "\${clientId}:\${refreshToken}" } }
request: { url: "${url}/last", body: { text: "\${both}" } }
refresh: { token: { path: refresh_token } }`,
});

const IN_LAST = (url: string): DescribedProvider => ({
  credentials: ['clientId', 'refreshToken'],
  description: `steps: [{ url: "${url}/first", headers: { x-client: "\${clientId}" }, save: { session: session } }]
request: { url: "${url}/last", headers: { x-session: "\${session}" }, body: { form: { refresh_token: "\${refreshToken}" } } }
refresh: { token: { path: refresh_token } }`,
});

describe('a refresh token that was presented', () => {
  const cases: readonly (readonly [string, (url: string) => DescribedProvider, Answer, Answer, boolean])[] = [
    ['first, when the next answer is lost', IN_FIRST, json(LIVE), lost, true],
    ['first, when the next answer is a 503', IN_FIRST, json(LIVE), json({}, 503), true],
    ['first, when that answer is lost', IN_FIRST, lost, lost, true],
    ['first, when that answer is a 503', IN_FIRST, json({}, 503), lost, false],
    ['last, when the first answer is lost', IN_LAST, lost, lost, false],
    ['last, when that answer is lost', IN_LAST, json(LIVE), lost, true],
    ['in a value, when the answer is lost', IN_VALUE, lost, lost, true],
  ];
  for (const [what, describeFor, first, last, expected] of cases) {
    it(`No chain is lost by us: ${what}, ${expected ? 'may' : 'cannot'} be spent`, async () => {
      await using server = await startLoopbackServer((request, response) => {
        request.resume();
        (request.url === '/first' ? first : last)(response);
      });
      const report = await fetchOnce(
        describeProvider(describeFor(server.url)),
        { clientId: 'client', refreshToken: 'seed' },
        chainOf('refresh-1'),
      );
      assert.ok(!report.result.ok);
      assert.equal(report.isAmbiguous ?? false, expected, report.result.failure.message);
      assert.equal(report.wasNotSent ?? false, false);
    });
  }

  it('No chain is lost by us: first, when the term ends before the next request, may be spent', async () => {
    let isOver = false;
    await using server = await startLoopbackServer((request, response) => {
      request.resume();
      isOver = true;
      json(LIVE)(response);
    });
    const source = sourceOf(describeProvider(IN_FIRST(server.url)), {
      clientId: 'client',
      refreshToken: 'seed',
    });
    const report = await source.fetch(chainOf('refresh-1'), new AbortController().signal, () => isOver);
    assert.ok(!report.result.ok);
    assert.equal(report.result.failure.code, 'aborted');
    assert.equal(report.isAmbiguous, true);
    assert.equal(report.wasNotSent ?? false, false, 'the provider has been asked');
  });
});
