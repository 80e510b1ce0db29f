/** Descriptions and candidates that look real: an app takes them from its RTCPeerConnection. */

import { randomBytes } from "node:crypto";
import type { IceCandidate } from "../gen/signaling/v1/signaling.js";

export interface Description {
  sdp: string;
  candidates: IceCandidate[];
}

/** One of a new ICE generation. */
export function describe(): Description {
  const usernameFragment = randomBytes(4).toString("hex");
  const lines = [
    "v=0",
    "o=- 1 1 IN IP4 0.0.0.0",
    "s=-",
    "t=0 0",
    `a=ice-ufrag:${usernameFragment}`,
  ];
  const at = { sdpMid: "0", sdpMLineIndex: 0, usernameFragment };
  return {
    sdp: `${lines.join("\r\n")}\r\n`,
    candidates: [
      { candidate: "candidate:1 1 udp 2122260223 192.0.2.1 9 typ host", ...at },
      { candidate: "", ...at }, // there are no more
    ],
  };
}
