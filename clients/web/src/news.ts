/** What concerns the device and no single call of it. */
import type { Call } from "./call.js";
import type { ClientError, RequestRefusedError } from "./errors.js";
import type {
  CallSnapshot,
  ConnectRequest,
  ConnectResponse,
} from "./gen/signaling/v1/signaling_pb.js";
import type { Status } from "./status.js";

/** A stream has begun. */
export interface Connected {
  /**
   * Whether the session goes on. If not, its calls have ended, each with its `ended`, and what
   * the service had not acknowledged was dropped.
   */
  readonly resumed: boolean;
  /** On a fresh session what the service knows of, also calls that ended while you were away. */
  readonly calls: readonly CallSnapshot[];
}

/** A stream has ended. */
export interface Disconnected {
  readonly status: Status;
  readonly detail: string;
  /** In ms; how long the client waits until it tries again. */
  readonly retryAfter: number;
}

/** "connecting": until a welcome; "waiting": between two tries; "closed": for good. */
export type ClientState = "new" | "connecting" | "connected" | "waiting" | "closed";

/** What a client tells the app; see `SignalingClient.on`. */
export interface ClientEvents {
  state: [state: ClientState];
  connected: [connected: Connected];
  disconnected: [disconnected: Disconnected];
  /** Somebody calls: ring, then answer or reject. */
  incoming: [call: Call];
  /** Somebody had called while this device was away; `call.end` says how it ended. */
  missed: [call: Call];
  /** A call that this tab was in before it was loaded again: offer anew with a `PeerCall`. */
  restored: [call: Call];
  /** Fresh STUN and TURN servers, before the last ones expire. `PeerCall` takes them by itself. */
  iceServers: [servers: readonly RTCIceServer[]];
  /** A request about no call, such as a `refresh`, was refused. */
  refused: [error: RequestRefusedError];
  /** Nothing can come any more; without an error after `close`. */
  closed: [error: ClientError | undefined];
  /** Every message as it is written or read. It has what no log may have. */
  wire: [message: ConnectRequest | ConnectResponse];
}
