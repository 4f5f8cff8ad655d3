/** Which IAM permissions a call of Secrets Manager takes: the emulator itself knows no IAM. */
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { objectsAt, textAt, valueAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { ACCOUNT_ID } from '../../../src/sandbox/secrets-manager/account.ts';
import type { SecretsManager } from '../../../src/sandbox/secrets-manager/secrets-manager.ts';
import type { Call } from './iam-policy.ts';

/** Operations that cannot be limited to certain secrets. */
const WITHOUT_RESOURCE = new Set(['BatchGetSecretValue', 'ListSecrets']);

/** All of them have to be allowed. */
export function permissionsFor(
  engine: SecretsManager,
  operation: string,
  input: JsonObject,
): readonly Call[] {
  const action = `secretsmanager:${operation}`;
  if (WITHOUT_RESOURCE.has(operation)) {
    const ids = valueAt(input, 'SecretIdList');
    const read = Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
    return [
      { action, resource: '*', context: {} },
      ...read.map((id) => callOn(engine, 'secretsmanager:GetSecretValue', id)),
    ];
  }
  const requestTags = Object.fromEntries(
    objectsAt(input, 'Tags').map((tag) => [`aws:RequestTag/${textAt(tag, 'Key')}`, textAt(tag, 'Value')]),
  );
  if (operation === 'CreateSecret') {
    // The suffix is drawn later, so the request is judged by the name with any six characters.
    const resource = `${arnPrefix(engine)}${textAt(input, 'Name')}-??????`;
    const tagging = { action: 'secretsmanager:TagResource', resource, context: requestTags };
    return [
      { action, resource, context: requestTags },
      ...(Object.keys(requestTags).length > 0 ? [tagging] : []),
    ];
  }
  const call = callOn(engine, action, textAt(input, 'SecretId'));
  return [{ ...call, context: { ...call.context, ...requestTags } }];
}

function callOn(engine: SecretsManager, action: string, secretId: string): Call {
  const described = engine.execute('DescribeSecret', { SecretId: secretId });
  // A secret that does not exist is judged by its name, as AWS does.
  const resource = described.ok
    ? textAt(described.body, 'ARN')
    : secretId.startsWith('arn:')
      ? secretId
      : `${arnPrefix(engine)}${secretId}`;
  const tags = described.ok ? objectsAt(described.body, 'Tags') : [];
  const context = Object.fromEntries(
    tags.map((tag) => [`aws:ResourceTag/${textAt(tag, 'Key')}`, textAt(tag, 'Value')]),
  );
  return { action, resource, context };
}

function arnPrefix({ region }: SecretsManager): string {
  return `arn:aws:secretsmanager:${region}:${ACCOUNT_ID}:secret:`;
}
