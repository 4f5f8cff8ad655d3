/** What a call of AWS is signed with. */
export interface AwsIdentity {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** `undefined`: good until AWS says otherwise. */
  readonly expiration?: Date;
}

/** Trouble of this machine that stops the SDK, by code: neither AWS nor the way there. */
export const LOCAL_TROUBLE: ReadonlyMap<string, string> = new Map([
  [
    'EMFILE',
    'this process has too many files open: raise its limit (ulimit -n), and find out what holds them',
  ],
  ['ENFILE', 'this machine has too many files open: find out what holds them'],
  ['ERR_SYSTEM_ERROR', 'the AWS SDK finds no home folder of this user: set HOME, any folder will do'],
]);

/**
 * The daemon's own AWS credentials could not be had, so that nothing was sent. The message continues "…: ", says where
 * they were searched and what to do, and quotes nothing; `cause`: what the SDK has thrown.
 */
export class AwsCredentialsError extends Error {
  override readonly name = 'AwsCredentialsError';
}
