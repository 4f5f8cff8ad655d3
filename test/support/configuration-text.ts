import type { ParsedConfiguration } from '../../src/config/load.ts';
import { parseConfiguration } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problem.ts';
import type { Pod } from '../../src/core/store-kind.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';

/** Six lines; what a test appends, indented by four, belongs to the provider and begins at line 7. */
export const PIVOT = `providers:
  - name: pivot
    kind: pivot
    credentials:
      { merchantId: { env: MERCHANT_ID }, merchantSecret: { env: MERCHANT_SECRET } }
    secret: payments/pivot
`;

/** Seven lines; continues {@link PIVOT} or begins a list after `providers:`. */
export const APIMW = `  - name: apimw
    kind: apimw
    credentials:
      apiKey: { env: API_KEY }
      apiSecret: { env: API_SECRET }
    secret: payments/apimw
`;

/** Ten lines. */
export const CUSTOMERS = `providers:
  - name: b2b2c
    kind: pivot-b2b2c
    credentials: { clientId: { env: CLIENT_ID }, privateKey: { file: key.pem } }
    secret: payments/{customer}
    customers:
      - name: ayu
        bindingId: { env: AYU }
      - name: budi
        bindingId: { env: BUDI }
`;

/** Parses a text as `app.yaml`, for all kinds. */
export function parseText(
  text: string,
  env?: Readonly<Record<string, string>>,
  pod: Pod = {},
): ParsedConfiguration {
  return parseConfiguration(text, { fileName: 'app.yaml', ...CATALOG, env, ...pod });
}

/** The problems as a user reads them; none when the configuration is good. */
export function problemsOf(parsed: ParsedConfiguration): readonly string[] {
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
}
