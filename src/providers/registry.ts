/** All provider kinds: one line each. */
import { apimw } from './apimw.ts';
import { paysecurez } from './paysecurez.ts';
import { pik } from './pik.ts';
import { pivot } from './pivot.ts';
import { pivotB2b } from './pivot-b2b.ts';
import { pivotB2b2c } from './pivot-b2b2c.ts';
import type { ProviderKind } from './provider.ts';

export const KINDS = [pik, pivotB2b, pivotB2b2c, pivot, apimw, paysecurez] as const;

/** The names that `kind` may have in the configuration. */
export type KindName = (typeof KINDS)[number]['kind'];

export function findKind(name: string): ProviderKind<KindName> | undefined {
  return KINDS.find(({ kind }) => kind === name);
}
