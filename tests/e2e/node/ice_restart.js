/**
 * An ICE restart in the middle of a call, from either side: the data goes over
 * candidates of the new generation afterwards.
 *
 * @module ice_restart
 */
import { Device } from "./device.js";
import { connectedCall, ensureTalking } from "./established.js";
import { poll, report, run, within } from "./scenario.js";

const STEP_MS = 10_000;

/**
 * Resolves with the selected pairs of both peers once they are as wanted.
 *
 * It is asked again and again: libwebrtc has no event for it here, and moves
 * from pair to pair for a while before it settles.
 */
function pairsWhen(peers, what, areWanted) {
  return poll(STEP_MS, what, async () => {
    const pairs = await Promise.all(peers.map((peer) => peer.selectedPair()));
    const areThere = pairs.every((pair) => pair !== undefined);
    return areThere && areWanted(pairs) ? pairs : undefined;
  });
}

/** Whether a pair begins at a candidate that was gathered after the restart. */
function isNew(peer, { ufrag, local }, old) {
  return ufrag !== old.ufrag && peer.gathered.get(ufrag).has(local) && local !== old.local;
}

/** Whether two peers see the same pair from its two ends. */
function isSame([{ localPort, remotePort }, other]) {
  return localPort === other.remotePort && remotePort === other.localPort;
}

/** Restarts ICE from `mover`, and proves what the data goes over. */
async function restart(mover, other) {
  const peers = [mover, other];
  const old = await pairsWhen(peers, "a pair", isSame);
  const since = performance.now();
  await mover.restart();
  const haveMoved = (pairs) =>
    isSame(pairs) && peers.every((peer, i) => isNew(peer, pairs[i], old[i]));
  const pairs = await pairsWhen(peers, "a new pair", haveMoved);
  const ms = performance.now() - since;

  await within(STEP_MS, "an echo", Promise.all(peers.map((peer) => peer.echo("after"))));
  const isUsed = ({ id, bytesSent }, i) => id !== pairs[i].id || bytesSent > pairs[i].bytesSent;
  await pairsWhen(peers, "data over it", (now) => haveMoved(now) && now.every(isUsed));
  return { ms, ufrags: peers.map((_, i) => [old[i].ufrag, pairs[i].ufrag]) };
}

await run(async ({ address, rounds }) => {
  const alice = new Device("alice", "phone");
  const bob = new Device("bob", "laptop");
  await within(STEP_MS, "welcome", Promise.all([alice.connect(address), bob.connect(address)]));
  for (let round = 1; round <= rounds; round += 1) {
    // one restart a call: two within 200 ms may leave libwebrtc on a pair of the one before
    const [a, b] = await connectedCall(alice, bob);
    await ensureTalking([a, b]);
    // every second one from the side that was called
    const [by, mover, other] = round % 2 === 1 ? ["caller", a, b] : ["callee", b, a];
    report("restarted", { round, by, ...(await restart(mover, other)) });
    mover.hangup();
    await within(STEP_MS, "the end", Promise.all([a.ended, b.ended]));
  }
  await within(STEP_MS, "a polite end", Promise.all([alice.close(), bob.close()]));
  report("done");
});
