/**
 * What the service says of STUN and TURN servers, in the words of WebRTC.
 *
 * @module ice
 */

/**
 * @param {object[]} iceServers `IceServer`s
 * @param {string} [transportPolicy] a `TransportPolicy`
 * @returns {RTCConfiguration}
 */
export function configuration(iceServers, transportPolicy = "TRANSPORT_POLICY_ALL") {
  return {
    iceServers: iceServers.map((server) => {
      const { urls, username, credential } = server; // it expires: not a word of WebRTC's
      return { urls, username, credential };
    }),
    iceTransportPolicy: transportPolicy === "TRANSPORT_POLICY_RELAY" ? "relay" : "all",
  };
}
