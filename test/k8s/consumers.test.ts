/** The arithmetic in the comments of the readers: computed anew from the configuration that they refer to. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import type { Configuration } from '../../src/config/configuration.ts';
import { placeOf } from '../../src/config/token-configuration.ts';
import { lowMark } from '../../src/core/limits/quota.ts';
import { decideCadence, TIME_TO_USE_MS } from '../../src/core/schedule/cadence.ts';
import { parseDuration } from '../../src/core/wire/duration.ts';
import { documentText } from '../support/document-text.ts';
import {
  type Manifest,
  oneOf,
  readManifests,
  readManifestText,
  toCronJob,
  toDeployment,
} from '../support/manifest.ts';
import { readShippedConfiguration } from '../support/shipped-configuration.ts';

const DAY_MS = 86_400_000;
/** Until the kubelet has changed the file of a Secret that is mounted: its sync period and its cache, a minute each. */
const KUBELET_MS = 120_000;
/** A refresh puts a version and moves the label to it. */
const WRITES = 2;

const configuration = readShippedConfiguration('overlays/example/config/config.yaml');

interface Life {
  readonly marginMs: number;
  readonly halfTickMs: number;
  readonly deadlinesMs: number;
}

/** What a token's life goes through between the moment that its refresh is due and the moment that readers find it. */
function lifeOf(provider: string, { providers, places }: Configuration = configuration): Life {
  const found = providers.find(({ name }) => name === provider);
  assert.ok(found !== undefined, provider);
  const store = placeOf(places, found.publish.to);
  const { marginMs, tickMs } = decideCadence(found.lifetimeMs, found.schedule.policy);
  return { marginMs, halfTickMs: tickMs / 2, deadlinesMs: found.timeoutMs + WRITES * store.timeoutMs };
}

function leftAtAnyRead({ marginMs, halfTickMs, deadlinesMs }: Life, stalenessMs: number): number {
  return marginMs - halfTickMs - deadlinesMs - stalenessMs;
}

function toMs(text: string): number {
  // Kubernetes writes 1m0s.
  const parsed = parseDuration(text.replace(/(?<=\D)0s$/, ''));
  assert.ok(parsed.ok, text);
  return parsed.durationMs;
}

/** The secret's name, as the daemon writes it. */
function secretOf(provider: string): string | undefined {
  return configuration.providers.find(({ name }) => name === provider)?.tokens[0]?.identity.secret;
}

const READERS: readonly {
  readonly file: string;
  readonly provider: string;
  readonly stalenessMs: (manifests: readonly Manifest[], text: string) => number;
  readonly stalenessLine: RegExp;
  readonly namesSecret: RegExp;
}[] = [
  {
    file: 'external-secrets.yaml',
    provider: 'pik',
    stalenessMs: (manifests) => {
      const { spec } = z
        .looseObject({ spec: z.looseObject({ refreshInterval: z.string() }) })
        .parse(oneOf(manifests, 'ExternalSecret'));
      return toMs(spec.refreshInterval) + KUBELET_MS;
    },
    stalenessLine: /refreshInterval 60 s, then up to 120 s .*: 180 s of staleness/,
    namesSecret: /^ {8}key: (?<secret>.*)$/m,
  },
  {
    file: 'secrets-store-csi.yaml',
    provider: 'pivot',
    stalenessMs: (_manifests, text) =>
      toMs(/rotationPollInterval=(?<poll>\w+)/.exec(text)?.groups?.['poll'] ?? ''),
    stalenessLine: /rotationPollInterval 120 s, .*: 120 s of staleness/,
    namesSecret: /objectName: (?<secret>.*)$/m,
  },
  {
    file: 'sdk.yaml',
    provider: 'pivot',
    stalenessMs: () => 0,
    stalenessLine: /a call at each use: 0 s of staleness/,
    namesSecret: /name: TOKEN_SECRET\n +value: (?<secret>.*)$/m,
  },
];

for (const { file, provider, stalenessMs, stalenessLine, namesSecret } of READERS) {
  describe(`consumers/${file}`, () => {
    const text = readManifestText(`consumers/${file}`);
    const staleMs = stalenessMs(readManifests(`consumers/${file}`), text);
    const life = lifeOf(provider);

    it('reads the secret that the configuration publishes to', () => {
      assert.equal(namesSecret.exec(text)?.groups?.['secret'], secretOf(provider));
    });

    it('never sees an expired token, and always has time to use the one that it sees', () => {
      assert.ok(leftAtAnyRead(life, staleMs) >= TIME_TO_USE_MS, inSeconds(leftAtAnyRead(life, staleMs)));
    });

    it('says so with the numbers of the configuration', () => {
      const { marginMs, halfTickMs, deadlinesMs } = life;
      const sum =
        `${inSeconds(marginMs)} margin - ${inSeconds(halfTickMs)} half a tick - ${inSeconds(deadlinesMs)} deadlines - ` +
        `${inSeconds(staleMs)} staleness = ${inSeconds(leftAtAnyRead(life, staleMs))} left at any read`;
      assert.ok(text.includes(`#   ${sum}\n`), sum);
      assert.match(text, stalenessLine);
    });
  });
}

