import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A part of a secret that is as long as this must not show either. */
const PIECE_LENGTH = 16;

/** Looks for secrets, whole or in pieces, plain or encoded, in what a program shows. */
export class SecretSearch {
  /** Whose pieces they are, by piece. */
  readonly #pieces = new Map<string, string>();
  readonly #names = new Set<string>();

  /** Names of everything that is searched for. */
  get names(): readonly string[] {
    return [...this.#names];
  }

  /** @param name how a finding is reported, one secret a name: the secret itself must not end up in a test report */
  add(name: string, secret: string): void {
    if (this.#names.has(name)) return;
    this.#names.add(name);
    // The frame of a PEM file is no secret, and its lines may show one by one.
    const lines = secret.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('-----'));
    for (const line of lines) {
      if (line.length < PIECE_LENGTH && lines.length > 1) continue;
      for (const form of encodings(line)) this.#addPieces(name, form);
    }
  }

  /** Every credential of a sandbox, under the name of its file. @param folder the one of its configuration */
  async addCredentials(folder: string): Promise<void> {
    const entries = await readdir(join(folder, 'credentials'), { recursive: true, withFileTypes: true });
    for (const entry of entries.filter((each) => each.isFile())) {
      const path = join(entry.parentPath, entry.name);
      this.add(path.slice(folder.length), await readFile(path, 'utf8'));
    }
  }

  /** Names of the secrets of which a piece is in the text. */
  find(text: string): readonly string[] {
    const found = new Set<string>();
    for (let at = 0; at + PIECE_LENGTH <= text.length; at += 1) {
      const name = this.#pieces.get(text.slice(at, at + PIECE_LENGTH));
      if (name !== undefined) found.add(name);
    }
    return [...found];
  }

  #addPieces(name: string, form: string): void {
    if (form.length < PIECE_LENGTH) throw new Error(`${name} is too short to be searched for`);
    for (let at = 0; at + PIECE_LENGTH <= form.length; at += 1) {
      this.#pieces.set(form.slice(at, at + PIECE_LENGTH), name);
    }
  }
}

function encodings(secret: string): readonly string[] {
  const json = JSON.stringify(secret).slice(1, -1);
  const hex = Buffer.from(secret).toString('hex');
  const forms = [
    secret,
    encodeURIComponent(secret),
    new URLSearchParams({ '': secret }).toString().slice(1),
    json,
    JSON.stringify(json).slice(1, -1),
    Array.from(secret).toReversed().join(''),
    hex,
    hex.toUpperCase(),
  ];
  for (const before of ['', ' ', '  ']) {
    // In base64 a text looks different at each of three positions; its ends depend on the neighbours.
    const bytes = Buffer.from(`${before}${secret}`);
    for (const form of ['base64', 'base64url'] as const) forms.push(bytes.toString(form).slice(4, -4));
  }
  return forms;
}
