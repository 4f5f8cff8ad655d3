/** What to do about a Secret as it was just read. Pure. */
import type { Failure } from '../../core/failure.ts';
import type { SecretWrite } from '../../core/ports.ts';
import { lostRace } from './failure-from-reply.ts';
import { OWNER, OWNER_LABEL, type SecretObject } from './secret-object.ts';

export interface WriteRules {
  readonly createSecrets: boolean;
  /** Whether the Secret may be taken over although the daemon did not create it. */
  readonly isAdopted: boolean;
  /** For messages: `payments/pik`. */
  readonly place: string;
  /** What the configuration calls the store's section: `store`, `stores.eks`. */
  readonly section: string;
}

type Refusal = { readonly kind: 'refused'; readonly failure: Failure };

/** A kind is the verb of the call that is to be made, as a Role names it. */
export type OwnershipDecision =
  | { readonly kind: 'create' }
  | { readonly kind: 'update'; readonly secret: SecretObject }
  | Refusal;

/** `written`: it has taken place already. */
type WriteDecision = OwnershipDecision | { readonly kind: 'written' };

/** Whether the Secret may be written at all: never one that neither carries our label nor is named for adoption. */
export function decideOwnership(
  secret: SecretObject | undefined,
  { createSecrets, isAdopted, place, section }: WriteRules,
): OwnershipDecision {
  if (secret === undefined && createSecrets) return { kind: 'create' };
  if (secret === undefined)
    return refused(
      'store-missing',
      `Secret ${place} does not exist: create it (type Opaque, label ${OWNER_LABEL}=${OWNER}), or set ` +
        `${section}.createSecrets: true`,
    );
  const owner = secret.labels[OWNER_LABEL];
  if (owner !== OWNER && !isAdopted) {
    const found =
      owner === undefined ? `has no label ${OWNER_LABEL}` : `has the label ${OWNER_LABEL}=${owner}`;
    return refused(
      'store-not-ours',
      `Secret ${place} ${found}, so it is not ours and stays untouched: label it ${OWNER_LABEL}=${OWNER}, name it under ` +
        `${section}.adopt, or use another Secret`,
    );
  }
  if (secret.isBeingDeleted)
    return refused(
      'store-deleting',
      `Secret ${place} is being deleted, and something holds it back (metadata.finalizers): take that away, or take its ` +
        'token out of the configuration',
    );
  if (secret.type !== 'Opaque')
    return refused(
      'store-not-ours',
      `Secret ${place} is of a type for something else, and not Opaque: use another Secret`,
    );
  if (secret.isImmutable)
    return refused(
      'store-denied',
      `Secret ${place} is immutable, so Kubernetes refuses every change: delete it (with ${section}.createSecrets: true it is ` +
        'created again), or use another Secret',
    );
  return { kind: 'update', secret };
}

/** Compare-and-swap: the content must still be the one that the caller knows. */
export function decideWrite(
  secret: SecretObject | undefined,
  write: SecretWrite,
  rules: WriteRules,
): WriteDecision {
  const { requestToken, text, expectedVersion } = write;
  const stored = secret?.stored;
  const owned = decideOwnership(secret, rules);
  if (owned.kind === 'refused' || stored === undefined) return owned;
  if (stored.version === requestToken && stored.text.equals(text)) return { kind: 'written' };
  if (stored.version === requestToken || stored.version !== expectedVersion)
    return { kind: 'refused', failure: conflictFailure(rules.place) };
  return owned;
}

export function conflictFailure(place: string): Failure {
  return lostRace(`Secret ${place} holds another version than expected: somebody else has written it`);
}

/** A person has to act in the cluster, and tells nobody here: a look a minute finds it, and locks nobody out. */
function refused(code: Failure['code'], message: string): Refusal {
  return { kind: 'refused', failure: { code, retry: 'backoff', message } };
}
