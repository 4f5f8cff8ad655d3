/** What a call of AWS is signed with. */
export interface AwsIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** `undefined`: good until AWS says otherwise. */
  readonly expiration?: Date;
}

/**
 * The daemon's own AWS credentials could not be had, so that nothing was sent. The message continues "…: ", says where
 * they were searched and what to do, and quotes nothing; `cause`: what the SDK has thrown.
 */
export class AwsCredentialsError extends Error {
  override readonly name = 'AwsCredentialsError';
}