describe('what the comments say about versions', () => {
  function versionsADay(staleness: string): number {
    const pivot = configuration.providers.find(({ name }) => name === 'pivot');
    assert.ok(pivot !== undefined);
    const { refreshEveryMs } = decideCadence(pivot.lifetimeMs, {
      ...pivot.schedule.policy,
      stalenessMs: toMs(staleness),
    });
    return DAY_MS / refreshEveryMs;
  }

  for (const [staleness, versions, isLow] of [
    ['0s', 103, false],
    ['2m40s', 122, false],
    ['4m', 137, true],
  ] as const) {
    it(`holds for a staleness of ${staleness}: ${versions} versions a day`, () => {
      assert.equal(Math.round(versionsADay(staleness)), versions);
      assert.equal(versionsADay(staleness) >= lowMark(144), isLow);
    });
  }

  it('is what the example is configured for', () => {
    assert.equal(configuration.readers.stalenessMs, toMs('2m40s'));
    assert.equal([...configuration.places.values()][0]?.versionBudget, 144);
  });
});

describe('consumers/kubernetes-secret.yaml', () => {
  const text = readManifestText('consumers/kubernetes-secret.yaml');
  const [, staleness = ''] = /a place that says `staleness: (\w+)`/.exec(text) ?? [];
  const { marginMs, tickMs } = decideCadence(15 * 60_000, {
    refreshAfter: undefined,
    minIntervalMs: 0,
    stalenessMs: toMs(staleness),
  });
  const life: Life = { marginMs, halfTickMs: tickMs / 2, deadlinesMs: 10_000 + WRITES * 5000 };

  it('has the arithmetic of a token of 15 minutes: no reader sees an expired one', () => {
    const leftMs = leftAtAnyRead(life, KUBELET_MS);
    assert.ok(leftMs >= TIME_TO_USE_MS, inSeconds(leftMs));
    const { halfTickMs, deadlinesMs } = life;
    const terms = [marginMs, halfTickMs, deadlinesMs, KUBELET_MS, leftMs].map(inSeconds);
    const [margin, halfTick, deadlines, stale, left] = terms;
    assert.ok(
      text.includes(
        `${margin} margin - ${halfTick} half a tick - ${deadlines} deadlines - ${stale} staleness = ${left} left at any read`,
      ),
      terms.join(),
    );
    assert.match(text, /up to 120 s until the kubelet .*: 120 s of staleness/);
    assert.match(documentText('docs/readers.md'), new RegExp(`it leaves ${left} for the`));
  });

  it('mounts the Secret as a folder, and proves who it is with a token that is good for reports alone', () => {
    const { template } = toDeployment(oneOf(readManifests('consumers/kubernetes-secret.yaml'), 'Deployment'));
    const { spec } = z
      .looseObject({
        spec: z.looseObject({
          serviceAccountName: z.string(),
          automountServiceAccountToken: z.literal(false),
          volumes: z.tuple([
            z.object({ name: z.literal('tokens'), secret: z.object({ secretName: z.string() }) }),
            z.object({
              name: z.literal('identity'),
              projected: z.object({
                sources: z.tuple([
                  z.object({
                    serviceAccountToken: z.object({
                      path: z.literal('token'),
                      audience: z.literal('token-refresher'),
                      expirationSeconds: z.number(),
                    }),
                  }),
                ]),
              }),
            }),
          ]),
          containers: z.tuple([
            z.looseObject({
              env: z.array(z.object({ name: z.string(), value: z.string() })),
              // Strict: no subPath, which is never brought up to date.
              volumeMounts: z.array(
                z.strictObject({ name: z.string(), mountPath: z.string(), readOnly: z.literal(true) }),
              ),
            }),
          ]),
        }),
      })
      .parse(template);
    const [{ env, volumeMounts }] = spec.containers;
    const folderOf = new Map(volumeMounts.map(({ name, mountPath }) => [name, mountPath]));
    const value = new Map(env.map((each) => [each.name, each.value]));
    assert.equal(value.get('TOKEN_FILE'), `${folderOf.get('tokens')}/token.json`);
    assert.equal(value.get('IDENTITY_FILE'), `${folderOf.get('identity')}/token`);
    const service = oneOf(readManifests('components/rejections/service.yaml'), 'Service').metadata.name;
    assert.equal(
      value.get('REJECTIONS_URL'),
      `http://${service}.token-refresher:8081/v1/tokens/pivot/rejections`,
    );
  });
});

describe('components/cronjob', () => {
  /** Between two jobs; for a pod to start; the fetch and two writes. */
  const DELAYS_MS = 60_000 + 30_000 + 20_000;

  it('leaves readers time to use a token when the staleness says two minutes more than theirs', () => {
    const { schedule } = toCronJob(oneOf(readManifests('components/cronjob/cron-job.yaml'), 'CronJob'));
    assert.equal(schedule, '* * * * *');
    assert.match(readManifestText('components/cronjob/kustomization.yaml'), /110 s in all/);
    for (const readersMs of [0, 40_000]) {
      const pivot = configuration.providers.find(({ name }) => name === 'pivot');
      assert.ok(pivot !== undefined);
      const { marginMs } = decideCadence(pivot.lifetimeMs, {
        ...pivot.schedule.policy,
        stalenessMs: readersMs + toMs('2m'),
      });
      assert.ok(marginMs - DELAYS_MS - readersMs >= TIME_TO_USE_MS);
    }
  });
});

/** As the manifests' comments have it, for adding up. */
function inSeconds(durationMs: number): string {
  return `${Number((durationMs / 1000).toFixed(1))} s`;
}
