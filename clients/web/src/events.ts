/** What happens in a call. The words are the protocol's. */
import type { ClientError, RequestRefusedError } from "./errors.js";
import type { EndReason, ReconnectRole } from "./gen/signaling/v1/signaling_pb.js";

/** One running app or tab of a user. */
export interface DeviceName {
  readonly userId: string;
  readonly deviceId: string;
}

/** Plain SDP, or what the apps have encrypted end to end. */
export type Description = string | Uint8Array;

/** How a call ended for this device. */
export interface CallEnd {
  /** What the service says; UNSPECIFIED where it could not say anything: then `cause` does. */
  readonly reason: EndReason;
  /**
   * Without a word of the service: "refused", `error` says why; "session", this device was away
   * for too long, or the service lost its memory; "unread", nobody read its signals, and it was
   * hung up; "closed", the client has stopped.
   */
  readonly cause?: "refused" | "session" | "unread" | "closed";
  /** The device whose act or loss ended it. */
  readonly endedBy?: DeviceName;
  /** What that device said about it. */
  readonly text?: string;
  /** The id of the call that lives instead, with `EndReason.REPLACED`. */
  readonly replacedBy?: string;
  readonly error?: ClientError;
}

/** Whatever two apps agree on. */
export interface AppMessage {
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Advice after a failed connection. */
export interface Reconnect {
  /** With `ReconnectRole.OFFER` restart ICE and offer, else wait for the peer's offer. */
  readonly role: ReconnectRole;
  /** 1, 2, 3; from 1 again after a connection. */
  readonly attempt: number;
  readonly transportPolicy: RTCIceTransportPolicy;
  readonly iceServers: RTCIceServer[];
}

/**
 * What a peer connection has to hear, in order. "won": the answer of this device is the one that
 * counts, now setLocalDescription, not before. "refused": a request of this device was.
 */
export type Signal =
  | { readonly kind: "offer"; readonly description: Description; readonly negotiation: number }
  | { readonly kind: "answer"; readonly description: Description; readonly negotiation: number }
  | { readonly kind: "candidates"; readonly candidates: RTCIceCandidateInit[] }
  | { readonly kind: "won" }
  | { readonly kind: "reconnect"; readonly advice: Reconnect }
  | { readonly kind: "refused"; readonly error: RequestRefusedError }
  | { readonly kind: "ended"; readonly end: CallEnd };

/** What a call tells the app; see `Call.on`. */
export interface CallEvents {
  /** To the caller: nobody is connected, the offer waits. */
  waiting: [];
  /** To the caller: a device rings. */
  ringing: [device: DeviceName];
  /** To the caller: a device is busy. */
  busy: [device: DeviceName];
  /** To the caller: a device cannot take such a call. */
  rejected: [device: DeviceName];
  /** To the caller: a device has answered, and is the peer now. */
  answered: [device: DeviceName];
  /** To the device that answered: its answer is the one that counts. */
  won: [];
  /** The peer has lost its stream. Media may well go on. */
  away: [device: DeviceName];
  /** The peer has its stream again. */
  back: [device: DeviceName];
  /** What the peer's RTCPeerConnection reports. */
  peerState: [state: RTCPeerConnectionState];
  /** The connection failed, and this is what to do; `PeerCall` does it. */
  reconnect: [advice: Reconnect];
  /** From the peer's app. */
  message: [message: AppMessage];
  /** A request of this device was refused; the call goes on unless `ended` follows. */
  refused: [error: RequestRefusedError];
  /** Exactly one, and the last. */
  ended: [end: CallEnd];
}
