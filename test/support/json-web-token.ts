/** A JWT with the given claims and a signature that nobody checks. */
export function jsonWebToken(claims: object): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}.c2lnbmF0dXJlLXRoYXQtbm9ib2R5LWNoZWNrcw`;
}
