/** The kinds of objects that an API server knows, and how it tells clients about them. */
import type { JsonObject } from '../../core/wire/json.ts';

export interface ApiResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly isNamespaced: boolean;
  /** Defined by a custom resource definition: clients know no merge keys for it. */
  readonly isCustom: boolean;
  readonly shortNames: readonly string[];
}

export const defineResource = (
  groupVersion: string,
  kind: string,
  plural: string,
  { isNamespaced = true, isCustom = false, shortNames = [] }: Partial<ApiResource> = {},
): ApiResource => {
  const [group = '', version = groupVersion] = groupVersion.includes('/') ? groupVersion.split('/') : [''];
  return { group, version, kind, plural, isNamespaced, isCustom, shortNames };
};

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];

export function apiVersionOf({ group, version }: ApiResource): string {
  return group === '' ? version : `${group}/${version}`;
}

/** What `GET path` tells about the API itself; `undefined` when the path is about objects. @param all the kinds that there are */
export function describeApi(path: string, all: readonly ApiResource[]): JsonObject | undefined {
  const groupsOf = () => [...new Set(all.filter(({ group }) => group !== '').map(apiVersionOf))];
  if (path === '/version')
    return { major: '1', minor: '36', gitVersion: 'v1.36.0-sandbox', platform: 'linux/amd64' };
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis')
    return {
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: groupsOf().map((groupVersion) => {
        const [name, version] = groupVersion.split('/');
        return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
      }),
    };
  if (path === '/openapi/v3')
    return {
      paths: Object.fromEntries(
        ['v1', ...groupsOf()].map((groupVersion) => {
          const name = groupVersion === 'v1' ? 'api/v1' : `apis/${groupVersion}`;
          return [name, { serverRelativeURL: `/openapi/v3/${name}?hash=sandbox` }];
        }),
      ),
    };
  const [, root, groupVersion = ''] = /^\/(api|apis|openapi\/v3\/apis?)\/(.+)$/.exec(path) ?? [];
  const resources = all.filter((resource) => apiVersionOf(resource) === groupVersion);
  if (root === undefined || resources.length === 0) return undefined;
  return root.startsWith('openapi') ? describePaths(resources) : describeResources(groupVersion, resources);
}

function describeResources(groupVersion: string, resources: readonly ApiResource[]): JsonObject {
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: resources.map(({ plural, kind, isNamespaced, shortNames }) => ({
      name: plural,
      singularName: kind.toLowerCase(),
      namespaced: isNamespaced,
      kind,
      verbs: VERBS,
      shortNames,
    })),
  };
}

/** As much of OpenAPI as tells a client that the server itself validates fields strictly. */
function describePaths(resources: readonly ApiResource[]): JsonObject {
  const validation = { name: 'fieldValidation', in: 'query', schema: { type: 'string' } };
  return {
    openapi: '3.0.0',
    info: { title: 'sandbox', version: '1' },
    paths: Object.fromEntries(
      resources.map((resource) => {
        const { group, version, kind, plural } = resource;
        const root = group === '' ? '/api' : '/apis';
        const operation = {
          'x-kubernetes-group-version-kind': { group, version, kind },
          parameters: [validation],
          responses: {},
        };
        return [`${root}/${apiVersionOf(resource)}/${plural}/{name}`, { patch: operation, post: operation }];
      }),
    ),
  };
}
