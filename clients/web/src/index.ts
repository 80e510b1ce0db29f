export { Call, type Callee, type CallOptions } from "./call.js";
export { SignalingClient } from "./client.js";
export type { Credentials, CredentialSource, Identity, Token, TokenPlace } from "./credentials.js";
export type { Listener } from "./emitter.js";
export {
  ClientError,
  ClosedError,
  ContractError,
  PermissionDeniedError,
  ReplacedError,
  RequestRefusedError,
  TooLargeError,
  UnauthenticatedError,
} from "./errors.js";
export type {
  AppMessage,
  CallEnd,
  CallEvents,
  Description,
  DeviceName,
  Reconnect,
  Signal,
} from "./events.js";
export {
  CallRole,
  CallState,
  EndReason,
  ErrorCode,
  OfflinePolicy,
  PeerConnectionState,
  ProgressKind,
  ReconnectRole,
  RejectReason,
  Routing,
  type CallSnapshot,
  type ConnectRequest,
  type ConnectResponse,
} from "./gen/signaling/v1/signaling_pb.js";
export { StoredMemory, type Memory, type Remembered, type RememberedCall } from "./memory.js";
export type { ClientEvents, ClientState, Connected, Disconnected } from "./news.js";
export type { ClientOptions } from "./options.js";
export { PeerCall } from "./peer.js";
export type { PeerEvents, PeerOptions } from "./peer-options.js";
export type { Socket, SocketConstructor } from "./socket.js";
export { Status } from "./status.js";
export { claimTab, type Tab } from "./tab.js";
export type { Timing } from "./timing.js";
