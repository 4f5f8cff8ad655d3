/** EKS's REST operations that the guide uses. Source: API reference 2017-11-01. */
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { textAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { ACCOUNT_ID, type Association, type AwsAccount, AwsRefusal } from './aws-account.ts';

const NAMESPACE = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export interface EksRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: unknown;
}

/** @throws {AwsRefusal} */
export function callEks(account: AwsAccount, { method, url, body }: EksRequest): JsonObject {
  const [, clusters, cluster = '', kind, id = ''] = url.pathname.split('/').map(decodeURIComponent);
  if (clusters !== 'clusters' || cluster !== account.cluster.name)
    throw new AwsRefusal('ResourceNotFoundException', `No cluster found for name: ${cluster}.`, 404);
  switch (`${method} ${kind ?? ''}`) {
    case 'GET ':
      return { cluster: describeCluster(account) };
    case 'GET addons':
      if (id !== 'eks-pod-identity-agent')
        throw new AwsRefusal('ResourceNotFoundException', `No addon: ${id}`, 404);
      return { addon: { addonName: id, clusterName: cluster, status: 'ACTIVE' } };
    case 'POST pod-identity-associations':
      return { association: describe(associate(account, body)) };
    case 'GET pod-identity-associations':
      return {
        associations: [...account.associations.values()]
          .filter(
            ({ namespace, serviceAccount }) =>
              [null, namespace].includes(url.searchParams.get('namespace')) &&
              [null, serviceAccount].includes(url.searchParams.get('serviceAccount')),
          )
          .map(describe),
      };
    case 'DELETE pod-identity-associations': {
      const association = account.associations.get(id);
      if (association === undefined)
        throw new AwsRefusal('ResourceNotFoundException', `No association: ${id}`, 404);
      account.associations.delete(id);
      return { association: describe(association) };
    }
    default:
      throw new AwsRefusal('InvalidRequestException', `${method} ${url.pathname} is not known here`);
  }
}

function describeCluster({ cluster, region }: AwsAccount): JsonObject {
  return {
    name: cluster.name,
    arn: `arn:aws:eks:${region}:${ACCOUNT_ID}:cluster/${cluster.name}`,
    status: 'ACTIVE',
    endpoint: cluster.endpoint,
    certificateAuthority: { data: Buffer.from(cluster.certificate).toString('base64') },
  };
}

function associate(account: AwsAccount, body: unknown): Association {
  const namespace = textAt(body, 'namespace');
  const serviceAccount = textAt(body, 'serviceAccount');
  const roleArn = textAt(body, 'roleArn');
  if (!NAMESPACE.test(namespace) || !NAMESPACE.test(serviceAccount))
    throw new AwsRefusal('InvalidParameterException', 'namespace and service account are needed');
  account.roleByArn(roleArn);
  const isTaken = [...account.associations.values()].some(
    (each) => each.namespace === namespace && each.serviceAccount === serviceAccount,
  );
  if (isTaken) throw new AwsRefusal('ResourceInUseException', 'Association already exists', 409);
  const id = `a-${account.nextId(17)}`;
  const association = { id, cluster: account.cluster.name, namespace, serviceAccount, roleArn };
  account.associations.set(id, association);
  return association;
}

function describe({ id, cluster, ...rest }: Association): JsonObject {
  return { associationId: id, clusterName: cluster, ...rest };
}
