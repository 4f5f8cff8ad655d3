/** What somebody who has seen one state of a view needs to see the next. */
import { renderRegions } from './page-regions.ts';
import type { StatusDocument, TokenStatus } from './status-document.ts';
import { renderTokenRow } from './token-row.ts';

/** As the page's script reads it. */
export interface ViewChange {
  readonly at: string;
  /** HTML by the `id` of its element; only what has changed. */
  readonly regions: Readonly<Record<string, string>>;
  /** Names of all tokens of the view, in order. */
  readonly order: readonly string[];
  /** Name and HTML of the rows that have changed. */
  readonly rows: readonly (readonly [token: string, html: string])[];
}

/** Remembers a view: no more than its rows and regions. */
export class SeenView {
  #regions = new Map<string, string>();
  #rows = new Map<string, string>();
  #order = '';

  /** `undefined`: nothing has changed but what time alone moves, which the page moves itself. */
  next(document: StatusDocument): ViewChange | undefined {
    const { at, view } = document;
    const regions = new Map(Object.entries(renderRegions(document)).map(([id, { text }]) => [id, text]));
    const rows = new Map(view.tokens.map((token) => [token.token, signatureOf(token, at)]));
    const order = [...rows.keys()];
    const changedRegions = [...regions].filter(([id, text]) => this.#regions.get(id) !== text);
    const changedRows = view.tokens.filter(({ token }) => this.#rows.get(token) !== rows.get(token));
    const orderText = JSON.stringify(order);
    const isSame = changedRegions.length === 0 && changedRows.length === 0 && orderText === this.#order;
    this.#regions = regions;
    this.#rows = rows;
    this.#order = orderText;
    if (isSame) return undefined;
    return {
      at,
      regions: Object.fromEntries(changedRegions),
      order,
      rows: changedRows.map((token) => [token.token, renderTokenRow(token, at).text]),
    };
  }
}

/** All that a row shows but what its bar and its words say about now. */
function signatureOf(token: TokenStatus, at: string): string {
  return JSON.stringify([{ ...token, lifeLeftSeconds: null }, at.slice(0, 10)]);
}
