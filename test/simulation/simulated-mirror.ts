/**
 * Secrets of a cluster to which each token is copied: the API server of the sandbox behind a network, with everything that
 * can go wrong on the way. The real store adapter runs on top of it.
 */
import type { ApiReply, ApiRequest } from '../../src/adapters/kubernetes/api-client.ts';
import { KubernetesSecretStore } from '../../src/adapters/kubernetes-secret/kubernetes-secret-store.ts';
import { placeOf } from '../../src/config/token-configuration.ts';
import { withDeadline } from '../../src/core/deadline.ts';
import type { Clock, TokenStore } from '../../src/core/ports.ts';
import type { JsonObject } from '../../src/core/wire/json.ts';
import { SECRETS } from '../../src/sandbox/kubernetes/api-resources.ts';
import { textAt } from '../../src/sandbox/kubernetes/json-tree.ts';
import { type ApiAnswer, KubernetesApi } from '../../src/sandbox/kubernetes/kubernetes-api.ts';
import type { Chance } from './chance.ts';
import { type Disturbance, Disturbances } from './disturbances.ts';
import { type Network, type Passage, usualPassage } from './network.ts';
import { MIRROR, type SimulatedToken } from './scenario.ts';
import type { VirtualProcess } from './virtual-process.ts';
import type { World } from './world.ts';

const NAMESPACE = 'payments';
/** No token's name: what concerns all of them, and no single one. */
const EVERY = '';
/** The longest wait between two looks at a place that is away, and such a look. */
const PROBED_MS = 75_000;
const REFUSALS: Readonly<Record<string, ApiAnswer>> = {
  throttle: refusal(429, 'TooManyRequests'),
  unavailable: refusal(503, 'ServiceUnavailable'),
};

export class SimulatedMirror {
  /** What was broken here on purpose. It excuses copies that are late, and nothing else. */
  readonly disturbances = new Disturbances();
  readonly #world: World;
  readonly #network: Network;
  readonly #chance: Chance;
  readonly #api: KubernetesApi;
  readonly #authorization: string;

