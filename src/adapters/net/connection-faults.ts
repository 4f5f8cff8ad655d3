/** What an error of the network means, in words: of a closed set of codes, since messages of errors may quote. */

import { errors } from 'undici';
import { codeOf } from '../../core/error-code.ts';
import type { CallTls } from '../../core/wire/call-tls.ts';
import { HttpFault } from '../../core/wire/http-call.ts';
import { type Explanation, explainCertificateAlert } from './certificate-alerts.ts';

export const UNSENT = { isSent: false } as const;
export const SENT = { isSent: true } as const;

/** Stands for what {@link describeNetworkFault} knows better. */
const PRIVATE_CA = '<CA>';
const SYSTEM_CA = 'if it comes from a private CA, name a file with the CA (PEM) in NODE_EXTRA_CA_CERTS';
const OWN_CA = 'check the CA that is configured for it, no other one counts';
const INTERCEPTED = `${PRIVATE_CA}; a proxy on the way may have put its own in the place`;
const OTHER_SIDE = 'whoever runs the other side has to renew it';

/** Of certificates and of the handshake: nothing of the request has been sent. */
const TLS_FAULTS: ReadonlyMap<string, Explanation> = new Map([
  ['CERT_HAS_EXPIRED', ['its certificate has expired', `${OTHER_SIDE}; check the clock of this machine`]],
  ['CERT_NOT_YET_VALID', ['its certificate is not valid yet', 'check the clock of this machine']],
  [
    'ERR_TLS_CERT_ALTNAME_INVALID',
    ['its certificate is for another host', 'check the host in the URL, and where its name leads'],
  ],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', ['its certificate is self-signed', INTERCEPTED]],
  ['SELF_SIGNED_CERT_IN_CHAIN', ['its certificate comes from a CA that is not known here', INTERCEPTED]],
  [
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    [
      'the CA of its certificate is not known here',
      `it may not send the certificates in between; ${INTERCEPTED}`,
    ],
  ],
  ['UNABLE_TO_GET_ISSUER_CERT', ['the CA of its certificate is not known here', PRIVATE_CA]],
  [
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    [
      'the issuer of its certificate is not known here',
      `it may not send the certificates in between; ${INTERCEPTED}`,
    ],
  ],
  ['CERT_REVOKED', ['its certificate has been revoked', OTHER_SIDE]],
  ['CERT_UNTRUSTED', ['its certificate is not trusted', PRIVATE_CA]],
  ['CERT_SIGNATURE_FAILURE', ['the signature of its certificate is wrong', PRIVATE_CA]],
  ['INVALID_CA', ['the CA of its certificate is not allowed to issue', PRIVATE_CA]],
  ['INVALID_PURPOSE', ['its certificate is not one for servers', OTHER_SIDE]],
  ['PATH_LENGTH_EXCEEDED', ['the chain of its certificate is too long', PRIVATE_CA]],
  [
    'ERR_SSL_WRONG_VERSION_NUMBER',
    ['it does not speak TLS on this port', 'check the port, and whether the URL should begin with http'],
  ],
  ['ERR_SSL_PACKET_LENGTH_TOO_LONG', ['it does not speak TLS on this port', 'check the port']],
  ['ERR_SSL_HTTP_REQUEST', ['it does not speak TLS on this port', 'check the port']],
]);

const TLS_VERSION = /^ERR_SSL_(?:UNSUPPORTED_PROTOCOL|TLSV1_ALERT_PROTOCOL_VERSION|NO_PROTOCOLS_AVAILABLE)$/;
const ALERT = /^ERR_SSL_\w*ALERT_\w+$/;
const TLS_CODE = /^(?:ERR_SSL_\w+|ERR_TLS_\w+|EPROTO|CERT_\w+|UNABLE_TO_\w+)$/;

