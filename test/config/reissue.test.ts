/** What `check` says of APIs that hand out the same token, or end the one before. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatProblem } from '../../src/config/problem.ts';
import { parseText } from '../support/configuration-text.ts';

function notesOf(reissue: string, staleness: string): readonly string[] {
  const parsed = parseText(`readers: { staleness: ${staleness} }
providers:
  - name: acme
    kind: http
    credentials: { key: { env: A } }
    request: { url: "https://acme.example/", headers: { x-key: "\${key}" } }
    reissue: ${reissue}
    secret: tokens/acme
`);
  assert.ok(parsed.ok);
  return parsed.warnings.map(formatProblem).filter((message) => message.includes('401'));
}

describe('reissue', () => {
  it('new asks nothing of readers', () => {
    assert.deepEqual(notesOf('new', '1m'), []);
  });

  it('same-until-expiry leaves readers without a token for a moment, and says so', () => {
    const [note, ...others] = notesOf('same-until-expiry', '0s');
    assert.match(note ?? '', /the API hands out the same token until it ends/);
    assert.deepEqual(others, []);
  });

  it('invalidates-previous concerns readers that keep a token', () => {
    assert.deepEqual(notesOf('invalidates-previous', '0s'), []);
    assert.match(notesOf('invalidates-previous', '1m')[0] ?? '', /a new token ends the one before at once/);
  });
});
