/** docs/install-eks.md, pasted block by block: real `aws` and `kubectl`, stand-ins for what they talk to. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import {
  GetSecretValueCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { tokenDocumentSchema } from '../../src/core/token/document.ts';
import { parseJson } from '../../src/core/wire/json.ts';
import { numberAt, textAt } from '../../src/sandbox/kubernetes/json-tree.ts';
import { documentCommands } from '../support/document-text.ts';
import { CONFIG_MAPS, DEPLOYMENTS, PODS } from './cluster/api-resource.ts';
import { readGuide } from './guide-document.ts';
import { type GuideStep, runGuide } from './guide-run.ts';
import { guideSkip } from './guide-tools.ts';
import type { GuideWorld } from './guide-world.ts';

const TOKENS = ['apimw', 'paysecurez', 'pik', 'pivot', 'pivot-b2b', 'pivot-b2b2c/ayu', 'pivot-b2b2c/budi'];

/** Each once: they are the same in many sections. */
const RUNBOOK_COMMANDS = documentCommands(['docs/runbook.md']);

/** A minute and a half on two idle cores. Hooks do not take over the limit of their suite. */
const LIMIT_MS = 900_000;

/** What was so when a section had been gone through. */
interface Observation {
  readonly documents: Readonly<Record<string, unknown>>;
  readonly issued: readonly string[];
  readonly pods: readonly string[];
  readonly configMaps: readonly string[];
  readonly replicas: number;
  readonly messages: readonly string[];
  readonly left: readonly number[];
}

function observe({ secretsManager, issued, objects, messages, account }: GuideWorld): Observation {
  const names = (resource: typeof PODS): readonly string[] =>
    objects.list(resource, 'token-refresher').map((object) => textAt(object, 'metadata', 'name'));
  const [deployment] = objects.list(DEPLOYMENTS, 'token-refresher');
  return {
    documents: Object.fromEntries(
      TOKENS.map((token) => {
        const current = secretsManager
          .versions(`payments/${token}`)
          .find(({ labels }) => labels.includes('AWSCURRENT'));
        return [token, parseJson(current?.value.reveal() ?? '')];
      }),
    ),
    issued: [...issued],
    pods: names(PODS),
    configMaps: names(CONFIG_MAPS),
    replicas: numberAt(deployment, 'status', 'availableReplicas'),
    messages: [...messages],
    left: [account.roles, account.policies, account.associations, account.repositories].map(
      ({ size }) => size,
    ),
  };
}

