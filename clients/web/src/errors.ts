/** What goes wrong: with a request, and for good. Everything else a client gets over by itself. */
import { ErrorCode, type RequestError } from "./gen/signaling/v1/signaling_pb.js";
import { milliseconds } from "./durations.js";
import { Status } from "./status.js";

/** The client has stopped, or a request was never sent. */
export class ClientError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** The same device has connected elsewhere: stay away, or the two throw each other out. */
export class ReplacedError extends ClientError {}

/**
 * The credentials are missing, malformed or no longer good; asked again, there were no better.
 * Sign the person in again, then begin with a new client.
 */
export class UnauthenticatedError extends ClientError {}

/** The credentials are somebody else's, or allow no device. */
export class PermissionDeniedError extends ClientError {}

/** The service does not take what this client says: one of the two is wrong. */
export class ContractError extends ClientError {}

/** The client has stopped: it sends nothing any more. */
export class ClosedError extends ClientError {}

/** The request is above the limit of the service, and was not sent. */
export class TooLargeError extends ClientError {}

/** The service has refused one request; the client goes on. */
export class RequestRefusedError extends ClientError {
  /** What kind of mistake. */
  readonly code: ErrorCode;
  /** In ms; undefined unless the service says when to try again. */
  readonly retryAfter: number | undefined;

  /**
   * @param request what was refused: "call" for a first offer, else the payload's member such as
   *   "answer"; empty if it was too long ago
   * @param error the whole of what the service says
   */
  constructor(
    readonly request: string,
    readonly error: RequestError,
  ) {
    super(`${request || "a request"} was refused: ${ErrorCode[error.code]} ${error.detail}`);
    this.code = error.code;
    this.retryAfter = error.retryAfter && milliseconds(error.retryAfter);
  }
}

const FINAL: Partial<Record<Status, new (message: string) => ClientError>> = {
  [Status.ABORTED]: ReplacedError,
  [Status.UNAUTHENTICATED]: UnauthenticatedError,
  [Status.PERMISSION_DENIED]: PermissionDeniedError,
  [Status.INVALID_ARGUMENT]: ContractError,
  [Status.FAILED_PRECONDITION]: ContractError,
};

/** The error that a stream's status means; undefined if the client is to connect again. */
export function finalError(status: Status, detail: string): ClientError | undefined {
  const Final = FINAL[status];
  return Final && new Final(`${Status[status]}: ${detail}`);
}
