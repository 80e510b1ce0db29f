/** Two real peer connections (libwebrtc) that call each other through the real service. */
import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import wrtc from "@roamhq/wrtc";

import {
  EndReason,
  PeerCall,
  type Call,
  type Memory,
  type PeerOptions,
  type Remembered,
  type SignalingClient,
} from "../src/index.js";
import { device, next, serving, until, type Service } from "./service.js";

// libwebrtc that has carried media crashes when Node.js takes it down object by object
process.once("beforeExit", () => process.exit());

const POLL = 50; // ms; wrtc keeps an event to itself until the connection is next asked

/** One side: its call, its connection, and what came over the data channel. */
class Side {
  readonly peer: PeerCall;
  readonly texts: string[] = [];
  readonly errors: unknown[] = [];
  readonly connections: RTCPeerConnection[] = [];
  #channel: RTCDataChannel | undefined;

  constructor(
    t: TestContext,
    call: Call,
    { talks = true, ...options }: PeerOptions & { talks?: boolean },
  ) {
    const createConnection = (given: RTCConfiguration) => new wrtc.RTCPeerConnection(given);
    this.peer = new PeerCall(call, { createConnection, ...options });
    this.peer.on("error", (error) => this.errors.push(error));
    this.peer.on("connection", (connection) => {
      this.connections.push(connection);
      connection.ondatachannel = ({ channel }) => this.#adopt(channel);
      if (talks) this.#adopt(connection.createDataChannel("chat"));
    });
    const poll = setInterval(() => void this.peer.connection.connectionState, POLL);
    t.after(() => {
      clearInterval(poll);
      this.peer.close();
    });
  }

  get isConnected(): boolean {
    return this.peer.connection.connectionState === "connected";
  }

  /** Says something over the connection itself, once that is possible. */
  async say(text: string): Promise<void> {
    await until(() => this.#channel?.readyState === "open", `a channel for ${text}`);
    this.#channel?.send(text);
  }

  get ufrag(): string | undefined {
    return /a=ice-ufrag:(\S+)/.exec(this.peer.connection.localDescription?.sdp ?? "")?.[1];
  }

  #adopt(channel: RTCDataChannel): void {
    this.#channel = channel;
    channel.onmessage = ({ data }) => this.texts.push(String(data));
  }
}

interface Pair {
  readonly service: Service;
  readonly clients: [SignalingClient, SignalingClient];
  readonly caller: Side;
  readonly callee: Side;
}

/** Two devices in a call, connected. */
async function talking(t: TestContext, memory?: Memory): Promise<Pair> {
  const service = await serving(t);
  const alice = device(t, service, "alice", memory ? { memory } : {});
  const bob = device(t, service, "bob");
  await Promise.all([alice.connect(), bob.connect()]);
  const caller = new Side(t, alice.call({ userId: "bob" }), {});
  const incoming = next(bob, "incoming");
  await caller.peer.start();
  const callee = new Side(t, (await incoming)[0], { talks: false });
  await callee.peer.start();
  await until(() => caller.isConnected && callee.isConnected, "a connection");
  return { service, clients: [alice, bob], caller, callee };
}

/** What one says the other hears, both ways. */
async function hear(pair: Pick<Pair, "caller" | "callee">, text: string): Promise<void> {
  const { caller, callee } = pair;
  await Promise.all([caller.say(text), callee.say(text)]);
  await until(() => caller.texts.includes(text) && callee.texts.includes(text), text);
}

test("a call connects by trickle alone, and hanging up closes both sides", async (t) => {
  const pair = await talking(t);
  const { call } = pair.caller.peer;

  await hear(pair, "hello");

  pair.callee.peer.call.hangup();
  await call.whenEnded;
  assert.equal(pair.caller.peer.connection.signalingState, "closed");
  assert.deepEqual([pair.caller.errors, pair.callee.errors], [[], []]);
});

test("an answer is not applied before it has won: a device that is second starts no ICE", async (t) => {
  const service = await serving(t);
  const [alice, phone] = [device(t, service, "alice"), device(t, service, "bob")];
  const credentials = { userId: "bob", deviceId: "second" };
  const tablet = device(t, service, "bob", { credentials });
  await Promise.all([alice.connect(), phone.connect(), tablet.connect()]);
  const rings = [next(phone, "incoming"), next(tablet, "incoming")] as const;
  const caller = new Side(t, alice.call({ userId: "bob" }), {});
  await caller.peer.start();
  const [[first], [second]] = await Promise.all(rings);
  const [winner, loser] = [
    new Side(t, first, { talks: false }),
    new Side(t, second, { talks: false }),
  ];

  await Promise.all([winner.peer.start(), loser.peer.start()]);

  const late = await Promise.race([first.whenEnded, second.whenEnded]);
  assert.notEqual(late, undefined);
  const [one, other] = first.end ? [loser, winner] : [winner, loser];
  await until(() => one.isConnected && caller.isConnected, "the winner's connection");
  assert.equal(other.ufrag, undefined);
});

