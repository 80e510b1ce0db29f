/**
 * One call rings three devices of a user, and two of them answer in the same
 * instant.
 *
 * @module fork
 */
import { randomUUID } from "node:crypto";

import { Device } from "./device.js";
import { ensureTalking } from "./established.js";
import { Peer } from "./peer.js";
import { deferred, ensure, report, run, within } from "./scenario.js";

const STEP_MS = 5_000;
const CONNECT_MS = 10_000;

/** @returns {Promise<object>} the response that rings this device */
function ringAt(device) {
  const ringing = deferred();
  device.onring = ringing.resolve;
  return ringing.promise;
}

/** Throws unless a device heard that `winner` answered elsewhere. */
function ensureElsewhere({ reason, endedBy }, winner) {
  ensure(reason === "END_REASON_ANSWERED_ELSEWHERE", `a device heard ${reason}`);
  ensure(endedBy.deviceId === winner.deviceId, `a device heard that ${endedBy.deviceId} won`);
}

/** @returns {Promise<{ms: number, winner: string}>} */
async function race(caller, [phone, tablet, laptop], { phoneFirst }) {
  const devices = [phone, tablet, laptop];
  const rings = devices.map(ringAt);
  const a = new Peer(caller, randomUUID());
  const since = performance.now();
  await a.call(phone.userId);
  const [toPhone, toTablet] = await within(STEP_MS, "three rings", Promise.all(rings));
  const [p, t, l] = devices.map((device) => new Peer(device, a.callId));
  [p, t, l].forEach((peer) => peer.ring());
  await Promise.all([p.prepare(toPhone), t.prepare(toTablet)]);
  for (const peer of phoneFirst ? [p, t] : [t, p]) peer.accept();

  const wins = [p.won.then(() => [p, phone, t]), t.won.then(() => [t, tablet, p])];
  const [b, winner, loser] = await within(STEP_MS, "a winner", Promise.race(wins));
  await within(CONNECT_MS, "connected", Promise.all([a.connected, b.connected]));
  const ms = performance.now() - since;
  await ensureTalking([a, b]);
  const losses = Promise.all([loser.ended, l.ended, loser.refused]);
  const [lost, unanswered, refused] = await within(STEP_MS, "the losers hear it", losses);
  for (const ended of [lost, unanswered, refused.ended]) ensureElsewhere(ended, winner);
  ensure(!loser.started && !l.started, "a device that lost started ICE");

  b.hangup();
  const ends = await within(STEP_MS, "the end", Promise.all([a.ended, b.ended]));
  for (const { reason } of ends) ensure(reason === "END_REASON_HANGUP", `it ended ${reason}`);
  return { ms, winner: winner.deviceId };
}

await run(async ({ address, rounds }) => {
  const alice = new Device("alice", "phone");
  const bobs = ["phone", "tablet", "laptop"].map((id) => new Device("bob", id));
  const everybody = [alice, ...bobs];
  await within(STEP_MS, "welcome", Promise.all(everybody.map((one) => one.connect(address))));
  for (let round = 1; round <= rounds; round += 1) {
    const outcome = await race(alice, bobs, { phoneFirst: round % 2 === 1 });
    report("connected", { round, ...outcome });
  }
  await within(STEP_MS, "the last ack", Promise.all(everybody.map((one) => one.settled())));
  await within(STEP_MS, "a polite end", Promise.all(everybody.map((one) => one.close())));
  report("done");
});
