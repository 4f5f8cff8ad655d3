import type { ApiResource } from './api-resource.ts';

/** What a request for objects is about. */
export interface Target {
  readonly resource: ApiResource;
  /** Empty: all of them, or there is none. */
  readonly namespace: string;
  /** Empty: all of them. */
  readonly name: string;
  readonly subresource: string;
  readonly query: URLSearchParams;
}

const ROOT = String.raw`^/(?:api|apis/(?<group>[^/]+))/(?<version>v\d\w*)`;
const NAMESPACE = String.raw`(?:/namespaces/(?<namespace>[^/]+)(?=/[^/]))?`;
const OBJECT = String.raw`/(?<plural>[^/]+)(?:/(?<name>[^/]+))?(?:/(?<subresource>[^/]+))?$`;
const PATH = new RegExp(ROOT + NAMESPACE + OBJECT);

/** @returns `undefined` for a path that is about none of the kinds that there are */
export function findTarget(
  path: string,
  query: URLSearchParams,
  all: readonly ApiResource[],
): Target | undefined {
  const found = PATH.exec(path)?.groups;
  if (found === undefined) return undefined;
  const { group = '', version, namespace = '', plural, name = '', subresource = '' } = found;
  const resource = all.find(
    (each) => each.group === group && each.version === version && each.plural === plural,
  );
  return resource && { resource, namespace, name, subresource, query };
}
