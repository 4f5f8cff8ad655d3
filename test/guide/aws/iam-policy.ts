/** IAM policies as far as the project's own need them: what is not understood here is refused. */
import { z } from 'zod';
import { parseJson } from '../../../src/core/wire/json.ts';

const listSchema = z.union([z.string().transform((one) => [one]), z.array(z.string())]);
const conditionSchema = z
  .strictObject({ StringEquals: z.record(z.string(), z.string()) })
  .optional()
  .transform((condition) => condition?.StringEquals ?? {});

const statementSchema = z.strictObject({
  Sid: z.string().regex(/^[A-Za-z0-9]*$/),
  Effect: z.literal('Allow'),
  Action: listSchema,
  Resource: listSchema,
  Condition: conditionSchema,
});
const policySchema = z.strictObject({
  Version: z.literal('2012-10-17'),
  Statement: z.array(statementSchema).min(1),
});
const trustSchema = z.strictObject({
  Version: z.literal('2012-10-17'),
  Statement: z.array(
    statementSchema.omit({ Resource: true }).extend({ Principal: z.strictObject({ Service: z.string() }) }),
  ),
});

/** AWS takes `*` or an ARN with partition, service, region, account and resource. */
const RESOURCE = /^(?:\*|arn:aws:[a-z-]+:[a-z0-9-]*:(?:\d{12})?:[^\s$]+)$/;
const ACTION = /^[a-z-]+:[A-Z][A-Za-z]+$/;

export type Policy = z.output<typeof policySchema>;
export type TrustPolicy = z.output<typeof trustSchema>;

/** One call that somebody wants to make. */
export interface Call {
  readonly action: string;
  readonly resource: string;
  /** Condition keys with what they are in this call, like `aws:ResourceTag/managed-by`. */
  readonly context: Readonly<Record<string, string>>;
}

/** @returns what is wrong, when something is */
export function parsePolicy(text: string): Policy | string {
  const parsed = policySchema.safeParse(parseJson(text));
  if (!parsed.success) return z.prettifyError(parsed.error);
  for (const { Action, Resource } of parsed.data.Statement) {
    const wrong =
      Action.find((action) => !ACTION.test(action)) ?? Resource.find((resource) => !RESOURCE.test(resource));
    if (wrong !== undefined) return `${wrong} is neither an action nor a resource`;
  }
  return parsed.data;
}

/** @returns what is wrong, when something is */
export function parseTrustPolicy(text: string): TrustPolicy | string {
  const parsed = trustSchema.safeParse(parseJson(text));
  if (!parsed.success) return z.prettifyError(parsed.error);
  return text.includes('${') ? 'a placeholder is left' : parsed.data;
}

export function isAllowed(policies: readonly Policy[], { action, resource, context }: Call): boolean {
  return policies
    .flatMap(({ Statement }) => Statement)
    .some(
      (statement) =>
        statement.Action.includes(action) &&
        statement.Resource.some((pattern) => matches(pattern, resource)) &&
        Object.entries(statement.Condition).every(([key, value]) => context[key] === value),
    );
}

/** Whether a service may take on the role for pods of this account. */
export function doesTrust({ Statement }: TrustPolicy, service: string, account: string): boolean {
  return ['sts:AssumeRole', 'sts:TagSession'].every((action) =>
    Statement.some(
      (statement) =>
        statement.Principal.Service === service &&
        statement.Action.includes(action) &&
        Object.entries(statement.Condition).every(
          ([key, value]) => key === 'aws:SourceAccount' && value === account,
        ),
    ),
  );
}

/** `*` is any text, `?` any character. */
function matches(pattern: string, text: string): boolean {
  const expression = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${expression}$`).test(text);
}
