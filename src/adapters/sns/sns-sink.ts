/**
 * An Amazon SNS topic: mail, SMS, chat or a queue behind it.
 *
 * Guarantee: one publish per transition, of the summary as the subject (SNS allows 100 printable ASCII characters) and
 * the text as the message, with `status`, `severity`, `alert` and `provider` as attributes for filter policies. On a FIFO
 * topic the alert's identity is the message group, so that its messages keep their order.
 * Non-guarantee: a standard topic may deliver twice and out of order.
 */
import { ALERT_LIMIT_MS, type AlertNotification } from '../../core/alert.ts';
import { DeadlineExceeded, withDeadline } from '../../core/deadline.ts';
import type { Failure } from '../../core/failure.ts';
import { errorName } from '../../core/fault.ts';
import type { Clock } from '../../core/ports.ts';
import { fail, succeed } from '../../core/result.ts';
import { defineSink, type OpenSink } from '../../core/sink-kind.ts';
import { formatDuration } from '../../core/wire/duration.ts';
import { patternField, urlField } from '../../core/wire/field-schemas.ts';
import { formatRoughly } from '../../core/wire/time-text.ts';
import { describeAbort } from '../alert-receiver/receiver-client.ts';
import { statusOf } from '../aws-credentials/aws-error.ts';
import { AwsCredentialsError } from '../aws-credentials/aws-identity.ts';
import { createAwsCredentials } from '../aws-credentials/own-credentials.ts';

/** What the sink needs of SNS; rejects as the AWS SDK does. */
export interface SnsService {
  publish(message: SnsMessage, signal: AbortSignal): Promise<void>;
  close(): void;
}

export interface SnsMessage {
  readonly TopicArn: string;
  readonly Subject: string;
  readonly Message: string;
  readonly MessageAttributes: Readonly<
    Record<string, { readonly DataType: 'String'; readonly StringValue: string }>
  >;
  readonly MessageGroupId?: string;
  readonly MessageDeduplicationId?: string;
}

export interface SnsSinkOptions {
  readonly name: string;
  readonly topicArn: string;
  /** Opens the client, at the first message. */
  readonly open: () => Promise<SnsService>;
  readonly clock: Clock;
}

const MAX_SUBJECT = 100;

const TOPIC_ARN = /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?$/;
const TOPIC_ARN_FORM = 'the ARN of an SNS topic, arn:aws:sns:REGION:ACCOUNT:NAME';

export const SNS = defineSink({
  kind: 'sns',
  description: 'an Amazon SNS topic; needs sns:Publish',
  fields: {
    topicArn: patternField(TOPIC_ARN, TOPIC_ARN_FORM).describe('the topic; its region is taken from here'),
    endpoint: urlField().optional().describe('URL of an emulator or a VPC endpoint'),
  },
  credentials: [],
  create: ({ name, topicArn, endpoint }, { transport, clock, files, awsCredentials }) => {
    const region = topicArn.split(':')[3] ?? '';
    const open = async (): Promise<SnsService> => {
      const { createSnsService } = await import('./sdk-service.ts');
      const credentials =
        awsCredentials ??
        createAwsCredentials({ transport, region, clock, files, callLimitMs: ALERT_LIMIT_MS });
      return createSnsService({ transport, region, endpoint, credentials });
    };
    return [createSnsSink({ name, topicArn, open, clock })];
  },
});

export function createSnsSink({ name, topicArn, open, clock }: SnsSinkOptions): Required<OpenSink> {
  let opening: Promise<SnsService> | undefined;
  return {
    sink: {
      name,
      occasions: new Set(['fired', 'grew', 'reminder', 'recovered', 'test']),
      send: async (notification, signal) => {
        try {
          await withDeadline(clock, ALERT_LIMIT_MS, signal, async (limited) => {
            opening ??= open().catch((error: unknown) => {
              opening = undefined;
              throw error;
            });
            await (await opening).publish(buildSnsMessage(notification, topicArn), limited);
          });
          return succeed(undefined);
        } catch (error) {
          return fail(signal.aborted ? describeAbort(name) : describeSnsError(name, error));
        }
      },
    },
    close: async () => {
      (await opening?.catch(() => undefined))?.close();
    },
  };
}

export function buildSnsMessage(notification: AlertNotification, topicArn: string): SnsMessage {
  const { key, alert, severity, status, provider, summary, description, action, runbook, source } =
    notification;
  const isOver = status === 'resolved';
  const still =
    notification.occasion === 'reminder' ? `still, for ${formatRoughly(notification.lastedMs)}` : '';
  const attributes = { status, severity, alert, ...(provider === undefined ? {} : { provider }) };
  return {
    TopicArn: topicArn,
    Subject: toSubject(`${isOver ? 'OK' : severity.toUpperCase()}: ${summary}`),
    Message: [
      summary,
      ...(still === '' ? [] : [still]),
      ...(description === '' ? [] : [description]),
      ...(isOver ? [] : [`What to do: ${action}`, `Runbook: ${runbook}`]),
      `${source}: ${alert}`,
    ].join('\n'),
    MessageAttributes: Object.fromEntries(
      Object.entries(attributes).map(([attribute, value]) => [
        attribute,
        { DataType: 'String' as const, StringValue: value },
      ]),
    ),
    ...(topicArn.endsWith('.fifo')
      ? {
          MessageGroupId: toGroup(key),
          MessageDeduplicationId: toGroup(`${key}/${notification.occasion}/${notification.atMs}`),
        }
      : {}),
  };
}

/** SNS refuses subjects with anything but printable ASCII, and those that do not begin with a letter or digit. */
function toSubject(text: string): string {
  const ascii = text.replace(/[^\x20-\x7e]/g, '?');
  return ascii.length <= MAX_SUBJECT ? ascii : `${ascii.slice(0, MAX_SUBJECT - 3)}...`;
}

/** At most 128 characters, no spaces; our keys have none and are shorter, but for the longest of names. */
function toGroup(text: string): string {
  return text.slice(-128);
}

function describeSnsError(name: string, error: unknown): Failure {
  if (error instanceof DeadlineExceeded)
    return unavailable(`${name} gave no answer within ${formatDuration(ALERT_LIMIT_MS)}`);
  if (error instanceof AwsCredentialsError)
    return unavailable(`${name}: no AWS credentials to publish with, so nothing was sent: ${error.message}`);
  const kind = error instanceof Error ? errorName(error) : 'an unknown error';
  const status = statusOf(error);
  if (/^(?:Throttl|TooManyRequests|KMSThrottling)/.test(kind) || status === 429) {
    const message = `${name}: SNS throttled the message (${kind})`;
    return { code: 'rate-limited', retry: 'backoff', message };
  }
  if (kind.startsWith('InvalidParameter')) {
    const message = `${name}: SNS does not take this message, which is given up (${kind})`;
    return { code: 'request-rejected', retry: 'needs-human', message };
  }
  if (status !== undefined && status >= 400 && status <= 499) {
    const message = `${name}: SNS refused the message (${kind}): grant sns:Publish on the topic, and check its ARN and its key`;
    return { code: 'credentials-rejected', retry: 'needs-human', message };
  }
  return unavailable(
    `${name}: SNS could not be told (${kind}): check network policy and the daemon's AWS credentials`,
  );
}

function unavailable(message: string): Failure {
  return { code: 'provider-unavailable', retry: 'backoff', message };
}
