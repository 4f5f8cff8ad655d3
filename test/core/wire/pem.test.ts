import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readPem } from '../../../src/core/wire/pem.ts';

const BODY = 'A'.repeat(64) + 'B'.repeat(20);
const PEM = `-----BEGIN CERTIFICATE-----\n${'A'.repeat(64)}\n${'B'.repeat(20)}\n-----END CERTIFICATE-----\n`;

describe('readPem', () => {
  for (const [shape, text] of [
    ['as it should be', PEM],
    ['with the line ends of Windows', PEM.replaceAll('\n', '\r\n')],
    ['with literal line ends', PEM.replaceAll('\n', '\\r\\n')],
    ['with line ends that were escaped twice', PEM.replaceAll('\n', '\\\\n')],
    ['on one line', PEM.replaceAll('\n', ' ')],
    ['without any line ends', PEM.replaceAll('\n', '')],
    ['indented', PEM.replaceAll('\n', '\n    ')],
    ['with a byte order mark', `\uFEFF${PEM}`],
    ['in quotes', `"${PEM}"`],
    ['as base64 once more', Buffer.from(PEM).toString('base64')],
    ['as base64 of one with literal line ends', Buffer.from(PEM.replaceAll('\n', '\\n')).toString('base64')],
    ['behind other text', `Bag Attributes: none\n${PEM}`],
  ] as const) {
    it(`reads one ${shape}`, () => {
      const { blocks, isCutOff } = readPem(text);
      assert.deepEqual(blocks, [{ label: 'CERTIFICATE', body: BODY, pem: PEM, isEncryptedByHeaders: false }]);
      assert.equal(isCutOff, false);
    });
  }

  for (const [shape, text] of [
    ['on one line', 'Proc-Type: 4,ENCRYPTED DEK-Info: AES-128-CBC,88B8CE2DFE2EEC5DC435D94B436ED811 QUJD'],
    [
      'without any line ends',
      'Proc-Type: 4,ENCRYPTEDDEK-Info: AES-128-CBC,88B8CE2DFE2EEC5DC435D94B436ED811QUJD',
    ],
  ] as const) {
    it(`keeps the headers of an old encrypted key ${shape}`, () => {
      const { blocks } = readPem(`-----BEGIN RSA PRIVATE KEY-----${text}-----END RSA PRIVATE KEY-----`);
      const head = 'Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,88B8CE2DFE2EEC5DC435D94B436ED811\n\nQUJD';
      const pem = `-----BEGIN RSA PRIVATE KEY-----\n${head}\n-----END RSA PRIVATE KEY-----\n`;
      assert.deepEqual(blocks, [{ label: 'RSA PRIVATE KEY', body: 'QUJD', pem, isEncryptedByHeaders: true }]);
    });
  }

  it('tells one that was cut off from what is none', () => {
    assert.equal(readPem(PEM.slice(0, 60)).isCutOff, true);
    assert.equal(readPem('QUJD').isCutOff, false);
    assert.deepEqual(readPem('QUJD').blocks, []);
  });
});
