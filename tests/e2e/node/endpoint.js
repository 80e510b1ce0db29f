/**
 * A device that is told what to do, and tells what happens: for scenarios in
 * which something else breaks the network between two of them.
 *
 * A line of JSON on stdin is an instruction, `{"do": "call", "to": "bob"}`; a
 * line on stdout is an event, with the seconds since 1970 in `at`.
 *
 * @module endpoint
 */
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";

import { Device } from "./device.js";
import { Peer } from "./peer.js";
import { ensure, poll, report, run, within } from "./scenario.js";

const STEP_MS = 30_000;

/** One device, and the one call it has. */
class Endpoint {
  #device;
  #peer;
  #welcome;
  #withRelays;

  constructor({ user, device }) {
    this.#device = new Device(user, device);
    this.#device.onring = (ring) => this.#answer(ring);
    this.#device.onlost = ({ code, details }) => this.tell("lost", { code, details });
    this.#device.onwelcome = (welcome) => {
      this.#welcome = welcome;
      const { resumed, iceServers } = welcome;
      this.tell("welcome", { resumed, iceServers });
    };
  }

  tell(event, fields) {
    report(event, { at: Date.now() / 1_000, ...fields });
  }

  connect(address, keepaliveMs) {
    return this.#device.connect(address, { keepaliveMs });
  }

  /** Calls somebody, or waits to be called; `relays`: with the relays of the welcome. */
  async call({ to, relays }) {
    const peer = this.#newPeer(randomUUID(), relays);
    await peer.call(to);
  }

  /** Uses the relays of the welcome from the start when a call comes. */
  async expect({ relays }) {
    this.#withRelays = relays;
  }

  async echo({ word }) {
    await this.#peer.echo(word);
    this.tell("echoed", { word });
  }

  async say({ text }) {
    this.#peer.say(text);
  }

  /** Tells the pair in use, once it is relayed or once it is not. */
  async pair({ relayed }) {
    const pair = await poll(STEP_MS, "the pair", async () => {
      const now = await this.#peer.selectedPair();
      if (now === undefined) return undefined;
      const isRelayed = [now.localType, now.remoteType].includes("relay");
      return isRelayed === relayed ? now : undefined;
    });
    this.tell("pair", pair);
  }

  async hangup() {
    this.#peer.hangup();
  }

  /** Ends the stream politely: whatever is still to come comes before. */
  async leave() {
    await within(STEP_MS, "the last ack", this.#device.settled());
    await within(STEP_MS, "a polite end", this.#device.close());
  }

  async #answer(ring) {
    const peer = this.#newPeer(ring.callId, this.#withRelays);
    peer.ring();
    await peer.prepare(ring);
    peer.accept();
  }

  #newPeer(callId, relays) {
    ensure(this.#peer === undefined, "one call is enough");
    const peer = new Peer(this.#device, callId, relays ? this.#welcome.iceServers : []);
    peer.onevent = (event, fields) => this.tell(event, fields);
    peer.talking.then(() => this.tell("talking"));
    this.#peer = peer;
    return peer;
  }
}

const ACTIONS = new Set(["call", "expect", "echo", "say", "pair", "hangup"]);

await run(async ({ address, keepaliveMs, ...who }) => {
  const endpoint = new Endpoint(who);
  await within(STEP_MS, "welcome", endpoint.connect(address, keepaliveMs));
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: action, ...particulars } = JSON.parse(line);
    ensure(ACTIONS.has(action), `there is no ${action}`);
    endpoint[action](particulars); // what it throws ends the process
  }
  await endpoint.leave(); // nothing more is typed
  report("done");
});
