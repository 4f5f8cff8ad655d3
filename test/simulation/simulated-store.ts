/**
 * Secrets Manager as the processes reach it: the emulator's engine behind a network, with everything that can go wrong
 * on the way. The real store adapter runs on top of it.
 */

import type { SecretsManagerService } from '../../src/adapters/secrets-manager/service.ts';
import { placeOf } from '../../src/config/token-configuration.ts';
import { isJsonObject, type JsonObject } from '../../src/core/wire/json.ts';
import type { OperationName } from '../../src/sandbox/secrets-manager/operation.ts';
import {
  createSecretsManager,
  type SecretsManager,
} from '../../src/sandbox/secrets-manager/secrets-manager.ts';
import { type Bindings, LISTING } from './bindings.ts';
import type { Chance } from './chance.ts';
import { type Network, type Passage, usualPassage } from './network.ts';
import type { StoreCall } from './observation.ts';
import { AUTHORITY } from './scenario.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { World } from './world.ts';

type Outcome =
  | { readonly ok: true; readonly body: JsonObject }
  | { readonly ok: false; readonly name: string; readonly status: number; readonly message: string };

/** What the SDK throws for an answer that says no. */
class StoreRefusal extends Error {
  readonly $metadata: { readonly httpStatusCode: number };

  constructor(name: string, status: number, message: string) {
    super(message);
    this.name = name;
    this.$metadata = { httpStatusCode: status };
  }
}

const WRITES: ReadonlySet<OperationName> = new Set([
  'CreateSecret',
  'PutSecretValue',
  'TagResource',
  'UpdateSecretVersionStage',
]);
const REFUSALS = {
  throttle: { name: 'ThrottlingException', status: 400 },
  unavailable: { name: 'ServiceUnavailable', status: 503 },
  denied: { name: 'AccessDeniedException', status: 400 },
} as const;
const ARN_SUFFIX = /-[A-Za-z0-9]{6}$/;

export class SimulatedStore {
  readonly engine: SecretsManager;
  readonly #world: World;
  readonly #network: Network;
  readonly #bindings: Bindings;
  readonly #chance: Chance;
  /** What a read may still show for a while after a write: the answer from before. */
  readonly #stale = new Map<string, { readonly outcome: Outcome; readonly untilMs: number }>();

  constructor(world: World, network: Network, bindings: Bindings) {
    this.#world = world;
    this.#bindings = bindings;
    this.#network = network;
    this.#chance = world.chance.fork('store');
    const { time } = world;
    this.engine = createSecretsManager({
      clock: { now: () => time.nowMs, monotonicMs: () => time.nowMs, sleep: () => Promise.resolve() },
      random: world.chance.fork('store names').random,
      versionWall: world.scenario.versionWall,
    });
  }

  /** The text that readers see; `undefined`: nothing. */
  currentText(secret: string): string | undefined {
    const outcome = this.#execute('GetSecretValue', { SecretId: secret });
    const text = outcome.ok ? outcome.body['SecretString'] : undefined;
    return typeof text === 'string' ? text : undefined;
  }

