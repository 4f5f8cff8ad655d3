/** Makes the folders that a pod has mounted, as the kubelet does. */
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JsonObject } from '../../../src/core/wire/json.ts';
import { numberAt, objectAt, objectsAt, textAt, textsAt } from '../../../src/sandbox/kubernetes/json-tree.ts';
import { CONFIG_MAPS, SECRETS } from './api-resource.ts';
import { namespaceOf, type ObjectStore } from './object-store.ts';

const READABLE = 0o644;

/** A volume of a pod as a folder of this machine; `undefined` for one that is memory. */
export interface PodVolume {
  readonly name: string;
  readonly folder: string | undefined;
}

/** @throws for an object that is not there, and for a kind of volume that is not known here */
export async function makeVolumes(
  store: ObjectStore,
  pod: JsonObject,
  folder: string,
): Promise<readonly PodVolume[]> {
  const namespace = namespaceOf(pod);
  const groupId = numberAt(pod, 'spec', 'securityContext', 'fsGroup');
  const volumes: PodVolume[] = [];
  for (const volume of objectsAt(pod, 'spec', 'volumes')) {
    const name = textAt(volume, 'name');
    const path = join(folder, name);
    if ('emptyDir' in volume) {
      if (textAt(volume, 'emptyDir', 'medium') !== 'Memory') throw new Error(`${name} is not in memory`);
      volumes.push({ name, folder: undefined });
      continue;
    }
    await mkdir(path, { mode: 0o755 });
    if ('configMap' in volume) {
      const found = store.get(CONFIG_MAPS, namespace, textAt(volume, 'configMap', 'name'));
      if (found === undefined) throw new Error(`volume ${name}: configmap not found`);
      await writeFiles(path, textsAt(found, 'data'), READABLE, groupId);
    } else if ('secret' in volume) {
      const data = secretData(store, namespace, textAt(volume, 'secret', 'secretName'));
      const items = objectsAt(volume, 'secret', 'items').map((item) => {
        const key = textAt(item, 'key');
        const text = data[key];
        if (text === undefined) throw new Error(`volume ${name}: references non-existent secret key: ${key}`);
        return [textAt(item, 'path'), text] as const;
      });
      const files = items.length === 0 ? data : Object.fromEntries(items);
      await writeFiles(path, files, numberAt(volume, 'secret', 'defaultMode') || READABLE, groupId);
    } else throw new Error(`volume ${name} is of a kind that is not known here`);
    volumes.push({ name, folder: path });
  }
  return volumes;
}

/** The environment of a pod's container. @throws for a reference to what is not there */
export function readEnvironment(
  store: ObjectStore,
  pod: JsonObject,
  container: JsonObject,
): Readonly<Record<string, string>> {
  const entries = objectsAt(container, 'env').map((entry) => {
    const name = textAt(entry, 'name');
    const source = objectAt(entry, 'valueFrom');
    if ('secretKeyRef' in source) {
      const key = textAt(source, 'secretKeyRef', 'key');
      const text = secretData(store, namespaceOf(pod), textAt(source, 'secretKeyRef', 'name'))[key];
      if (text === undefined) throw new Error(`couldn't find key ${key} in the secret`);
      return [name, text] as const;
    }
    if ('fieldRef' in source)
      return [name, textAt(pod, ...textAt(source, 'fieldRef', 'fieldPath').split('.'))] as const;
    return [name, textAt(entry, 'value')] as const;
  });
  return Object.fromEntries(entries);
}

function secretData(store: ObjectStore, namespace: string, name: string): Readonly<Record<string, string>> {
  const secret = store.get(SECRETS, namespace, name);
  if (secret === undefined) throw new Error(`secret "${name}" not found`);
  return Object.fromEntries(
    Object.entries(textsAt(secret, 'data')).map(([key, text]) => [
      key,
      Buffer.from(text, 'base64').toString('utf8'),
    ]),
  );
}

/** Root's files, which the pod's group may read when the mode says so. */
export async function writeFiles(
  folder: string,
  files: Readonly<Record<string, string>>,
  mode: number,
  groupId: number,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    await writeFile(path, text);
    await chown(path, 0, groupId);
    await chmod(path, mode);
  }
}
