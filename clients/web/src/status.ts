/** How a stream ends: gRPC's statuses, which the service tells as close codes of the WebSocket. */

/** The gRPC status codes that the service uses. */
export enum Status {
  OK = 0,
  UNKNOWN = 2,
  INVALID_ARGUMENT = 3,
  DEADLINE_EXCEEDED = 4,
  PERMISSION_DENIED = 7,
  RESOURCE_EXHAUSTED = 8,
  FAILED_PRECONDITION = 9,
  ABORTED = 10,
  INTERNAL = 13,
  UNAVAILABLE = 14,
  UNAUTHENTICATED = 16,
}

const CLOSE_CODES = 4000; // what is added to a status (RFC 6455 §7.4.2, private use)
const NORMAL_CLOSURE = 1000;
const MESSAGE_TOO_BIG = 1009;

/** The status that a close code means; UNAVAILABLE for whatever is not the service's word. */
export function statusOf(closeCode: number): Status {
  if (closeCode === NORMAL_CLOSURE) return Status.OK;
  if (closeCode === MESSAGE_TOO_BIG) return Status.RESOURCE_EXHAUSTED;
  const status = closeCode - CLOSE_CODES;
  return status in Status ? status : Status.UNAVAILABLE;
}
