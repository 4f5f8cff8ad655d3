/** The questions that clients ask the API server: who is this, and what may they do. Nothing of them is stored. */
import type { JsonObject } from '../../core/wire/json.ts';
import type { Attempt } from './access-rules.ts';
import { type ApiRefusal, badRequest, invalid } from './api-refusal.ts';
import type { ApiResource } from './api-resource.ts';
import { ACCESS_REVIEWS, OWN_ACCESS_REVIEWS, TOKEN_REVIEWS } from './api-resources.ts';
import type { Identities, User } from './identities.ts';
import { textAt, textListAt, valueAt } from './json-tree.ts';

export interface ReviewDeps {
  readonly identities: Identities;
  readonly isAllowed: (user: User, attempt: Attempt) => boolean;
}

export const REVIEWS: ReadonlySet<ApiResource> = new Set([TOKEN_REVIEWS, ACCESS_REVIEWS, OWN_ACCESS_REVIEWS]);

/** @returns the status of the review. @throws {ApiRefusal} for a question that cannot be understood */
export function answerReview(
  resource: ApiResource,
  sent: JsonObject,
  asker: User,
  deps: ReviewDeps,
): JsonObject {
  if (resource === TOKEN_REVIEWS) return reviewToken(sent, deps);
  const user = resource === OWN_ACCESS_REVIEWS ? asker : readUser(sent);
  if (user === undefined)
    throw unclear(resource, 'spec.user', 'at least one of user or group must be specified');
  const attributes = valueAt(sent, 'spec', 'resourceAttributes');
  if (attributes === undefined)
    throw unclear(resource, 'spec.resourceAttributes', 'resourceAttributes must be specified');
  const subresource = textAt(attributes, 'subresource');
  const plural = textAt(attributes, 'resource');
  const allowed = deps.isAllowed(user, {
    verb: textAt(attributes, 'verb'),
    group: textAt(attributes, 'group'),
    resource: subresource === '' ? plural : `${plural}/${subresource}`,
    namespace: textAt(attributes, 'namespace'),
    name: textAt(attributes, 'name'),
  });
  return allowed ? { allowed, reason: 'RBAC: allowed' } : { allowed };
}

function reviewToken(sent: JsonObject, { identities }: ReviewDeps): JsonObject {
  const token = textAt(sent, 'spec', 'token');
  if (token === '') throw badRequest('token is required for TokenReview in authentication');
  const known = identities.authenticate(token, textListAt(sent, 'spec', 'audiences'));
  // Not authenticated is `authenticated` left out: the field has `omitempty`.
  return known.ok
    ? { authenticated: true, user: known.user, audiences: known.audiences }
    : { user: {}, error: known.error };
}

function readUser(sent: JsonObject): User | undefined {
  const username = textAt(sent, 'spec', 'user');
  const uid = textAt(sent, 'spec', 'uid');
  const groups = textListAt(sent, 'spec', 'groups');
  return username === '' && groups.length === 0 ? undefined : { username, uid, groups };
}

function unclear(resource: ApiResource, field: string, detail: string): ApiRefusal {
  return invalid({ resource, name: '' }, [{ field, kind: 'Required value', detail }]);
}