describe('the guide to install on EKS', { skip: guideSkip(), timeout: LIMIT_MS }, ({ signal }) => {
  const steps: GuideStep[] = [];
  const seen = new Map<string, Observation>();
  const fromRunbook = new Map<string, { readonly exitCode: number; readonly output: string }>();
  const lastBlock = readGuide().findLast(({ title }) => title === 'New credentials');
  const asReader: { read?: string; write?: unknown; state?: unknown } = {};
  let traces: readonly string[] = [];

  before(
    async () => {
      await runGuide({
        signal,
        onStep: async (step, world, run) => {
          steps.push(step);
          seen.set(step.block.title, observe(world));
          traces = [world.aws.url, world.values['CREDENTIALS'] ?? world.aws.url];
          if (step.block.title === '8. Readers') Object.assign(asReader, await tryReader(world));
          if (step.block.script === lastBlock?.script)
            for (const command of RUNBOOK_COMMANDS) fromRunbook.set(command, await run(command));
        },
      });
    },
    { timeout: LIMIT_MS },
  );

  after(() => assert.deepEqual(findProcesses(traces), [], 'something is left running'));

  const observed = (title: string): Observation => {
    const observation = seen.get(title);
    assert.ok(observation !== undefined, `the run did not get as far as "${title}"`);
    return observation;
  };

  for (const [index, { title, script }] of readGuide().entries()) {
    it(`step "${title}": ${script.split('\n')[0]}`, () => {
      const step = steps[index];
      assert.ok(step !== undefined, 'the run did not get so far');
      assert.equal(step.exitCode, 0, step.output);
      assert.deepEqual(step.missing, [], step.output);
    });
  }

  for (const command of RUNBOOK_COMMANDS) {
    it(`runs this line of docs/runbook.md as it is written: ${command}`, () => {
      const result = fromRunbook.get(command);
      assert.ok(result !== undefined, 'the run did not get so far');
      assert.equal(result.exitCode, 0, result.output);
      assert.doesNotMatch(result.output, /not found|unknown (?:command|option)|No such file|jq: error/);
    });
  }

  it('sees in the runbook what there is to see', () => {
    const outputOf = (part: string): string =>
      [...fromRunbook].find(([command]) => command.includes(part))?.[1].output ?? '';
    assert.match(outputOf('-- token-refresher status'), /payments\/pivot .*live/);
    assert.match(outputOf('get lease'), /holderIdentity/);
    assert.match(outputOf('get pods'), /1\/1 +Running/);
    assert.match(outputOf('node --print'), /GMT/);
    assert.match(outputOf('describe-secret'), /payments\/pivot/);
  });

  it('has something to be seen below all but a few blocks', () => {
    assert.ok(readGuide().filter(({ promised }) => promised.length === 0).length <= 6);
  });

  it('leads to every token in the store, as a provider has issued it', () => {
    const { documents, issued, pods, replicas } = observed('6. Verify');
    for (const token of TOKENS) {
      const { access_token: text } = tokenDocumentSchema.parse(documents[token]);
      assert.ok(issued.includes(text), token);
    }
    assert.equal(replicas, 2);
    assert.equal(pods.length, 2);
  });

  it('takes over, rolls and goes back without fetching what is fresh', () => {
    const { documents, issued } = observed('New credentials');
    for (const token of TOKENS) {
      // One more where the guide itself asks for a refresh.
      const generation = token === 'pivot' ? 2 : 1;
      assert.equal(tokenDocumentSchema.parse(documents[token]).generation, generation, token);
    }
    assert.deepEqual(issued, observed('6. Verify').issued);
  });

  it('rolls another configuration out under another name', () => {
    const configOf = (title: string): readonly string[] =>
      observed(title).configMaps.filter((name) => name.startsWith('token-refresher-config-'));
    assert.equal(configOf('6. Verify').length, 1);
    assert.equal(configOf('7. Alerts').length, 2);
    const podsBefore = observed('6. Verify').pods;
    assert.ok(observed('7. Alerts').pods.every((pod) => !podsBefore.includes(pod)));
  });

  it('sends a test alert that says what it is', () => {
    const { messages } = observed('7. Alerts');
    assert.equal(messages.length, 1);
    assert.match(messages[0] ?? '', /test/i);
  });

  it('lets a reader read tokens, and neither write them nor read chains', () => {
    assert.ok(observed('8. Readers').issued.includes(asReader.read ?? ''));
    assert.equal(asReader.write, 'AccessDeniedException');
    assert.equal(asReader.state, 'AccessDeniedException');
  });

  it('shows no token and no credential', () => {
    const output = steps.map((step) => step.output).join('');
    const { issued } = observed('10. Uninstall');
    assert.ok(issued.length >= TOKENS.length);
    for (const secret of issued) assert.ok(!output.includes(secret));
  });

  it('leaves nothing behind when it is uninstalled', () => {
    const { pods, configMaps, left } = observed('10. Uninstall');
    assert.deepEqual([...pods, ...configMaps], []);
    assert.deepEqual(left, [0, 0, 0, 0]);
  });
});

/** What the pods of `payments/settlement` can do. */
async function tryReader({ account, aws }: GuideWorld) {
  const accessKeyId = account.openSession('payments', 'settlement') ?? 'nobody';
  const client = new SecretsManagerClient({
    endpoint: aws.url,
    region: account.region,
    credentials: { accessKeyId, secretAccessKey: 'not-a-real-key' },
    maxAttempts: 1,
  });
  const nameOf = (error: unknown): unknown => (error instanceof Error ? error.name : error);
  try {
    const SecretId = 'payments/pivot';
    const { SecretString = '' } = await client.send(new GetSecretValueCommand({ SecretId }));
    const state = 'token-refresher/state/payments/pivot-b2b2c/ayu';
    return {
      read: tokenDocumentSchema.parse(parseJson(SecretString)).access_token,
      write: await client.send(new PutSecretValueCommand({ SecretId, SecretString: '{}' })).catch(nameOf),
      state: await client.send(new GetSecretValueCommand({ SecretId: state })).catch(nameOf),
    };
  } finally {
    client.destroy();
  }
}

/** Processes, but this one, whose environment speaks of what only the run knew. */
function findProcesses(traces: readonly string[]): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && name !== String(process.pid))
    .filter((pid) => {
      try {
        const environment = readFileSync(`/proc/${pid}/environ`, 'utf8');
        return traces.some((trace) => environment.includes(trace));
      } catch {
        // It has ended meanwhile.
        return false;
      }
    });
}
