import type { Failure } from '../../src/core/failure.ts';
import type { BindingCatalog, BindingSecret } from '../../src/core/ports.ts';
import { fail, type Result, succeed } from '../../src/core/result.ts';
import type { SecretTag } from '../../src/core/token/secret-tag.ts';
import type { MemoryStore } from './memory-store.ts';

/** A {@link BindingCatalog} over secrets of a {@link MemoryStore}, with lists that can be wrong, and a call log. */
export class MemoryBindings implements BindingCatalog {
  readonly calls: string[] = [];
  /** What every list fails with, for as long as it is set. */
  listFailure: Failure | undefined;
  /** What every question about one secret fails with. */
  lossFailure: Failure | undefined;
  /** Secrets that lists leave out although they are there. */
  readonly hidden = new Set<string>();
  readonly #store: MemoryStore;
  readonly #present = new Map<string, number>();
  readonly #losses = new Map<string, string>();
  #revisions = 0;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  /** An application writes a binding, or another one in its place. The order of the first writes is that of age. */
  put(secretName: string, binding: object | string): void {
    this.#store.put(secretName, typeof binding === 'string' ? binding : JSON.stringify(binding));
    this.#losses.delete(secretName);
    if (!this.#present.has(secretName)) this.#present.set(secretName, this.#revisions);
    this.#revisions += 1;
  }

  /** The binding goes: `was deleted`, `no longer carries the tag …`. */
  lose(secretName: string, why: string = 'was deleted'): void {
    this.#present.delete(secretName);
    this.#losses.set(secretName, why);
  }

  async list(_tag: SecretTag, signal: AbortSignal): Promise<Result<readonly BindingSecret[]>> {
    this.calls.push('list');
    if (signal.aborted) return fail({ code: 'aborted', retry: 'soon', message: 'abandoned' });
    if (this.listFailure !== undefined) return fail(this.listFailure);
    const names = [...this.#present].filter(([secretName]) => !this.hidden.has(secretName));
    return succeed(
      names.map(([secretName, createdAtMs]) => {
        const version = this.#store.current(secretName)?.version;
        return { secretName, createdAtMs, version, revision: version ?? '' };
      }),
    );
  }

  async findLoss(secretName: string): Promise<Result<string | undefined>> {
    this.calls.push(`findLoss ${secretName}`);
    return this.lossFailure === undefined ? succeed(this.#losses.get(secretName)) : fail(this.lossFailure);
  }
}