  constructor(world: World, network: Network) {
    this.#world = world;
    this.#network = network;
    this.#chance = world.chance.fork('mirror');
    this.#api = new KubernetesApi({
      clock: { now: () => world.time.nowMs },
      random: world.chance.fork('mirror names').random,
    });
    this.#api.createNamespace(NAMESPACE);
    this.#authorization = `Bearer ${this.#api.identities.issueAdmin().reveal()}`;
  }

  /** The store as one process reaches it. */
  connect(process: VirtualProcess, clock: Clock): TokenStore {
    const { timeoutMs, createSecrets } = placeOf(this.#world.scenario.configuration.places, MIRROR);
    return new KubernetesSecretStore({
      api: {
        send: (request, { timeoutMs: limitMs, signal }) =>
          this.#send(
            process,
            clock,
            typeof request === 'function' ? request(NAMESPACE) : request,
            limitMs,
            signal,
          ),
      },
      clock,
      timeoutMs,
      createSecrets,
      adopt: new Set(),
      labels: {},
      annotations: {},
      section: `stores.${MIRROR}`,
    });
  }

  /** The text that readers see; `undefined`: nothing. */
  textOf({ copy }: SimulatedToken): string | undefined {
    const encoded = textAt(this.find(copy), 'data', 'token.json');
    return encoded === '' ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
  }

  find(copy: string): JsonObject | undefined {
    return this.#api.find(SECRETS, NAMESPACE, copy);
  }

  /** Somebody with kubectl. @param secret `undefined`: deletes it */
  meddle(token: SimulatedToken, what: string, secret: JsonObject | undefined): void {
    const formerText = this.textOf(token);
    this.#world.tell('operator', token.name, `${what}: copy ${token.copy}`);
    if (secret === undefined) this.#api.remove(SECRETS, NAMESPACE, token.copy);
    else this.#api.put(secret);
    this.#noteChange(token, formerText, undefined);
  }

  disturb(why: string, token?: SimulatedToken): Disturbance {
    this.#world.tell('world', token?.name, `${why}, from now on`);
    const fromMs = this.#world.time.nowMs;
    return this.disturbances.add({ fromMs, toMs: Number.POSITIVE_INFINITY, token: token?.name, why });
  }

  end(disturbance: Disturbance, tailMs = 0): void {
    this.#world.tell('world', disturbance.token, `no longer: ${disturbance.why}`);
    disturbance.toMs = this.#world.time.nowMs + tailMs;
  }

  async #send(
    process: VirtualProcess,
    clock: Clock,
    request: ApiRequest,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ApiReply> {
    const { method, path } = request;
    const token = this.#world.scenario.tokens.find(
      ({ copy }) => path.endsWith(`/${copy}`) || textAt(request.body, 'metadata', 'name') === copy,
    );
    if (signal.aborted) return UNANSWERED;
    if (method !== 'GET' && token !== undefined && !process.isDead)
      this.#world.watch((watcher) => watcher.copyWriteSent?.(process, token.name));
    const passage = this.#drawPassage(token, timeoutMs);
    const refused = this.#drawRefusal(method, token);
    try {
      const answer = await withDeadline(clock, timeoutMs, signal, () =>
        this.#network.call({
          process,
          port: 'mirror',
          what: `${method} ${path}`,
          passage,
          execute: () => refused ?? this.#carryOut(process, request, token),
        }),
      );
      const body = JSON.stringify(answer.body);
      return { kind: 'answer', status: answer.status, retryAfter: undefined, body };
    } catch {
      this.#note(token, this.#world.time.nowMs, 'no answer');
      return UNANSWERED;
    }
  }

  #carryOut(
    process: VirtualProcess,
    { method, path, body }: ApiRequest,
    token: SimulatedToken | undefined,
  ): ApiAnswer {
    const isDenied = this.#world.weather.mirror === 'denied';
    const formerText = token === undefined ? undefined : this.textOf(token);
    const answer = this.#api.handle(
      {
        method,
        path,
        authorization: this.#authorization,
        contentType: 'application/json',
        body: body === undefined ? '' : JSON.stringify(body),
      },
      { isDenied },
    );
    if (method !== 'GET' && token !== undefined) {
      this.#world.tell('mirror', token.name, `${process.name} ${method} ${token.copy}: ${answer.status}`);
      this.#noteChange(token, formerText, process);
    }
    return answer;
  }

  #noteChange(
    token: SimulatedToken,
    formerText: string | undefined,
    process: VirtualProcess | undefined,
  ): void {
    const text = this.textOf(token);
    if (text === formerText) return;
    this.#world.watch((watcher) => watcher.copyChanged?.({ token: token.name, text, formerText, process }));
  }

  /** One call that goes wrong. Of a place that was away, one token asks, and all others wait for what becomes of that. */
  #note(token: SimulatedToken | undefined, toMs: number, why: string): void {
    const fromMs = this.#world.time.nowMs;
    const isProbe = this.disturbances.within(EVERY, fromMs - PROBED_MS, fromMs).length > 0;
    this.disturbances.add({ fromMs, toMs, token: isProbe ? undefined : token?.name, why });
  }

  #drawRefusal(method: ApiRequest['method'], token: SimulatedToken | undefined): ApiAnswer | undefined {
    const { mirror, isQuiet } = this.#world.weather;
    if (mirror === 'conflicts') return method === 'PUT' ? CONFLICT : undefined;
    const constant = REFUSALS[mirror];
    if (constant !== undefined || isQuiet || !this.#chance.happens(0.01)) return constant;
    this.#world.countFault('mirror call refused');
    this.#note(token, this.#world.time.nowMs, 'refused');
    return REFUSALS[this.#chance.pick(['throttle', 'unavailable'])];
  }

  #drawPassage(token: SimulatedToken | undefined, timeoutMs: number): Passage {
    const { mirror, isQuiet } = this.#world.weather;
    const passage = usualPassage(this.#chance, 2, 30);
    if (mirror === 'reset' || mirror === 'hang') return { ...passage, request: mirror };
    if (mirror === 'slow')
      return { ...passage, answerMs: this.#chance.between(timeoutMs / 2, timeoutMs - 1_000) };
    if (isQuiet) return passage;
    const draw = this.#chance.between(1, 1000);
    if (draw > 40) return passage;
    this.#world.countFault('mirror call lost, late or doubled');
    this.#note(token, this.#world.time.nowMs + timeoutMs, 'a call lost or late');
    if (draw <= 8) return { ...passage, request: 'reset' };
    if (draw <= 12) return { ...passage, request: 'hang' };
    if (draw <= 22) return { ...passage, answer: 'reset' };
    if (draw <= 26) return { ...passage, answer: 'hang' };
    if (draw <= 34) return { ...passage, requestMs: this.#chance.between(500, 12_000) };
    return { ...passage, repeatAfterMs: this.#chance.between(1, 30_000) };
  }
}

const UNANSWERED: ApiReply = { kind: 'failed', message: 'the API server gave no answer' };
const CONFLICT = refusal(409, 'Conflict');

function refusal(code: number, reason: string): ApiAnswer {
  const body = { kind: 'Status', apiVersion: 'v1', status: 'Failure', message: 'refused', reason, code };
  return { status: code, body };
}
