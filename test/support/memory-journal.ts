import type { CallSpan } from '../../src/core/limits/sliding-window-counter.ts';
import type {
  FetchCounts,
  FetchWait,
  FetchWaits,
  Journal,
  JournalEntry,
  Presentation,
  SecretWrite,
} from '../../src/core/ports.ts';

/** A {@link Journal} that outlives the benches of killed processes. */
export class MemoryJournal implements Journal {
  readonly entries = new Map<string, JournalEntry>();
  readonly presentations = new Map<string, Presentation>();

  async write(entry: JournalEntry): Promise<void> {
    await Promise.resolve();
    this.entries.set(entry.write.secretName, entry);
  }

  async remove({ secretName, requestToken }: SecretWrite): Promise<void> {
    await Promise.resolve();
    if (this.entries.get(secretName)?.write.requestToken === requestToken) this.entries.delete(secretName);
  }

  async read(secretName: string): Promise<JournalEntry | undefined> {
    await Promise.resolve();
    return this.entries.get(secretName);
  }

  async writePresentation(presentation: Presentation): Promise<void> {
    await Promise.resolve();
    this.presentations.set(presentation.secretName, presentation);
  }

  async removePresentation(secretName: string): Promise<void> {
    await Promise.resolve();
    this.presentations.delete(secretName);
  }

  async readPresentation(secretName: string): Promise<Presentation | undefined> {
    await Promise.resolve();
    return this.presentations.get(secretName);
  }
}

/** {@link FetchWaits} that outlive the benches of killed processes. */
export class MemoryWaits implements FetchWaits {
  readonly records = new Map<string, FetchWait>();

  async write(token: string, wait: FetchWait): Promise<void> {
    await Promise.resolve();
    this.records.set(token, wait);
  }

  async remove(token: string): Promise<void> {
    await Promise.resolve();
    this.records.delete(token);
  }

  async read(token: string): Promise<FetchWait | undefined> {
    await Promise.resolve();
    return this.records.get(token);
  }
}

/** {@link FetchCounts} that outlive the benches of killed processes. */
export class MemoryCounts implements FetchCounts {
  readonly records = new Map<string, readonly CallSpan[]>();
  writes = 0;

  async write(provider: string, spans: readonly CallSpan[]): Promise<void> {
    await Promise.resolve();
    this.writes += 1;
    this.records.set(provider, spans);
  }

  async read(provider: string): Promise<readonly CallSpan[]> {
    await Promise.resolve();
    return this.records.get(provider) ?? [];
  }
}
