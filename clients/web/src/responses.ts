/** The wire's words in those of an app. */
import type { AppMessage, CallEnd, Description, DeviceName, Reconnect } from "./events.js";
import {
  TransportPolicy,
  type CallEnded,
  type Device,
  type IceCandidate,
  type IceServer,
  type Reconnect as ReconnectMessage,
  type SdpAnswer,
  type SdpOffer,
} from "./gen/signaling/v1/signaling_pb.js";

/** A device; nobody where there is none. */
export function deviceName(device: Device | undefined): DeviceName {
  return { userId: device?.userId ?? "", deviceId: device?.deviceId ?? "" };
}

/** What the peer has sent: a string if it is plain. */
export function descriptionOf({ description }: SdpOffer | SdpAnswer): Description {
  return description.value ?? "";
}

/** W3C's servers. */
export function iceServersOf(servers: readonly IceServer[]): RTCIceServer[] {
  return servers.map(({ urls, username, credential }) => ({
    urls: [...urls],
    ...(username && { username }),
    ...(credential && { credential }),
  }));
}

/** W3C's candidates. */
export function candidatesOf(candidates: readonly IceCandidate[]): RTCIceCandidateInit[] {
  return candidates.map(({ candidate, sdpMid, sdpMLineIndex, usernameFragment }) => ({
    candidate,
    sdpMid: sdpMid ?? null,
    sdpMLineIndex: sdpMLineIndex ?? null,
    ...(usernameFragment === undefined ? {} : { usernameFragment }),
  }));
}

/** The end of a call, as the service tells it. */
export function endOf({ reason, endedBy, text, replacedBy }: CallEnded): CallEnd {
  return {
    reason,
    ...(endedBy && { endedBy: deviceName(endedBy) }),
    ...(text !== undefined && { text }),
    ...(replacedBy !== undefined && { replacedBy }),
  };
}

/** What to do about a connection that failed. */
export function adviceOf(message: ReconnectMessage): Reconnect {
  return {
    role: message.role,
    attempt: message.attempt,
    transportPolicy: message.transportPolicy === TransportPolicy.RELAY ? "relay" : "all",
    iceServers: iceServersOf(message.iceServers),
  };
}

/** What the peer's app says. */
export function messageOf({ contentType, body }: AppMessage): AppMessage {
  return { contentType, body };
}
