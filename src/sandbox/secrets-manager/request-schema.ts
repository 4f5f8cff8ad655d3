/**
 * What requests of several operations have alike. Limits are those of the service model (`secretsmanager/2017-10-17`);
 * what the service checks itself, with an error of its own, is checked in the operations. Unknown members are ignored, as
 * the service does.
 */
import { Buffer } from 'node:buffer';
import * as z from 'zod';

const MAX_VALUE_BYTES = 65_536;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const FILTER_VALUE = /^!?[a-zA-Z0-9 :_@/+=.\-!]*$/;
const FILTER_KEYS = [
  'description',
  'name',
  'tag-key',
  'tag-value',
  'primary-region',
  'owning-service',
  'all',
] as const;

export const secretId = z.string().min(1).max(2048);
export const versionId = z.string().min(32).max(64);
export const label = z.string().min(1).max(256);
export const nextToken = z.string().min(1).max(4096);
export const tags = z.array(
  z.object({ Key: z.string().min(1).max(128), Value: z.string().max(256).default('') }),
);
export const filters = z
  .array(
    z.object({
      Key: z.enum(FILTER_KEYS),
      Values: z.array(z.string().max(512).regex(FILTER_VALUE)).min(1).max(10),
    }),
  )
  .max(10);

const TOO_LONG = { error: `Member must have length less than or equal to ${MAX_VALUE_BYTES}` };
const secretString = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= MAX_VALUE_BYTES, TOO_LONG);
const secretBinary = z
  .string()
  .min(1)
  .regex(BASE64)
  .refine((base64) => Buffer.byteLength(base64, 'base64') <= MAX_VALUE_BYTES, TOO_LONG);

/** A value to store; that there is exactly one is checked by the operation. */
export const valueMembers = {
  ClientRequestToken: z.string().optional(),
  SecretString: secretString.optional(),
  SecretBinary: secretBinary.optional(),
};
export type ValueMembers = z.output<z.ZodObject<typeof valueMembers>>;

/** A request of DescribeSecret and RestoreSecret. */
export const secretIdSchema = z.object({ SecretId: secretId });

export type SecretFilter = z.output<typeof filters>[number];
export type Tags = z.output<typeof tags>;
