/**
 * The secrets of one AWS account, found by name, ARN or partial ARN.
 *
 * Non-guarantee: there is exactly one account, and all regions have the same secrets: an ARN names the region that the
 * request is signed for, and an ARN of another one is simply not found.
 */
import type { Clock, Random } from '../../core/ports.ts';
import { Refusal } from './refusal.ts';
import { Secret } from './secret.ts';

export const ACCOUNT_ID = '000000000000';

const SUFFIX_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const SUFFIX_LENGTH = 6;
const COMPLETE_ARN = /-[A-Za-z0-9]{6}$/;

export interface AccountSettings {
  /** Of those whose requests say none. */
  readonly region: string;
  /** Versions of one secret that can be created within a day before the quota refuses the next. */
  readonly versionWall: number;
  /** Length of a day in milliseconds, for the quota, the retention of versions and recovery windows. */
  readonly dayMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

export class Account {
  readonly settings: AccountSettings;
  readonly #secrets: Map<string, Secret>;

  constructor(settings: AccountSettings, secrets = new Map<string, Secret>()) {
    this.settings = settings;
    this.#secrets = secrets;
  }

  /** The same secrets, as they are seen in a region. */
  in(region: string): Account {
    return new Account({ ...this.settings, region }, this.#secrets);
  }

  /** In order of creation. */
  all(): readonly Secret[] {
    return [...this.#secrets.keys()].flatMap((name) => this.findByName(name) ?? []);
  }

  /**
   * Also carries out what the service does in the background: a secret past its recovery window goes, old versions of
   * the others go.
   */
  findByName(name: string): Secret | undefined {
    const secret = this.#secrets.get(name);
    const nowMs = this.settings.clock.now();
    if (secret?.goneAtMs !== undefined && secret.goneAtMs <= nowMs) {
      this.remove(secret);
      return undefined;
    }
    secret?.versions.prune(nowMs - this.settings.dayMs);
    return secret;
  }

  /**
   * Finds by name, ARN or ARN without its random suffix. As in the real service, an ARN that ends in a hyphen and six
   * characters is taken for a complete one, so a secret whose own name ends like that has no partial ARN.
   */
  find(secretId: string): Secret | undefined {
    if (!secretId.startsWith('arn:')) return this.findByName(secretId);
    const prefix = this.#arnPrefix();
    if (!secretId.startsWith(prefix)) return undefined;
    const resource = secretId.slice(prefix.length);
    if (!COMPLETE_ARN.test(resource)) return this.findByName(resource);
    const secret = this.findByName(resource.replace(COMPLETE_ARN, ''));
    return secret !== undefined && this.arnOf(secret) === secretId ? secret : undefined;
  }

  /** @throws {Refusal} `ResourceNotFoundException` */
  get(secretId: string): Secret {
    const secret = this.find(secretId);
    if (secret !== undefined) return secret;
    throw new Refusal('ResourceNotFoundException', "Secrets Manager can't find the specified secret.");
  }

  /** @throws {Refusal} `ResourceNotFoundException`, or `InvalidRequestException` when scheduled for deletion */
  getActive(secretId: string): Secret {
    const secret = this.get(secretId);
    if (secret.goneAtMs === undefined) return secret;
    throw new Refusal(
      'InvalidRequestException',
      "You can't perform this operation on the secret because it was marked for deletion.",
    );
  }

  create(name: string, nowMs: number): Secret {
    const secret = new Secret(name, this.#drawSuffix(), nowMs);
    this.#secrets.set(name, secret);
    return secret;
  }

  remove(secret: Secret): void {
    this.#secrets.delete(secret.name);
  }

  arnOf({ name, arnSuffix }: Pick<Secret, 'name' | 'arnSuffix'>): string {
    return `${this.#arnPrefix()}${name}-${arnSuffix}`;
  }

  /** How answers name a secret. */
  identify(secret: Secret): { readonly ARN: string; readonly Name: string } {
    return { ARN: this.arnOf(secret), Name: secret.name };
  }

  /** The same of one that there is not: under a name, each call draws another suffix for its ARN. */
  identifyAbsent(secretId: string): { readonly ARN: string; readonly Name: string } {
    const isArn = secretId.startsWith('arn:');
    const arn = isArn ? secretId : this.arnOf({ name: secretId, arnSuffix: this.#drawSuffix() });
    return { ARN: arn, Name: secretId };
  }

  #drawSuffix(): string {
    const letters = Array.from({ length: SUFFIX_LENGTH }, () =>
      SUFFIX_ALPHABET.charAt(Math.floor(this.settings.random.next() * SUFFIX_ALPHABET.length)),
    );
    return letters.join('');
  }

  #arnPrefix(): string {
    return `arn:aws:secretsmanager:${this.settings.region}:${ACCOUNT_ID}:secret:`;
  }
}
