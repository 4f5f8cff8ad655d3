import type { FailureCode } from './failure.ts';

/**
 * What a person does first about each failure; the message of the failure says with what, the runbook says more. Where it
 * heals by itself, it says so.
 */
export const REMEDIES: Readonly<Record<FailureCode, string>> = {
  'credentials-rejected':
    'put a valid credential where the configuration refers to; it is tried as soon as it changes',
  'request-rejected':
    "compare the provider's settings with its documentation (`token-refresher try NAME` shows the request), and roll the correction out",
  'rate-limited':
    'find out what else uses these credentials, or lower concurrency and set minInterval; the provider is asked again when it allows that',
  'provider-unavailable':
    "look at the provider's own status page, then at the network from the pod with `token-refresher check --live`; refreshes go on by themselves once it answers",
  'response-malformed':
    'report the message to the provider: its answer has changed, or a proxy answers in its place; if a lifetime is misread, set lifetime',
  'token-unchanged':
    'ask the provider for tokens that overlap; the next one is asked for when this one expires',
  'clock-skewed':
    'compare `date -u` in the pod with the true time, and repair time synchronisation of the node',
  'chain-broken': 'do what the message says: a new login or consent, or bind the customer again',
  'store-denied': "follow the message: as a rule, grant the daemon's role the action that it names",
  'store-missing': 'create the secret as the message says, or set createSecrets of its store to true',
  'store-not-ours':
    'name another secret in the configuration, or this one under adopt of its store if the daemon may take it over',
  'store-deleting': 'keep the secret as the message says, or name another one',
  'store-quota':
    'stop what else writes to the secret; when it cannot wait, give the token a new secret and point its readers there',
  'store-conflict': 'find the other writer of this secret: a second installation, or a person',
  'store-unavailable':
    'look at the store (the AWS Health Dashboard, or the Kubernetes API server), the way to it and the credentials of the pod; writes go on by themselves',
  'leadership-lost': 'nothing while it is rare: another replica goes on',
  aborted: 'nothing: the program was stopping',
};

/** What fails, after the name of a provider. */
export const CAUSES: Readonly<Record<FailureCode, string>> = {
  'credentials-rejected': 'refuses the credentials, or they cannot be read',
  'request-rejected': 'refuses the request',
  'rate-limited': 'asks to be called less',
  'provider-unavailable': 'is unavailable',
  'response-malformed': 'answers without a usable token',
  'token-unchanged': 'has no newer token yet',
  'clock-skewed': 'disagrees about the time',
  'chain-broken': 'needs a new login or consent',
  'store-denied': 'cannot be refreshed: the store denies it',
  'store-missing': 'cannot be refreshed: the secret does not exist',
  'store-not-ours': 'cannot be refreshed: the secret belongs to somebody else',
  'store-deleting': 'cannot be refreshed: the secret is being deleted',
  'store-quota': 'cannot be refreshed: the versions of 24 hours are used up',
  'store-conflict': 'cannot be refreshed: somebody else writes the secret',
  'store-unavailable': 'cannot be refreshed: the store does not answer',
  'leadership-lost': 'was interrupted: another replica took over',
  aborted: 'was interrupted: the program was stopping',
};