  /** What somebody outside of the program does: a tool, an operator. True when it was carried out. */
  meddle(operation: OperationName, input: JsonObject): boolean {
    const secret = nameOf(input);
    const formerText = this.currentText(secret);
    const outcome = this.#execute(operation, input);
    this.#world.tell(
      'operator',
      this.#tokenOf(secret),
      `${operation} ${secret}${outcome.ok ? '' : `: ${outcome.name}`}`,
    );
    this.#noteChange(secret, formerText, undefined, this.#world.time.nowMs);
    return outcome.ok;
  }

  /** The service as one process reaches it. */
  connect(process: VirtualProcess): SecretsManagerService {
    const call = (operation: OperationName, input: object): Promise<JsonObject> =>
      this.#call(process, operation, { ...input });
    return {
      batchGetSecretValue: (input) => call('BatchGetSecretValue', input),
      createSecret: (input) => call('CreateSecret', input),
      describeSecret: async (input) => {
        const body = await call('DescribeSecret', input);
        return {
          ARN: readText(body, 'ARN'),
          DeletedDate: readDate(body, 'DeletedDate'),
          Tags: readTags(body),
        };
      },
      getSecretValue: (input) => call('GetSecretValue', input),
      listSecrets: async (input) => {
        const body = await call('ListSecrets', input);
        return {
          NextToken: readText(body, 'NextToken'),
          SecretList: this.#leaveOut(process, readObjects(body, 'SecretList')).map((secret) => ({
            Name: readText(secret, 'Name'),
            CreatedDate: readDate(secret, 'CreatedDate'),
            LastChangedDate: readDate(secret, 'LastChangedDate'),
            DeletedDate: readDate(secret, 'DeletedDate'),
            Tags: readTags(secret),
            SecretVersionsToStages: readStages(secret),
          })),
        };
      },
      listSecretVersionIds: async (input) => {
        const body = await call('ListSecretVersionIds', input);
        return {
          answer: {
            NextToken: readText(body, 'NextToken'),
            Versions: readObjects(body, 'Versions').map((version) => ({
              CreatedDate: readDate(version, 'CreatedDate'),
            })),
          },
          answeredAtMs: Math.floor(this.#world.time.nowMs / 1000) * 1000,
        };
      },
      putSecretValue: (input) => call('PutSecretValue', input),
      tagResource: (input) => call('TagResource', input),
      updateSecretVersionStage: (input) => call('UpdateSecretVersionStage', input),
    };
  }

  async #call(process: VirtualProcess, operation: OperationName, input: JsonObject): Promise<JsonObject> {
    const world = this.#world;
    const secret = nameOf(input);
    const token = this.#isOfBindings(operation, secret) ? LISTING : this.#tokenOf(secret);
    const call: StoreCall = {
      operation,
      secret,
      process,
      issuedAtMs: world.time.nowMs,
      isWrite: WRITES.has(operation),
    };
    if (!process.isDead) world.watch((watcher) => watcher.storeCalled?.(call));
    const isListing = operation === 'ListSecrets';
    const refusal = this.#drawRefusal() ?? (isListing ? this.#refuseList() : undefined);
    const drawn = this.#drawPassage();
    const passage: Passage =
      isListing && world.weather.listing === 'hang' ? { ...drawn, request: 'hang' } : drawn;
    // What hangs or takes long is given up by the caller, who tells nobody here.
    if (passage.request === 'hang' || passage.answer === 'hang' || passage.requestMs > 100) {
      const { timeoutMs } = placeOf(world.scenario.configuration.places, AUTHORITY);
      const { nowMs } = world.time;
      this.#addDisturbance(call, token, nowMs + timeoutMs, 'store: no answer in time');
    }
    let outcome: Outcome;
    try {
      outcome = await this.#network.call({
        process,
        port: 'store',
        what: `${operation} ${secret}`,
        passage,
        execute: (isRepetition) => this.#carryOut(call, input, refusal, isRepetition),
      });
    } catch (error) {
      this.#disturb(call, token, 'connection lost');
      throw error;
    }
    if (outcome.ok) return outcome.body;
    if (outcome.name !== 'ResourceNotFoundException') this.#disturb(call, token, outcome.name);
    throw new StoreRefusal(outcome.name, outcome.status, outcome.message);
  }

  #carryOut(
    call: StoreCall,
    input: JsonObject,
    refused: Outcome | undefined,
    isRepetition: boolean,
  ): Outcome {
    const { operation, secret, process, isWrite, issuedAtMs } = call;
    const world = this.#world;
    const token = this.#tokenOf(secret);
    if (refused !== undefined) return refused;
    if (!isWrite) {
      const stale = operation === 'GetSecretValue' ? this.#stale.get(secret) : undefined;
      if (stale !== undefined && stale.untilMs > world.time.nowMs && this.#chance.happens(0.6)) {
        world.countFault('stale read');
        world.tell('store', token, `${process.name} reads ${secret} as it was`);
        world.disturbances.add({ fromMs: issuedAtMs, toMs: world.time.nowMs, token, why: 'stale read' });
        return stale.outcome;
      }
      return this.#execute(operation, input);
    }
    const former = this.#execute('GetSecretValue', { SecretId: secret });
    const outcome = this.#execute(operation, input);
    const refusal = outcome.ok ? undefined : outcome.name;
    const again = isRepetition ? ' (delivered twice)' : '';
    world.tell('store', token, `${process.name} ${operation} ${secret}: ${refusal ?? 'done'}${again}`);
    if (!isRepetition) world.watch((watcher) => watcher.storeHandled?.(call, refusal));
    this.#noteChange(secret, textOf(former), process, issuedAtMs);
    if (!world.weather.isQuiet && this.#chance.happens(0.1))
      this.#stale.set(secret, {
        outcome: former,
        untilMs: world.time.nowMs + this.#chance.between(100, 3000),
      });
    return outcome;
  }

  #noteChange(
    secret: string,
    formerText: string | undefined,
    process: VirtualProcess | undefined,
    issuedAtMs: number,
  ): void {
    const text = this.currentText(secret);
    if (text === formerText) return;
    this.#world.watch((watcher) =>
      watcher.secretChanged?.({ secret, text, formerText, process, issuedAtMs }),
    );
  }

  #execute(operation: OperationName, input: JsonObject): Outcome {
    const answer = this.engine.execute(operation, input);
    if (answer.ok) return answer;
    const { name, status, message } = answer.refusal;
    return { ok: false, name, status, message };
  }

  #disturb(call: StoreCall, token: string | undefined, why: string): void {
    this.#addDisturbance(call, token, this.#world.time.nowMs, `store: ${why}`);
  }

  #addDisturbance(
    { issuedAtMs: fromMs, process }: StoreCall,
    token: string | undefined,
    toMs: number,
    why: string,
  ): void {
    if (token === LISTING) this.#bindings.noteUnlisted(process, fromMs, toMs, why);
    else this.#world.disturbances.add({ fromMs, toMs, token, why });
  }

  #isOfBindings(operation: OperationName, secret: string): boolean {
    return operation === 'ListSecrets' || this.#bindings.tokens.some(({ binding }) => binding === secret);
  }

  /** What lists do not have at the moment; whoever keeps its token has no excuse. */
  #leaveOut(process: VirtualProcess, secrets: readonly JsonObject[]): readonly JsonObject[] {
    const { leftOut } = this.#world.weather;
    const listed = secrets.filter((secret) => !leftOut.has(readText(secret, 'Name') ?? ''));
    const { nowMs } = this.#world.time;
    if (listed.length < secrets.length)
      this.#bindings.noteUnlisted(process, nowMs, nowMs, 'a list is not complete');
    return listed;
  }

  #refuseList(): Outcome | undefined {
    const { listing } = this.#world.weather;
    if (listing === 'fine' || listing === 'hang') return undefined;
    return { ok: false, message: 'refused', ...REFUSALS[listing] };
  }

  #drawRefusal(): Outcome | undefined {
    const { weather } = this.#world;
    const { store, isQuiet } = weather;
    if (store === 'throttle' || store === 'unavailable' || store === 'denied')
      return { ok: false, message: 'refused', ...REFUSALS[store] };
    if (isQuiet || !this.#chance.happens(0.01)) return undefined;
    const kind = this.#chance.pick(['throttle', 'unavailable'] as const);
    this.#world.countFault(`store ${kind}`);
    return { ok: false, message: 'refused', ...REFUSALS[kind] };
  }

  #drawPassage(): Passage {
    const { weather } = this.#world;
    const passage = usualPassage(this.#chance, 2, 40);
    if (weather.store === 'reset') return { ...passage, request: 'reset' };
    if (weather.store === 'hang') return { ...passage, request: 'hang' };
    if (weather.isQuiet) return passage;
    const draw = this.#chance.between(1, 1000);
    if (draw > 35) return passage;
    this.#world.countFault('store call lost, late or doubled');
    if (draw <= 8) return { ...passage, request: 'reset' };
    if (draw <= 10) return { ...passage, request: 'hang' };
    if (draw <= 20) return { ...passage, answer: 'reset' };
    if (draw <= 22) return { ...passage, answer: 'hang' };
    if (draw <= 28) return { ...passage, requestMs: this.#chance.between(500, 12_000) };
    return { ...passage, repeatAfterMs: this.#chance.between(1, 30_000) };
  }

  #tokenOf(secret: string): string | undefined {
    return this.#world.scenario.tokens.find((token) =>
      [token.secret, token.stateSecret, token.binding].includes(secret),
    )?.name;
  }
}

