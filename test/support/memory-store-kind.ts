import { defineStore } from '../../src/core/store-kind.ts';
import { urlField } from '../../src/core/wire/field-schemas.ts';
import { MemoryBindings } from './memory-bindings.ts';
import { MemoryStore } from './memory-store.ts';

const NAME_FORM = 'lower-case letters, digits and inner hyphens';

/** {@link MemoryStore} as a store that a configuration can name, with rules that are nothing like AWS's. */
export const MEMORY = defineStore({
  kind: 'memory',
  description: 'the memory of this process',
  rules: {
    names: {
      pattern: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
      form: NAME_FORM,
      templatePattern: /^(?:[a-z0-9-]|\{customer\}){1,63}$/,
      findSlip: (name) =>
        name.includes('_') ? { text: 'with underscores', suggestion: name.replaceAll('_', '-') } : undefined,
      noteTemplate: (template) => (template.endsWith('-{customer}') ? undefined : 'names may run together'),
      nameOf: (id) => id.replace(/^memory:/, ''),
      stateSecretOf: (secret) => `${secret}-state`,
      mirrorOf: (name) => name.toLowerCase().replaceAll(/[^a-z0-9-]/g, '-'),
    },
    tags: { most: 2, keyPattern: /^[a-z]+$/, keyForm: 'lower-case letters', mostValueCharacters: 10 },
    callsPerPublish: 1,
    versions: undefined,
  },
  words: {
    createPermissions: 'nothing',
    versionBudget: 'none, ever',
    writesPerSecond: { usual: 500, why: 'as many as there is memory for' },
  },
  fields: { address: urlField().optional() },
  locate: ({ address }) => ({ region: undefined, endpoint: address }),
  open: () => {
    const store = new MemoryStore();
    return { store, bindings: new MemoryBindings(store), close: () => undefined };
  },
});
