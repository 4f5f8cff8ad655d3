/**
 * The one thing that a person does about a failure, and whether it heals without one. Pure.
 *
 * Guarantee: each text is an order that can be followed as it stands.
 */
import type { Failure } from './failure.ts';

export interface FailureRemedy {
  /** `person`: nothing changes until somebody acts. `none`: the daemon's next attempts may succeed as things are. */
  readonly actor: 'person' | 'none';
  /** In lower case, without a full stop; `undefined`: nothing has to be done. */
  readonly action: string | undefined;
}

/** Which token to name in commands: `provider` in those that take one, `secret` in those of AWS. */
export interface FailedToken {
  readonly provider: string;
  readonly secret: string;
}

export function describeRemedy(
  { code, retry }: Pick<Failure, 'code' | 'retry'>,
  { provider, secret }: FailedToken,
): FailureRemedy {
  const actor = retry === 'needs-human' ? 'person' : 'none';
  const action = (): string | undefined => {
    switch (code) {
      case 'credentials-rejected':
        return `put valid credentials for ${provider} where its configuration refers to; the daemon uses them at once`;
      case 'request-rejected':
        return `run "token-refresher try ${provider}", compare the request with the provider's documentation and correct the configuration`;
      case 'rate-limited':
        return `stop whatever else uses the credentials of ${provider}, or set its minInterval`;
      case 'provider-unavailable':
        return `ask the operators of ${provider} whether it is down; if not, run "token-refresher check --live" in the pod`;
      case 'response-malformed':
        return `report the message to the operators of ${provider}; an HTML page comes from a proxy or a login in front of it`;
      case 'clock-skewed':
        return "compare the pod's clock (date -u) with the real time; repair time synchronisation of its node, or move the pod";
      case 'chain-broken':
        return actor === 'person'
          ? 'get the new consent, login or binding that the message asks for, and store its credential'
          : undefined;
      case 'store-denied':
        return "grant the daemon's role the action that the message names";
      case 'store-missing':
        return `create the secret ${secret} with the tag managed-by=token-refresher, or set store.createSecrets: true`;
      case 'store-not-ours':
        return `list ${secret} under store.adopt if the daemon may replace what is in it, or configure another secret`;
      case 'store-deleting':
        return `run "aws secretsmanager restore-secret --secret-id ${secret}", or remove the token from the configuration`;
      case 'store-quota':
        return `stop whatever else writes ${secret} (CloudTrail: PutSecretValue), or give the token a new secret`;
      case 'store-conflict':
        return `look for a second daemon that writes ${secret}, and stop it`;
      case 'store-unavailable':
        return 'check the AWS Health Dashboard for Secrets Manager, then the way there: network policy, endpoint, Pod Identity agent';
      case 'token-unchanged':
      case 'leadership-lost':
      case 'aborted':
        return undefined;
    }
  };
  return { actor, action: action() };
}
