/** Secrets as Helm and `kubectl create` write them: Kubernetes' protobuf, as far as these need it. Source: `generated.proto` of k8s.io/api. */
import type { JsonObject } from '../../core/wire/json.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

const MAGIC = 'k8s\0';

type Fields = ReadonlyMap<number, readonly Uint8Array[]>;

/** A Secret in its envelope (`runtime.Unknown`). @throws for what is no Secret */
export function decodeSecret(body: Buffer): JsonObject {
  if (body.subarray(0, 4).toString('latin1') !== MAGIC) throw new Error('no protobuf of Kubernetes');
  const envelope = fieldsOf(body.subarray(4));
  const typeMeta = fieldsOf(first(envelope, 1));
  const kind = textOf(typeMeta, 2);
  if (kind !== 'Secret') throw new Error(`${kind} in protobuf is not known here`);
  const secret = fieldsOf(first(envelope, 2));
  const metadata = fieldsOf(first(secret, 1));
  return {
    apiVersion: textOf(typeMeta, 1),
    kind,
    metadata: {
      name: textOf(metadata, 1),
      namespace: textOf(metadata, 3),
      labels: mapOf(metadata, 11, (value) => value.toString('utf8')),
      annotations: mapOf(metadata, 12, (value) => value.toString('utf8')),
    },
    type: textOf(secret, 3),
    data: mapOf(secret, 2, (value) => value.toString('base64')),
  };
}

function mapOf(fields: Fields, field: number, read: (value: Buffer) => string): JsonObject {
  const entries = (fields.get(field) ?? []).map((bytes) => fieldsOf(bytes));
  return Object.fromEntries(entries.map((entry) => [textOf(entry, 1), read(Buffer.from(first(entry, 2)))]));
}

function textOf(fields: Fields, field: number): string {
  return Buffer.from(first(fields, field)).toString('utf8');
}

function first(fields: Fields, field: number): Uint8Array {
  return fields.get(field)?.[0] ?? new Uint8Array();
}

/** Texts, bytes and messages by field number; numbers are skipped. */
function fieldsOf(bytes: Uint8Array): Fields {
  const fields = new Map<number, Uint8Array[]>();
  let offset = 0;
  const readNumber = (): number => {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[offset] ?? 0;
      offset += 1;
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
  };
  while (offset < bytes.length) {
    const tag = readNumber();
    const wireType = tag % 8;
    if (wireType === 0) readNumber();
    else if (wireType === 2) {
      const length = readNumber();
      const field = (tag - wireType) / 8;
      fields.set(field, [...(fields.get(field) ?? []), bytes.subarray(offset, offset + length)]);
      offset += length;
    } else throw new Error(`wire type ${wireType} is not known here`);
  }
  return fields;
}
