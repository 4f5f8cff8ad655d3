/** `schema`: the JSON Schemas of the configuration, of the token document and of what a webhook is sent. */
import * as z from 'zod';
import { configurationJsonSchema } from '../config/json-schema.ts';
import { tokenDocumentSchema } from '../core/token/document.ts';
import { alertMessageSchema } from '../core/wire/alert-message.ts';
import { CATALOG } from '../wiring/catalog.ts';
import type { ExitCode, Terminal } from './terminal.ts';

export type SchemaName = 'configuration' | 'token-document' | 'alert-notification';

export function schema(name: SchemaName, terminal: Terminal): ExitCode {
  terminal.out(`${JSON.stringify(jsonSchema(name), null, 1)}\n`);
  return 0;
}

function jsonSchema(name: SchemaName): unknown {
  switch (name) {
    case 'configuration':
      return configurationJsonSchema(CATALOG);
    case 'token-document':
      return z.toJSONSchema(tokenDocumentSchema, { target: 'draft-2020-12', io: 'input' });
    case 'alert-notification':
      return z.toJSONSchema(alertMessageSchema, { target: 'draft-2020-12', io: 'input' });
  }
}
