/** `node docs/reference/main.ts`: prints the configuration reference, which is kept in docs/configuration.md. */
import { configurationJsonSchema } from '../../src/config/json-schema.ts';
import { CATALOG } from '../../src/wiring/catalog.ts';
import { KINDS } from '../../src/wiring/connections.ts';
import { configurationReference } from './configuration-reference.ts';
import { EXAMPLES } from './examples.ts';

process.stdout.write(
  configurationReference({
    schema: configurationJsonSchema(CATALOG, { isInline: true }),
    kinds: KINDS,
    examples: EXAMPLES,
  }),
);
