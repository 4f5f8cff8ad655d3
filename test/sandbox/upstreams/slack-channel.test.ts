import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readSlackMarkup, takeSlackMessage } from '../../../src/sandbox/upstreams/slack-channel.ts';

describe('takeSlackMessage', () => {
  for (const { name, method, body, status, text } of [
    { name: 'a message', method: 'POST', body: '{"text":"hello"}', status: 200, text: 'hello' },
    { name: 'no JSON', method: 'POST', body: 'hello', status: 400, text: undefined },
    { name: 'no text', method: 'POST', body: '{"text":""}', status: 400, text: undefined },
    { name: 'another method', method: 'GET', body: '', status: 405, text: undefined },
  ]) {
    it(`answers ${status} to ${name}`, () => {
      assert.deepEqual(takeSlackMessage(method, body), { status, text });
    });
  }
});

describe('readSlackMarkup', () => {
  it('shows links and escaped characters as people see them', () => {
    assert.equal(
      readSlackMarkup(':warning: *a &lt;b&gt; &amp;lt;* (<https://docs.example.com/#x|runbook>)'),
      ':warning: *a <b> &lt;* (runbook: https://docs.example.com/#x)',
    );
  });
});
