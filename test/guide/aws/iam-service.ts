/** IAM's and STS's query protocol: form fields in, XML out. Source: API references 2010-05-08 and 2011-06-15. */
import { ACCOUNT_ID, type AwsAccount, AwsRefusal } from './aws-account.ts';
import { isAllowed, parsePolicy, parseTrustPolicy } from './iam-policy.ts';

const NAME = /^[\w+=,.@-]{1,64}$/;
const DATE = '<CreateDate>2026-01-01T00:00:00Z</CreateDate>';

type Fields = URLSearchParams;

/** @returns the XML of the answer @throws {AwsRefusal} */
export function callIam(account: AwsAccount, fields: Fields): string {
  const action = fields.get('Action') ?? '';
  const operation = OPERATIONS[action];
  if (operation === undefined) throw new AwsRefusal('InvalidAction', `no ${action} here`);
  const result = operation(account, fields);
  return (
    `<${action}Response>${result === '' ? '' : `<${action}Result>${result}</${action}Result>`}` +
    `<ResponseMetadata><RequestId>guide</RequestId></ResponseMetadata></${action}Response>`
  );
}

export function formatIamRefusal({ code, message }: AwsRefusal): string {
  return (
    `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${escape(message)}</Message></Error>` +
    '<RequestId>guide</RequestId></ErrorResponse>'
  );
}

const OPERATIONS: Readonly<Record<string, (account: AwsAccount, fields: Fields) => string>> = {
  GetCallerIdentity: (account) =>
    `<Arn>${account.arn('user/newcomer')}</Arn><UserId>AIDAGUIDE</UserId><Account>${ACCOUNT_ID}</Account>`,

  CreatePolicy: (account, fields) => {
    const name = nameIn(fields, 'PolicyName');
    const arn = account.arn(`policy/${name}`);
    if (account.policies.has(arn)) throw new AwsRefusal('EntityAlreadyExists', `${name} exists.`, 409);
    const policy = parsePolicy(required(fields, 'PolicyDocument'));
    if (typeof policy === 'string') throw new AwsRefusal('MalformedPolicyDocument', policy);
    account.policies.set(arn, policy);
    return `<Policy><PolicyName>${name}</PolicyName><Arn>${arn}</Arn>${DATE}</Policy>`;
  },

  DeletePolicy: (account, fields) => {
    const arn = required(fields, 'PolicyArn');
    if ([...account.roles.values()].some(({ attached }) => attached.has(arn)))
      throw new AwsRefusal('DeleteConflict', 'Cannot delete a policy attached to entities.', 409);
    if (!account.policies.delete(arn)) throw new AwsRefusal('NoSuchEntity', `no policy ${arn}`, 404);
    return '';
  },

  CreateRole: (account, fields) => {
    const name = nameIn(fields, 'RoleName');
    if (account.roles.has(name)) throw new AwsRefusal('EntityAlreadyExists', `${name} exists.`, 409);
    const trust = parseTrustPolicy(required(fields, 'AssumeRolePolicyDocument'));
    if (typeof trust === 'string') throw new AwsRefusal('MalformedPolicyDocument', trust);
    account.roles.set(name, { name, trust, attached: new Set() });
    const arn = account.arn(`role/${name}`);
    return `<Role><RoleName>${name}</RoleName><RoleId>AROAGUIDE</RoleId><Path>/</Path><Arn>${arn}</Arn>${DATE}</Role>`;
  },

  DeleteRole: (account, fields) => {
    const role = account.role(nameIn(fields, 'RoleName'));
    if (role.attached.size > 0)
      throw new AwsRefusal('DeleteConflict', 'Must detach all policies first.', 409);
    account.roles.delete(role.name);
    return '';
  },

  AttachRolePolicy: (account, fields) => {
    const arn = required(fields, 'PolicyArn');
    if (!account.policies.has(arn)) throw new AwsRefusal('NoSuchEntity', `no policy ${arn}`, 404);
    account.role(nameIn(fields, 'RoleName')).attached.add(arn);
    return '';
  },

  DetachRolePolicy: (account, fields) => {
    const arn = required(fields, 'PolicyArn');
    if (!account.role(nameIn(fields, 'RoleName')).attached.delete(arn))
      throw new AwsRefusal('NoSuchEntity', `${arn} is not attached`, 404);
    return '';
  },

  SimulatePrincipalPolicy: (account, fields) => {
    const role = account.roleByArn(required(fields, 'PolicySourceArn'));
    const resources = members(fields, 'ResourceArns');
    const results = members(fields, 'ActionNames').flatMap((action) =>
      resources.map((resource) => {
        const decision = isAllowed(account.policiesOf(role), { action, resource, context: {} })
          ? 'allowed'
          : 'implicitDeny';
        return (
          `<member><EvalActionName>${action}</EvalActionName><EvalResourceName>${escape(resource)}</EvalResourceName>` +
          `<EvalDecision>${decision}</EvalDecision></member>`
        );
      }),
    );
    return `<EvaluationResults>${results.join('')}</EvaluationResults><IsTruncated>false</IsTruncated>`;
  },
};

function required(fields: Fields, key: string): string {
  const value = fields.get(key) ?? '';
  if (value === '') throw new AwsRefusal('ValidationError', `${key} is missing`);
  return value;
}

function nameIn(fields: Fields, key: string): string {
  const name = required(fields, key);
  if (NAME.test(name)) return name;
  throw new AwsRefusal('ValidationError', `${key} ${name} is no name`);
}

function members(fields: Fields, key: string): readonly string[] {
  return [...fields].filter(([name]) => name.startsWith(`${key}.member.`)).map(([, value]) => value);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
