import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { forwardReport } from '../../../src/adapters/net/report-forwarder.ts';
import { SecretText } from '../../../src/core/secret-text.ts';
import { type HttpCall, HttpFault, type HttpTransport } from '../../../src/core/wire/http-call.ts';

const REPORT = {
  path: '/v1/tokens/pik/rejections?wait=5000ms',
  waitMs: 5_000,
  bearer: undefined,
  body: '{}',
};
const { signal } = new AbortController();

describe('forwardReport', () => {
  it('calls the address of the leader whatever the path is, for as long as was asked and some seconds', async () => {
    const calls: HttpCall[] = [];
    const transport: HttpTransport = {
      send: async (call) => {
        calls.push(call);
        throw new HttpFault('ECONNREFUSED', 'refused', 'check it', { isSent: false });
      },
    };
    const bearer = new SecretText('caller');
    for (const path of [REPORT.path, '//evil.example/v1/tokens/pik/rejections'])
      assert.equal(
        await forwardReport(transport, '[fd00::7]:8081', { ...REPORT, path, bearer }, signal),
        undefined,
      );
    assert.deepEqual(
      calls.map(({ url }) => url.host),
      ['[fd00::7]:8081', '[fd00::7]:8081'],
    );
    assert.equal(calls[0]?.headers['authorization'], 'Bearer caller');
    assert.equal(calls[0]?.answerLimitMs, 9_000);
  });
});
