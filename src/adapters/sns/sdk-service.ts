/** SNS through the AWS SDK. Imported when the first message is sent: the SDK costs memory that most never need. */
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { HttpTransport } from '../../core/http-call.ts';
import { AwsRequestHandler } from '../net/aws-request-handler.ts';
import type { SnsService } from './sns-sink.ts';

export interface SnsClientOptions {
  readonly transport: HttpTransport;
  readonly region: string;
  /** For emulators and VPC endpoints; `undefined`: AWS. */
  readonly endpoint: string | undefined;
  /** `undefined`: the SDK's own chain. */
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

/** One attempt per call: waits and retries are the queue's. */
export function createSnsService({ transport, region, endpoint, credentials }: SnsClientOptions): SnsService {
  const client = new SNSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: 1,
    requestHandler: new AwsRequestHandler(transport),
  });
  return {
    publish: async (message, abortSignal) => {
      await client.send(new PublishCommand(message), { abortSignal });
    },
    close: () => client.destroy(),
  };
}
