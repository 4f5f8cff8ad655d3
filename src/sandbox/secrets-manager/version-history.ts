/**
 * The versions of one secret and the staging labels on them.
 *
 * Guarantee: a label sits on at most one version, by construction, and `AWSPREVIOUS` follows whenever `AWSCURRENT`
 * moves. A version's value never changes once it is added.
 * Source: API reference of PutSecretValue and UpdateSecretVersionStage.
 */
import type { SecretText } from '../../core/secret-text.ts';

export const CURRENT_LABEL = 'AWSCURRENT';
const PREVIOUS_LABEL = 'AWSPREVIOUS';

/** Labels that one version can carry (service quota). */
export const MAX_LABELS_PER_VERSION = 20;

/** Versions that are kept however old they are (service quota). */
const NEWEST_KEPT = 100;

export interface SecretValue {
  readonly kind: 'text' | 'binary';
  /** The text, or the binary value as canonical base64. */
  readonly content: SecretText;
}

export interface SecretVersion {
  readonly versionId: string;
  readonly value: SecretValue;
  /** Wall time in milliseconds. */
  readonly createdAtMs: number;
  readonly kmsKeyId: string | undefined;
  /** Start of the day in which it was last read, wall time in milliseconds; the service keeps no finer record. */
  lastReadDayMs: number | undefined;
}

export class VersionHistory {
  /** In order of creation. */
  readonly #versions = new Map<string, SecretVersion>();
  readonly #versionIdByLabel = new Map<string, string>();

  get size(): number {
    return this.#versions.size;
  }

  /** Oldest first, deprecated ones (without a label) included. */
  all(): readonly SecretVersion[] {
    return [...this.#versions.values()];
  }

  find(versionId: string): SecretVersion | undefined {
    return this.#versions.get(versionId);
  }

  /** Name of the version that carries the label. */
  holderOf(label: string): string | undefined {
    return this.#versionIdByLabel.get(label);
  }

  /** Labels of a version, sorted; empty for a deprecated version. */
  labelsOf(versionId: string): readonly string[] {
    const held = [...this.#versionIdByLabel].filter(([, holder]) => holder === versionId);
    return held.map(([label]) => label).toSorted();
  }

  /** `{ versionId: labels }` of every version that is not deprecated; `undefined` when there is none. */
  labelsByVersion(): Readonly<Record<string, readonly string[]>> | undefined {
    const labelled = new Set(this.#versionIdByLabel.values());
    if (labelled.size === 0) return undefined;
    return Object.fromEntries([...labelled].map((versionId) => [versionId, this.labelsOf(versionId)]));
  }

  add(version: SecretVersion, labels: readonly string[]): void {
    this.#versions.set(version.versionId, version);
    for (const label of labels) if (label !== CURRENT_LABEL) this.move(label, version.versionId);
    // Last, because it takes AWSPREVIOUS along and must win over an explicit one.
    if (labels.includes(CURRENT_LABEL)) this.move(CURRENT_LABEL, version.versionId);
  }

  move(label: string, toVersionId: string): void {
    const fromVersionId = this.#versionIdByLabel.get(label);
    if (fromVersionId === toVersionId) return;
    this.#versionIdByLabel.set(label, toVersionId);
    if (label === CURRENT_LABEL && fromVersionId !== undefined) this.move(PREVIOUS_LABEL, fromVersionId);
  }

  detach(label: string): void {
    this.#versionIdByLabel.delete(label);
  }

  countCreatedAfter(timeMs: number): number {
    return this.all().filter((version) => version.createdAtMs > timeMs).length;
  }

  /** Drops what is not labelled, not among the 100 newest and not created after `timeMs`. */
  prune(timeMs: number): void {
    const labelled = new Set(this.#versionIdByLabel.values());
    for (const version of this.all().slice(0, -NEWEST_KEPT)) {
      if (version.createdAtMs > timeMs || labelled.has(version.versionId)) continue;
      this.#versions.delete(version.versionId);
    }
  }
}
