/** The few things that are read in descriptions and candidates. */

/** The ICE generation that a candidate belongs to, if it says. */
export function ufragOf({ candidate = "", usernameFragment }: RTCIceCandidateInit): string {
  return usernameFragment || (/ ufrag (\S+)/.exec(candidate)?.[1] ?? "");
}

/** The ICE generations of a description: one, unless its media are not bundled. */
export function ufragsIn(sdp: string): Set<string> {
  return new Set([...sdp.matchAll(/^a=ice-ufrag:(\S+)/gm)].map(([, ufrag]) => ufrag ?? ""));
}

/** Whose description it is: a peer connection keeps its certificate for life (RFC 8827 §6.5). */
export function fingerprintIn(sdp: string): string {
  const found = [...sdp.matchAll(/^a=fingerprint:(\S+ \S+)/gm)].map(([, one]) => one ?? "");
  return [...new Set(found)].sort().join(" ").toUpperCase();
}
