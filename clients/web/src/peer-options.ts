/** What an app may set for the media of a call, and what it is told of them. */
import type { Timing } from "./timing.js";

/** What an app may set for a peer connection. */
export interface PeerOptions {
  /** What the peer shall see and hear. */
  readonly stream?: MediaStream;
  /** Besides the servers of the service; servers given here count where it has none. */
  readonly configuration?: RTCConfiguration;
  /** In the place of `new RTCPeerConnection`. */
  readonly createConnection?: (configuration: RTCConfiguration) => RTCPeerConnection;
  readonly timing?: Partial<Timing>;
}

/** What a `PeerCall` tells the app. */
export interface PeerEvents {
  /** A peer connection that is about to negotiate, the first or one that takes its place. */
  connection: [connection: RTCPeerConnection];
  /** Media of the peer. */
  track: [event: RTCTrackEvent];
  /** RTCPeerConnection.connectionState. */
  state: [state: RTCPeerConnectionState];
  /** ICE is restarted: the path was lost, or the app wants it. */
  restart: [];
  /** A step went wrong; the call goes on if it can. */
  error: [error: unknown];
  /** The call is over, and the connection is closed. */
  closed: [];
}
