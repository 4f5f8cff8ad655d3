/** What one AWS account holds besides secrets: roles, policies, associations, repositories. */
import { ACCOUNT_ID } from '../../../src/sandbox/secrets-manager/account.ts';
import { doesTrust, type Policy, type TrustPolicy } from './iam-policy.ts';

export { ACCOUNT_ID };

/** The person at the keyboard, who may do everything. */
export const ADMIN = { accessKeyId: 'AKIAGUIDEADMIN000000', secretAccessKey: 'not-a-real-key' } as const;

export interface Role {
  readonly name: string;
  readonly trust: TrustPolicy;
  /** ARNs of policies. */
  readonly attached: Set<string>;
}

export interface Association {
  readonly id: string;
  readonly cluster: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly roleArn: string;
}

/** A refusal of AWS, by the name that its error has on the wire. */
export class AwsRefusal extends Error {
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

export class AwsAccount {
  readonly region: string;
  readonly cluster: { readonly name: string; readonly endpoint: string; readonly certificate: string };
  readonly roles = new Map<string, Role>();
  /** By ARN. */
  readonly policies = new Map<string, Policy>();
  readonly associations = new Map<string, Association>();
  /** Names of ECR repositories. */
  readonly repositories = new Set<string>();
  /** Role names by the access key of a pod's session. */
  readonly #sessions = new Map<string, string>();
  #count = 0;

  constructor(region: string, cluster: AwsAccount['cluster']) {
    this.region = region;
    this.cluster = cluster;
  }

  /** A number that is new each time, as text of a width. */
  nextId(width: number): string {
    this.#count += 1;
    return String(this.#count).padStart(width, '0');
  }

  arn(resource: string): string {
    return `arn:aws:iam::${ACCOUNT_ID}:${resource}`;
  }

  /** @throws {AwsRefusal} `NoSuchEntity` */
  role(name: string): Role {
    const role = this.roles.get(name);
    if (role !== undefined) return role;
    throw new AwsRefusal('NoSuchEntity', `The role with name ${name} cannot be found.`, 404);
  }

  /** @throws {AwsRefusal} `NoSuchEntity` */
  roleByArn(arn: string): Role {
    return this.role(arn.startsWith(this.arn('role/')) ? arn.slice(this.arn('role/').length) : arn);
  }

  policiesOf(role: Role): readonly Policy[] {
    return [...role.attached].flatMap((arn) => this.policies.get(arn) ?? []);
  }

  /** As the Pod Identity agent: a session of the role that is associated with an account; `undefined` when none is. */
  openSession(namespace: string, serviceAccount: string): string | undefined {
    const association = [...this.associations.values()].find(
      (each) => each.namespace === namespace && each.serviceAccount === serviceAccount,
    );
    if (association === undefined) return undefined;
    const role = this.roleByArn(association.roleArn);
    if (!doesTrust(role.trust, 'pods.eks.amazonaws.com', ACCOUNT_ID)) return undefined;
    const accessKeyId = `ASIAGUIDE${this.nextId(11)}`;
    this.#sessions.set(accessKeyId, role.name);
    return accessKeyId;
  }

  /** Policies of whoever signs with this key; `undefined` for the admin. @throws {AwsRefusal} for a key of nobody */
  policiesOfKey(accessKeyId: string): readonly Policy[] | undefined {
    if (accessKeyId === ADMIN.accessKeyId) return undefined;
    const role = this.roles.get(this.#sessions.get(accessKeyId) ?? '');
    if (role !== undefined) return this.policiesOf(role);
    throw new AwsRefusal('UnrecognizedClientException', 'The security token is invalid.', 403);
  }
}
