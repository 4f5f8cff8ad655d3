/** AWS Secrets Manager as a store that a configuration can name: its settings, its rules, and its client. */
import { defineStore } from '../../core/store-kind.ts';
import { patternField, shortTextField, urlField } from '../../core/wire/field-schemas.ts';
import { asSdkProvider } from '../aws-credentials/aws-credentials.ts';
import { createAwsCredentials } from '../aws-credentials/own-credentials.ts';
import { createBindingCatalog } from './binding-catalog.ts';
import { createSecretsManagerClient } from './client.ts';
import { SECRET_NAMES } from './secret-names.ts';
import { SecretsManagerStore } from './secrets-manager-store.ts';
import { createSdkService } from './service.ts';

export const AWS_SECRETS_MANAGER = defineStore({
  kind: 'aws-secrets-manager',
  description: 'AWS Secrets Manager',
  rules: {
    names: SECRET_NAMES,
    tags: {
      // AWS allows 50, and the daemon needs some for itself.
      most: 40,
      keyPattern: /^(?!aws:)[^]{1,128}$/i,
      keyForm: '1 to 128 characters, not beginning with aws:',
      mostValueCharacters: 256,
    },
    // A put, and the move of a label that is the fence.
    callsPerPublish: 2,
    /**
     * "Do not call PutSecretValue at a sustained rate of more than once every 10 minutes" (API reference): all versions of
     * the last 24 hours are kept and count towards a quota; versions cannot be deleted on request. "Keeps 100 of the most
     * recent versions", read carefully, is one write in 14.4 minutes.
     */
    versions: {
      vendor: 'AWS',
      service: 'Secrets Manager',
      sustainedEveryMs: 600_000,
      unquestionedPerDay: 100,
    },
    holdsCredentials: true,
  },
  words: {
    createPermissions: 'secretsmanager:CreateSecret and secretsmanager:TagResource',
    versionBudget:
      "144 is AWS's guidance (one write in ten minutes), 100 is the cautious reading; none: no limit, for emulators " +
      'without a quota',
    writesPerSecond: {
      usual: 40,
      why:
        'AWS allows about 50 in an account and region, and others need some; a publish is two of them, and so is a refresh ' +
        'token that is saved',
    },
  },
  fields: {
    region: patternField(/^[a-z]{2,}(?:-[a-z]+)+-\d+$/, 'a region like ap-southeast-3')
      .optional()
      .describe('AWS region; the AWS SDK finds it (AWS_REGION, profile) when left out'),
    endpoint: urlField()
      .optional()
      .describe('URL of an emulator or a VPC endpoint; https, or http for loopback hosts'),
    kmsKeyId: shortTextField(2048, 'the id, ARN or alias of a KMS key')
      .optional()
      .describe('KMS key for secrets that are created; aws/secretsmanager when left out'),
  },
  locate: ({ region, endpoint }) => ({ region, endpoint }),
  objectOf: ({ region, endpoint }, secret) => [region, endpoint, SECRET_NAMES.nameOf(secret)].join(' '),
  open: (settings, { transport, clock, files, awsCredentials, events }, section) => {
    const { region, endpoint, timeout: timeoutMs } = settings;
    const credentials =
      awsCredentials === undefined
        ? createAwsCredentials({ transport, region, clock, files, callLimitMs: timeoutMs })
        : undefined;
    const client = createSecretsManagerClient({
      transport,
      region,
      endpoint,
      credentials: credentials === undefined ? awsCredentials : asSdkProvider(credentials),
    });
    const calls = { service: createSdkService(client, credentials), clock, timeoutMs, section };
    return {
      store: new SecretsManagerStore({
        ...calls,
        createSecrets: settings.createSecrets,
        kmsKeyId: settings.kmsKeyId,
        tags: settings.tags,
        adopt: new Set(settings.adopt),
        onBatchDenied: (problem) => events({ event: 'batch-read-denied', problem }),
      }),
      bindings: createBindingCatalog(calls),
      close: () => client.destroy(),
    };
  },
});
