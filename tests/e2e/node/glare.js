/**
 * Both sides of a call restart ICE in the same instant: one offer is refused
 * with GLARE, its side rolls back and answers the other's.
 *
 * @module glare
 */
import { Device } from "./device.js";
import { connectedCall, ensureTalking } from "./established.js";
import { ensure, report, run, within } from "./scenario.js";

const STEP_MS = 10_000;

await run(async ({ address, rounds }) => {
  const alice = new Device("alice", "phone");
  const bob = new Device("bob", "laptop");
  const devices = [alice, bob];
  await within(STEP_MS, "welcome", Promise.all(devices.map((one) => one.connect(address))));
  const peers = await connectedCall(alice, bob);
  await ensureTalking(peers);
  for (let round = 1; round <= rounds; round += 1) {
    const glares = peers.map((peer) => peer.glares);
    const settled = peers.map((peer) => peer.negotiated());
    await Promise.all(peers.map((peer) => peer.restart()));
    await within(STEP_MS, "both settled", Promise.all(settled));
    const refused = peers.filter((peer, i) => peer.glares > glares[i]);
    ensure(refused.length === 1, `${refused.length} offers were refused`);
    await within(STEP_MS, "an echo", Promise.all(peers.map((peer) => peer.echo(`${round}`))));
    report("settled", { round, rolledBack: refused[0] === peers[0] ? "caller" : "callee" });
  }
  peers[0].hangup();
  await within(STEP_MS, "the end", Promise.all(peers.map((peer) => peer.ended)));
  await within(STEP_MS, "a polite end", Promise.all(devices.map((one) => one.close())));
  report("done");
});
