import { setTimeout as sleep } from 'node:timers/promises';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { tokenDocumentSchema } from '../../src/core/token/document.ts';
import { parseJson } from '../../src/core/wire/json.ts';
import { ReadLedger } from './read-check.ts';

const READ_EVERY_MS = 200;

/**
 * A workload of its own: reads all secrets several times a second with an AWS SDK client, past every fault that the
 * replicas meet, so that an outage does not hide from it what readers elsewhere see.
 */
export class TokenReader implements AsyncDisposable {
  readonly ledger = new ReadLedger();
  /** The access token that was read last, and the one before, by token. */
  readonly held = new Map<string, { readonly accessToken: string; readonly former: string | undefined }>();
  readonly #client: SecretsManagerClient;
  readonly #over = new AbortController();
  readonly #reading: Promise<void>;

  constructor(store: { readonly endpoint: string; readonly region: string }, tokens: readonly string[]) {
    this.#client = new SecretsManagerClient({
      ...store,
      credentials: { accessKeyId: 'a-reader', secretAccessKey: 'of-tokens' },
      // A connection that was idle while the machine stood still may be closed just when it is used again.
      maxAttempts: 3,
    });
    this.#reading = this.#readOnAndOn(tokens);
  }

  /** Ends the reading. Rejects when it ended before, because something could not be read. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#reading;
    this.#client.destroy();
  }

  async #readOnAndOn(tokens: readonly string[]): Promise<void> {
    while (!this.#over.signal.aborted) {
      await Promise.all(tokens.map((token) => this.#read(token)));
      await sleep(READ_EVERY_MS, undefined, { signal: this.#over.signal }).catch(() => undefined);
    }
  }

  async #read(token: string): Promise<void> {
    const readAtMs = Date.now();
    const command = new GetSecretValueCommand({ SecretId: `sandbox/${token}` });
    const { SecretString = '' } = await this.#client.send(command);
    const document = tokenDocumentSchema.parse(parseJson(SecretString));
    const last = this.held.get(token);
    const { access_token: accessToken } = document;
    if (last?.accessToken !== accessToken) this.held.set(token, { accessToken, former: last?.accessToken });
    this.ledger.note({
      token,
      provider: document.provider,
      generation: document.generation,
      issuedAtMs: Date.parse(document.issued_at),
      refreshAtMs: Date.parse(document.refresh_at),
      expiresAtMs: Date.parse(document.expires_at),
      readAtMs,
    });
  }
}
