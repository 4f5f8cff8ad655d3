/**
 * True for what `aws eks get-token` makes: a signed request for who somebody is, as a URL in base64.
 * Non-guarantee: the signature is not verified.
 */
export function isTokenOf(token: string, accessKeyId: string, region: string): boolean {
  const [, encoded] = /^k8s-aws-v1\.([\w-]+)$/.exec(token) ?? [];
  const text = Buffer.from(encoded ?? '', 'base64url').toString('utf8');
  if (!URL.canParse(text)) return false;
  const { hostname, searchParams } = new URL(text);
  return (
    hostname === `sts.${region}.amazonaws.com` &&
    searchParams.get('Action') === 'GetCallerIdentity' &&
    searchParams.get('X-Amz-Credential')?.startsWith(`${accessKeyId}/`) === true &&
    searchParams.get('X-Amz-SignedHeaders')?.split(';').includes('x-k8s-aws-id') === true
  );
}
