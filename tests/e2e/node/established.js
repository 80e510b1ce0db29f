/**
 * A call that has come about: where most scenarios begin.
 *
 * @module established
 */
import { randomUUID } from "node:crypto";

import { Peer } from "./peer.js";
import { deferred, within } from "./scenario.js";

const STEP_MS = 5_000;
const CONNECT_MS = 10_000;

/**
 * Calls `callee` from `caller`, with audio and a data channel.
 *
 * @param {import("./device.js").Device} caller
 * @param {import("./device.js").Device} callee
 * @returns {Promise<[Peer, Peer]>} both sides, connected
 */
export async function connectedCall(caller, callee) {
  const ringing = deferred();
  callee.onring = ringing.resolve;
  const a = new Peer(caller, randomUUID());
  await a.call(callee.userId);
  const ring = await within(STEP_MS, "the ring", ringing.promise);
  const b = new Peer(callee, ring.callId);
  b.ring();
  await b.prepare(ring);
  b.accept();
  await within(CONNECT_MS, "connected", Promise.all([a.connected, b.connected]));
  return [a, b];
}

/**
 * Proves that a call carries audio and data, both ways.
 *
 * @param {[Peer, Peer]} peers
 */
export async function ensureTalking([a, b]) {
  await within(STEP_MS, "audio and data", Promise.all([a.talking, b.talking]));
  await within(STEP_MS, "an echo", Promise.all([a.echo("from-a"), b.echo("from-b")]));
}