function nameOf(input: JsonObject): string {
  const id = input['SecretId'] ?? input['Name'] ?? '';
  const text = typeof id === 'string' ? id : '';
  if (!text.startsWith('arn:')) return text;
  return (text.split(':secret:')[1] ?? '').replace(ARN_SUFFIX, '');
}

function textOf(outcome: Outcome): string | undefined {
  const text = outcome.ok ? outcome.body['SecretString'] : undefined;
  return typeof text === 'string' ? text : undefined;
}

function readText(body: JsonObject, name: string): string | undefined {
  const value = body[name];
  return typeof value === 'string' ? value : undefined;
}

/** Dates travel as epoch seconds. */
function readDate(body: JsonObject, name: string): Date | undefined {
  const value = body[name];
  return typeof value === 'number' ? new Date(value * 1000) : undefined;
}

function readObjects(body: JsonObject, name: string): readonly JsonObject[] {
  const value: unknown = body[name];
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

function readTags(body: JsonObject) {
  return readObjects(body, 'Tags').map((tag) => ({
    Key: readText(tag, 'Key'),
    Value: readText(tag, 'Value'),
  }));
}

/** Labels by version. */
function readStages(body: JsonObject): Record<string, string[]> {
  const stages = body['SecretVersionsToStages'];
  const labels = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : []);
  return Object.fromEntries(
    Object.entries(isJsonObject(stages) ? stages : {}).map(([version, value]) => [version, labels(value)]),
  );
}
