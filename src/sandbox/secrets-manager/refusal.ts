/** Every error that the emulator answers with, and its HTTP status. The names are those of the real service. */
const STATUS_BY_NAME = {
  AccessDeniedException: 400,
  DecryptionFailure: 400,
  EncryptionFailure: 400,
  IncompleteSignatureException: 400,
  InternalServiceError: 500,
  InvalidNextTokenException: 400,
  InvalidParameterException: 400,
  InvalidRequestException: 400,
  LimitExceededException: 400,
  MissingAuthenticationTokenException: 400,
  RequestEntityTooLargeException: 413,
  ResourceExistsException: 400,
  ResourceNotFoundException: 400,
  SerializationException: 400,
  ServiceUnavailable: 503,
  ThrottlingException: 400,
  UnknownOperationException: 400,
  ValidationException: 400,
} as const;

export type RefusalName = keyof typeof STATUS_BY_NAME;

/**
 * The service says no. Thrown anywhere inside the engine and turned into a value where the engine is left
 * (`SecretsManager.execute`), so that an operation reads as its successful path.
 *
 * The message never holds a secret value: it names fields, secrets, versions and labels only.
 */
export class Refusal extends Error {
  override readonly name: RefusalName;
  /** HTTP status of the answer. */
  readonly status: number;

  constructor(name: RefusalName, message: string) {
    super(message);
    this.name = name;
    this.status = STATUS_BY_NAME[name];
  }
}

export function refuseParameter(message: string): never {
  throw new Refusal('InvalidParameterException', message);
}
