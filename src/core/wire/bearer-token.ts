/** `Authorization: Bearer …`: RFC 6750, 2.1. */
import { SecretText } from '../secret-text.ts';

const TOKEN = /^[\x21-\x7e]+$/;

/** What a caller has sent as one. */
export function readBearer(authorization: string | undefined): SecretText | undefined {
  const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
  return token !== undefined && TOKEN.test(token) ? new SecretText(token) : undefined;
}

/** Whether a caller could send it as one. */
export function isBearer(token: SecretText): boolean {
  return TOKEN.test(token.reveal());
}