test("ICE restarts by either side move the call to a new generation", async (t) => {
  const pair = await talking(t);

  for (const side of [pair.caller, pair.callee]) {
    const before = [pair.caller.ufrag, pair.callee.ufrag];
    side.peer.restart();
    await until(
      () => pair.caller.ufrag !== before[0] && pair.callee.ufrag !== before[1],
      "new generations",
    );
    await until(() => pair.caller.isConnected && pair.callee.isConnected, "a connection");
  }

  await hear(pair, "still there");
  assert.deepEqual([pair.caller.errors, pair.callee.errors], [[], []]);
});

test("both sides restart at once: one rolls back and answers, and they talk on", async (t) => {
  const pair = await talking(t);
  const glares: number[] = [];
  for (const { peer } of [pair.caller, pair.callee]) {
    peer.call.on("refused", ({ code }) => glares.push(code));
  }

  for (let round = 1; round <= 3; round += 1) {
    const before = [pair.caller.ufrag, pair.callee.ufrag];
    pair.caller.peer.restart();
    pair.callee.peer.restart();
    await until(
      () => pair.caller.ufrag !== before[0] && pair.callee.ufrag !== before[1],
      "new generations",
    );
    await until(
      () =>
        [pair.caller, pair.callee].every(
          ({ peer, isConnected }) => isConnected && peer.connection.signalingState === "stable",
        ),
      "peace",
    );
    await hear(pair, `round ${round}`);
  }

  assert.deepEqual([pair.caller.errors, pair.callee.errors], [[], []]);
});

test("the service's advice after a failure restarts ICE", async (t) => {
  const pair = await talking(t);
  const before = pair.caller.ufrag;
  const restarted = new Promise<void>((resolve) => pair.caller.peer.on("restart", resolve));

  pair.callee.peer.call.report("failed");

  await restarted;
  await until(() => pair.caller.ufrag !== before, "a new generation");
  pair.callee.peer.call.report("connected");
  await hear(pair, "again");
});

test("a tab that is loaded again offers anew; its peer begins anew with it, and they talk", async (t) => {
  let kept: Remembered | undefined;
  const memory = { load: () => kept, save: (r: Remembered) => void (kept = r), clear: () => {} };
  const pair = await talking(t, memory);
  const remembered = structuredClone(kept);
  pair.clients[0].interrupt(3_600_000);
  pair.caller.peer.close(); // the page is gone, and all that was in it

  const again = device(t, pair.service, "alice", {
    memory: { ...memory, load: () => remembered },
  });
  const restored = next(again, "restored");
  await again.connect();
  const caller = new Side(t, (await restored)[0], {});
  await caller.peer.start();

  const replaced = { caller, callee: pair.callee };
  await until(() => pair.callee.connections.length === 2, "a connection in the place of the first");
  await until(() => caller.isConnected && pair.callee.isConnected, "a connection");
  await hear(replaced, "back");
  assert.deepEqual([caller.errors, pair.callee.errors], [[], []]);
});

test("media that come later are negotiated by themselves, from the called side too", async (t) => {
  const pair = await talking(t);
  const { connection } = pair.callee.peer;
  const heard = new Promise<string>((resolve) => {
    pair.caller.peer.on("track", ({ track }) => resolve(track.kind));
  });

  connection.addTransceiver("audio");

  assert.equal(await heard, "audio");
});

test("a description that no browser takes: the call is turned down, and start says why", async (t) => {
  const service = await serving(t);
  const [alice, bob] = [device(t, service, "alice"), device(t, service, "bob")];
  await Promise.all([alice.connect(), bob.connect()]);
  const call = alice.call({ userId: "bob", deviceId: "bob-tab" });
  call.offer("v=0\r\n");
  const callee = new Side(t, (await next(bob, "incoming"))[0], { talks: false });

  await assert.rejects(callee.peer.start());

  assert.equal((await call.whenEnded).reason, EndReason.UNSUPPORTED);
});
