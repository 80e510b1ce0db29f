/** Messages as the ladder tells them: who, to whom, what; never a description or a candidate. */
import {
  EndReason,
  ErrorCode,
  PeerConnectionState,
  ProgressKind,
  ReconnectRole,
  type ConnectRequest,
  type ConnectResponse,
} from "signaling-client";

import { deviceName } from "./naming.js";
import type { Arrow, Party, Tone } from "./ladder.js";

type Message = ConnectRequest | ConnectResponse;
type Payload = Message["payload"];

const TONES: Partial<Record<NonNullable<Payload["case"]>, Tone>> = {
  offer: "sdp",
  answer: "sdp",
  candidates: "ice",
  ringing: "ring",
  progress: "ring",
  connectionState: "good",
  reconnect: "ice",
  reject: "bad",
  hangup: "bad",
  ended: "bad",
  error: "bad",
};

/** How a message is drawn; undefined for a bare ack and other noise. */
export function tell(message: Message): Arrow | undefined {
  const label = describe(message.payload);
  if (label === undefined) return undefined;
  const tone = TONES[message.payload.case ?? "hello"] ?? "quiet";
  if (message.$typeName === "signaling.v1.ConnectRequest") {
    return { from: "me", to: "service", text: label, tone };
  }
  const from: Party = message.sender === undefined ? "service" : "peer";
  return { from, to: "me", text: label, tone };
}

function describe(payload: Payload): string | undefined {
  switch (payload.case) {
    case undefined:
      return undefined;
    case "hello":
      return payload.value.sessionId ? "hello again" : "hello";
    case "welcome":
      return payload.value.resumed ? "welcome back" : "welcome";
    case "candidates":
      return counted(payload.value.candidates.filter((one) => one.candidate !== "").length);
    case "connectionState":
      return lower(PeerConnectionState[payload.value.state]);
    case "progress":
      return progress(payload.value.kind, payload.value.device?.deviceId);
    case "reconnect":
      return `reconnect: ${lower(ReconnectRole[payload.value.role])}`;
    case "ended":
      return `ended ${EndReason[payload.value.reason] ?? ""}`;
    case "error":
      return `error ${ErrorCode[payload.value.code] ?? ""}`;
    case "appMessage":
      return "app message";
    case "iceServers":
      return "ICE servers";
    default:
      return payload.case;
  }
}

function counted(count: number): string {
  if (count === 0) return "no more candidates";
  return count === 1 ? "1 candidate" : `${count} candidates`;
}

function progress(kind: ProgressKind, deviceId: string | undefined): string {
  const isAboutAnother = deviceId !== undefined && kind !== ProgressKind.WON;
  return isAboutAnother
    ? `${ProgressKind[kind]} ${deviceName(deviceId)}`
    : (ProgressKind[kind] ?? "");
}

function lower(name: string | undefined): string {
  return (name ?? "").toLowerCase();
}
