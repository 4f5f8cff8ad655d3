/** SNS through the AWS SDK. Imported when the first message is sent: the SDK costs memory that most never need. */
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { HttpTransport } from '../../core/wire/http-call.ts';
import { AwsCredentials, asSdkProvider, sendSigned } from '../aws-credentials/aws-credentials.ts';
import { AwsRequestHandler } from '../net/aws-request-handler.ts';
import type { SnsService } from './sns-sink.ts';

export interface SnsClientOptions {
  readonly transport: HttpTransport;
  readonly region: string;
  /** For emulators and VPC endpoints; `undefined`: AWS. */
  readonly endpoint: string | undefined;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string } | AwsCredentials;
}

/** One attempt per call: waits and retries are the queue's. */
export function createSnsService({ transport, region, endpoint, credentials }: SnsClientOptions): SnsService {
  const own = credentials instanceof AwsCredentials ? credentials : undefined;
  const client = new SNSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: credentials instanceof AwsCredentials ? asSdkProvider(credentials) : credentials,
    maxAttempts: 1,
    requestHandler: new AwsRequestHandler(transport),
  });
  return {
    publish: async (message, abortSignal) => {
      await sendSigned(own, () => client.send(new PublishCommand(message), { abortSignal }));
    },
    close: () => client.destroy(),
  };
}
