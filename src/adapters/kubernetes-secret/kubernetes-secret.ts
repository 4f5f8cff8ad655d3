/** Secrets of Kubernetes as a store that a configuration can name: its settings, its rules, and its client. */
import type { BindingCatalog } from '../../core/ports.ts';
import { fail, type Result } from '../../core/result.ts';
import { defineStore, tagsField } from '../../core/store-kind.ts';
import { apiServerField, namespaceField, resolveApiServer } from '../../core/wire/api-server-fields.ts';
import { ApiClient } from '../kubernetes/api-client.ts';
import { findClusterApiServer, NAMESPACE_FILE } from '../kubernetes/api-server.ts';
import { KubernetesSecretStore } from './kubernetes-secret-store.ts';
import { formatPlace, parseSecretName, SECRET_NAMES } from './secret-names.ts';

const KEY = /^(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const KEY_FORM =
  'up to 63 letters, digits and inner hyphens, dots and underscores, behind a prefix like example.com/ if any';
const VALUE_FORM = 'at most 63 letters, digits and inner hyphens, dots and underscores';
const ANNOTATIONS = { most: 20, keyPattern: KEY, keyForm: KEY_FORM, mostValueCharacters: 1024 };

export const KUBERNETES_SECRET = defineStore({
  kind: 'kubernetes-secret',
  description: 'Secrets of Kubernetes',
  rules: {
    names: SECRET_NAMES,
    tags: {
      most: 20,
      keyPattern: KEY,
      keyForm: KEY_FORM,
      mostValueCharacters: 63,
      values: { pattern: /^(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?$/, form: VALUE_FORM },
    },
    // A look at what is there, and the write that replaces exactly that.
    callsPerPublish: 2,
    // A Secret has one state, and no history that could be full.
    versions: undefined,
    // The kubelet's period and its cache.
    mountedStalenessMs: 120_000,
  },
  words: {
    createPermissions: 'the verb create for secrets, which a Role cannot limit to names',
    tags: 'labels of Secrets that are created, beside app.kubernetes.io/managed-by',
    versionBudget: 'none: Kubernetes keeps one version',
    writesPerSecond: {
      usual: 40,
      why: 'the API server and etcd are shared with everything else in the cluster; a publish is two of them, a read and a write',
    },
  },
  fields: {
    namespace: namespaceField()
      .optional()
      .describe(
        "namespace of Secrets that are named without one; the pod's own when left out; required beside apiServer",
      ),
    annotations: tagsField(ANNOTATIONS, 'annotations').describe(
      `annotations of Secrets that are created, at most ${ANNOTATIONS.most} (each key ${KEY_FORM})`,
    ),
    apiServer: apiServerField(),
  },
  locate: ({ apiServer }) => ({ region: undefined, endpoint: apiServer?.url }),
  findSlips: ({ apiServer, namespace }) =>
    apiServer === undefined || namespace !== undefined
      ? []
      : [
          {
            field: 'namespace',
            allowed:
              'that of Secrets that are named without one: with apiServer there is no pod to take it from',
          },
        ],
  objectOf: ({ apiServer, namespace }, secret, { podNamespace }) =>
    `${apiServer?.url} ${formatPlace(parseSecretName(secret, namespace ?? podNamespace ?? ''))}`,
  open: (settings, { clock, files, readEnv, folder }, section) => {
    const { namespace, annotations, timeout: timeoutMs, createSecrets, tags, adopt } = settings;
    const apiServer = resolveApiServer(settings.apiServer, folder) ?? findClusterApiServer(readEnv);
    const api = new ApiClient({
      apiServer: apiServer ?? NOWHERE,
      namespace: namespace === undefined ? { file: NAMESPACE_FILE } : { name: namespace },
      clock,
      files,
    });
    return {
      store: new KubernetesSecretStore({
        api,
        clock,
        timeoutMs,
        createSecrets,
        adopt: new Set(adopt),
        labels: tags,
        annotations,
        section,
      }),
      bindings: NO_BINDINGS,
      close: () => api.close(),
    };
  },
});

/** What messages then show: nothing can be reached there. */
const NOWHERE = {
  url: 'https://kubernetes.default.svc',
  caFile: undefined,
  tokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
};

/**
 * Not offered: whoever may list Secrets may read all of a namespace, those of others too, because a Role cannot limit
 * `list` to certain ones.
 */
const NO_BINDINGS: BindingCatalog = { list: refuseBindings, findLoss: refuseBindings };

async function refuseBindings(): Promise<Result<never>> {
  return fail({
    code: 'store-denied',
    retry: 'needs-human',
    message:
      'customers are not discovered from Secrets of Kubernetes: that would need the right to read all Secrets of a ' +
      'namespace; list the customers in the configuration, or keep their bindings in Secrets Manager',
  });
}