const NETWORK_FAULTS: ReadonlyMap<string, Explanation> = new Map([
  ['ECONNREFUSED', ['nobody listens there', 'check the host, the port and the network policy']],
  ['EHOSTUNREACH', ['there is no way to its address', 'check the network policy and the routes']],
  ['ENETUNREACH', ['there is no way to its address', 'check the network policy and the routes']],
  ['EHOSTDOWN', ['there is no way to its address', 'check the network policy and the routes']],
  ['ENETDOWN', ['the network of this machine is down', 'check its interfaces']],
  [
    'EADDRNOTAVAIL',
    ['this machine has no address or port left for it', 'check its addresses and open connections'],
  ],
  ['EMFILE', ['this process has too many open files', 'raise its limit (ulimit -n)']],
  ['ENFILE', ['this machine has too many open files', 'raise its limit (fs.file-max)']],
  ['EACCES', ['this machine does not allow the connection', 'check its firewall']],
  ['EPERM', ['this machine does not allow the connection', 'check its firewall']],
]);

/** While the connection was made. @param tls what the call brought for it */
export function describeConnectFault(error: unknown, tls: CallTls = {}): HttpFault {
  return describeNetworkFault(error, tls, UNSENT, explainConnectCode);
}

/** From the moment on that the request was sent. @param tls what the call brought for the connection */
export function describeExchangeFault(error: unknown, tls: CallTls): HttpFault {
  return describeNetworkFault(error, tls, SENT, explainExchangeCode);
}

function describeNetworkFault(
  error: unknown,
  tls: CallTls,
  when: { readonly isSent: boolean },
  explain: (code: string, tls: CallTls) => Explanation,
): HttpFault {
  const code = findErrorCode(error) ?? 'EUNKNOWN';
  const refusal = explainCertificateAlert(code, tls.certificate !== undefined);
  const [reason, advice] = refusal ?? explain(code, tls);
  const remedy = advice.replace(PRIVATE_CA, tls.ca === undefined ? SYSTEM_CA : OWN_CA);
  // In TLS 1.3 it comes after the request was sent, of which nothing was looked at.
  const how = refusal === undefined ? when : { ...UNSENT, isCertificateRefused: true };
  return new HttpFault(code, `${reason} (${code})`, remedy, how);
}

function explainConnectCode(code: string, tls: CallTls): Explanation {
  const known = TLS_FAULTS.get(code) ?? NETWORK_FAULTS.get(code);
  if (known !== undefined) return known;
  if (code.endsWith('_ALERT_NO_APPLICATION_PROTOCOL'))
    return [
      'it does not speak HTTP/1.1 on this port',
      'it has to offer HTTP/1.1 beside HTTP/2, or check the port',
    ];
  if (TLS_VERSION.test(code))
    return ['it speaks no version of TLS that is accepted here', 'it has to offer TLS 1.2 or 1.3'];
  if (ALERT.test(code)) return explainRefusal(tls);
  if (TLS_CODE.test(code)) return ['the TLS handshake failed', `check the host and the port; ${PRIVATE_CA}`];
  return [
    'the connection broke off before the request was sent',
    'check the host, the port, proxies and the network policy',
  ];
}

function explainRefusal({ certificate }: CallTls): Explanation {
  const advice =
    certificate === undefined
      ? 'it may demand a client certificate, and none is configured for it'
      : 'it may not take the client certificate';
  return ['it refused the TLS handshake', `check the host in the URL; ${advice}`];
}

function explainExchangeCode(code: string, tls: CallTls): Explanation {
  if (ALERT.test(code)) return explainRefusal(tls);
  if (code === 'UND_ERR_HEADERS_OVERFLOW')
    return ['it answered with more than 64 KiB of headers', 'check the URL and what stands in front of it'];
  // undici's parser has the same words for an answer that ends early and for one whose framing is wrong.
  if (code.startsWith('HPE_') || code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
    return [
      'its answer broke off, or is not valid HTTP/1.1',
      'check the port and what stands in front of it',
    ];
  return [
    'the connection broke off before the answer was complete',
    // Node.js, for one, closes the connection without a word to a client that it does not admit.
    `if this repeats, check ${tls.certificate === undefined ? '' : 'the client certificate, '}the other side, proxies and the network`,
  ];
}

const ERROR_CODE = /^[A-Z][A-Z0-9_/]{1,63}$/;

/** The code of an error or of what caused it, like `ECONNREFUSED`; OpenSSL has `SSL/TLS` in some. */
function findErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = codeOf(error);
  if (code !== undefined && ERROR_CODE.test(code)) return code.replaceAll('/', '_');
  return error instanceof errors.HTTPParserError ? 'HPE_INVALID' : findErrorCode(error.cause);
}
