/** ECR's JSON operations that the guide uses. Source: API reference 2015-09-21. */
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { textAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { ACCOUNT_ID, type AwsAccount, AwsRefusal } from './aws-account.ts';

const NAME = /^[a-z0-9]+(?:[._/-][a-z0-9]+)*$/;

/** What `docker login` has to be given for the registry. */
export const REGISTRY_PASSWORD = 'password-of-the-registry';

export function registryOf({ region }: AwsAccount): string {
  return `${ACCOUNT_ID}.dkr.ecr.${region}.amazonaws.com`;
}

/** @throws {AwsRefusal} */
export function callEcr(account: AwsAccount, operation: string, body: unknown): JsonObject {
  const name = textAt(body, 'repositoryName');
  const repository = { repositoryName: name, repositoryUri: `${registryOf(account)}/${name}` };
  switch (operation) {
    case 'GetAuthorizationToken':
      return {
        authorizationData: [
          {
            authorizationToken: Buffer.from(`AWS:${REGISTRY_PASSWORD}`).toString('base64'),
            proxyEndpoint: `https://${registryOf(account)}`,
          },
        ],
      };
    case 'CreateRepository':
      if (!NAME.test(name)) throw new AwsRefusal('InvalidParameterException', `${name} is no name`);
      if (account.repositories.has(name))
        throw new AwsRefusal('RepositoryAlreadyExistsException', `${name} already exists`);
      account.repositories.add(name);
      return { repository };
    case 'DeleteRepository':
      if (!account.repositories.delete(name))
        throw new AwsRefusal('RepositoryNotFoundException', `${name} does not exist`);
      return { repository };
    default:
      throw new AwsRefusal('InvalidAction', `${operation} is not known here`);
  }
}
