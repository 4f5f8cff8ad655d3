/**
 * What a server says about a client certificate, or about its absence (RFC 8446, 6.2; RFC 5246, 7.2.2).
 *
 * In TLS 1.3 it says so only after the client's part of the handshake, when the request may have been sent already: it
 * has looked at nothing of it then.
 */

export type Explanation = readonly [reason: string, advice: string];

const WHOLE = 'check that it is the one that is registered there, with the certificates in between after it';

/** By the end of the code, which begins differently from one version of TLS to another. */
const WITH_CERTIFICATE: ReadonlyMap<string, Explanation> = new Map([
  ['BAD_CERTIFICATE', ['it refused the client certificate', WHOLE]],
  [
    'UNSUPPORTED_CERTIFICATE',
    [
      'it does not take this kind of client certificate',
      'check that it is issued for clients (clientAuth), and the type of its key',
    ],
  ],
  ['CERTIFICATE_REVOKED', ['the client certificate has been revoked', 'have a new one issued']],
  [
    'CERTIFICATE_EXPIRED',
    [
      'the client certificate has expired, or is not valid yet',
      'renew it; check its dates with openssl x509 -dates',
    ],
  ],
  ['CERTIFICATE_UNKNOWN', ['it refused the client certificate', WHOLE]],
  ['UNKNOWN_CA', ['it does not know the CA of the client certificate', WHOLE]],
  ['ACCESS_DENIED', ['it knows the client certificate and does not admit it', 'have it admitted there']],
  [
    'CERTIFICATE_REQUIRED',
    [
      'it demands a client certificate and got none that it can use',
      'check which types of keys and which CAs it takes',
    ],
  ],
]);

const DEMANDED: Explanation = [
  'it demands a client certificate',
  'give a certificate and its key for this call',
];

/** @returns `undefined` for a code that is not about a client certificate */
export function explainCertificateAlert(code: string, hasCertificate: boolean): Explanation | undefined {
  const name = /^ERR_SSL_\w*ALERT_(\w+)$/.exec(code)?.[1] ?? '';
  // Of a client without a certificate it can only mean that one is missing.
  if (!hasCertificate) return name === 'CERTIFICATE_REQUIRED' ? DEMANDED : undefined;
  return WITH_CERTIFICATE.get(name);
}
