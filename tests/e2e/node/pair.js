/**
 * What ICE has chosen, from the statistics of an RTCPeerConnection.
 *
 * @module pair
 */

/**
 * @typedef {object} Pair the candidate pair in use
 * @property {string} id
 * @property {string} ufrag the local ICE generation
 * @property {string} local `address:port`
 * @property {number} localPort
 * @property {number} remotePort
 * @property {string} localType `host`, `srflx`, `prflx` or `relay`
 * @property {string} remoteType
 * @property {number} bytesSent over this pair alone
 */

/**
 * @param {RTCPeerConnection} connection
 * @returns {Promise<Pair | undefined>} undefined while there is none
 */
export async function selectedPair(connection) {
  const stats = await connection.getStats();
  const transport = [...stats.values()].find(({ type }) => type === "transport");
  const pair = stats.get(transport?.selectedCandidatePairId);
  const local = stats.get(pair?.localCandidateId);
  const remote = stats.get(pair?.remoteCandidateId);
  if (local === undefined || remote === undefined) return undefined;
  return {
    id: pair.id,
    ufrag: transport.iceLocalUsernameFragment,
    local: `${local.address}:${local.port}`,
    localPort: local.port,
    remotePort: remote.port,
    localType: local.candidateType,
    remoteType: remote.candidateType,
    bytesSent: pair.bytesSent,
  };
}
