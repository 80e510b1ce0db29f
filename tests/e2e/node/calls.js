/**
 * One device calls another, again and again: audio and a data channel, trickled.
 *
 * @module calls
 */
import { Device } from "./device.js";
import { connectedCall, ensureTalking } from "./established.js";
import { ensure, report, run, within } from "./scenario.js";

const STEP_MS = 5_000;

/**
 * Makes one call, from the offer to the hangup.
 *
 * @returns {Promise<{ms: number, candidates: number}>} ms from the offer until both are connected
 */
async function call(caller, callee) {
  const since = performance.now();
  const [a, b] = await connectedCall(caller, callee);
  const ms = performance.now() - since;
  await ensureTalking([a, b]);
  a.hangup();
  const ends = await within(STEP_MS, "the end", Promise.all([a.ended, b.ended]));
  for (const { reason } of ends) {
    ensure(reason === "END_REASON_HANGUP", `the call ended ${reason}`);
  }
  return { ms, candidates: a.candidates + b.candidates };
}

await run(async ({ address, rounds }) => {
  const alice = new Device("alice", "phone");
  const bob = new Device("bob", "laptop");
  await within(STEP_MS, "welcome", Promise.all([alice.connect(address), bob.connect(address)]));
  for (let round = 1; round <= rounds; round += 1) {
    report("connected", { round, ...(await call(alice, bob)) });
  }
  await within(STEP_MS, "the last ack", Promise.all([alice.settled(), bob.settled()]));
  await within(STEP_MS, "a polite end", Promise.all([alice.close(), bob.close()]));
  report("done");
});
