/** Small parts by themselves. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";

import { expiry } from "../src/credentials.js";
import { Call, type CallBeginning } from "../src/call.js";
import { RequestRefusedError } from "../src/errors.js";
import {
  CallRole,
  ErrorCode,
  RequestErrorSchema,
  WelcomeSchema,
  type ConnectRequest,
} from "../src/gen/signaling/v1/signaling_pb.js";
import { fingerprintIn, ufragOf, ufragsIn } from "../src/sdp.js";
import { Session } from "../src/session.js";
import { claimTab } from "../src/tab.js";
import { backoff } from "../src/timing.js";
import { Trickle } from "../src/trickle.js";
import { Clock } from "./clock.js";

const SDP =
  "v=0\r\na=fingerprint:sha-256 AB:CD\r\na=ice-ufrag:one\r\nm=audio\r\na=ice-ufrag:one\r\n";

function line(number: number, ufrag: string) {
  return { candidate: `candidate:${number} 1 udp ufrag ${ufrag}`, sdpMid: "0", sdpMLineIndex: 0 };
}

test("waits are drawn from 0 to a bound that doubles from 0.5 s to 30 s", () => {
  const { timing } = new Clock();
  const bounds = [0, 1, 2, 3, 4, 5, 6, 7, 100].map((failures) => backoff(timing, failures));
  assert.deepEqual(bounds, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  assert.equal(backoff({ ...timing, random: () => 0 }, 5), 0);
});

test("descriptions and candidates tell their generation, and whose they are", () => {
  assert.deepEqual([...ufragsIn(SDP)], ["one"]);
  assert.equal(fingerprintIn(SDP), "SHA-256 AB:CD");
  assert.equal(ufragOf(line(1, "one")), "one");
  assert.equal(ufragOf({ candidate: "candidate:1", usernameFragment: "two" }), "two");
});

test("candidates travel together, after their description, and end-of-candidates last", () => {
  const clock = new Clock();
  const sent: (string | undefined)[][] = [];
  const trickle = new Trickle(clock.timing, (batch) =>
    sent.push(batch.map((one) => one.candidate)),
  );

  trickle.describe(SDP);
  trickle.add(line(1, "one"));
  clock.pass(1000);
  assert.deepEqual(sent, []);
  trickle.release();
  trickle.add(line(2, "one"));
  trickle.add(line(3, "old"));
  trickle.add(null);
  trickle.add(null);
  clock.pass(30);

  assert.deepEqual(sent, [[line(1, "one").candidate, line(2, "one").candidate, ""]]);
});

test("an offer that was refused because the peer's is open does not count", () => {
  const beginning = { callId: "call", role: CallRole.CALLEE, isEstablished: true, negotiation: 3 };
  const sent: ConnectRequest[] = [];
  const line = { send: (each: ConnectRequest) => sent.push(each), changed() {}, iceServers: [] };
  const call = new Call(beginning as CallBeginning, line);
  const read: string[] = [];
  call.read(({ kind }) => read.push(kind));
  const glare = create(RequestErrorSchema, { code: ErrorCode.GLARE });

  call.signal({ kind: "offer", description: SDP, negotiation: 4 });
  call.offer(SDP); // it crosses the peer's
  call.answer(SDP, 4);
  call.signal({ kind: "refused", error: new RequestRefusedError("offer", glare) });
  call.offer(SDP);
  assert.equal(call.negotiation, 5);
  call.signal({ kind: "answer", description: SDP, negotiation: 4 }); // of the past
  call.signal({ kind: "answer", description: SDP, negotiation: 5 });

  assert.deepEqual(read, ["offer", "refused", "answer"]);
  assert.deepEqual(
    sent.map(({ payload }) => payload.case),
    ["offer", "answer", "offer"],
  );
});

test("a token says itself when it expires, unless somebody else does", () => {
  const claims = Buffer.from(JSON.stringify({ exp: 1000 })).toString("base64url");
  assert.equal(expiry({ token: `x.${claims}.y` }), 1_000_000);
  assert.equal(expiry({ token: "opaque" }), undefined);
  assert.equal(expiry({ token: "opaque", expiresAt: new Date(7) }), 7);
});

test("a service that resumes a session of which it has lost something is not believed", () => {
  const session = new Session("", {});
  const welcome = (resumed: boolean) => create(WelcomeSchema, { sessionId: "secret", resumed });
  assert.equal(session.begin(welcome(false), 0), "fresh");
  assert.equal(session.begin(welcome(true), 3), "resumed");

  assert.equal(session.begin(welcome(true), 2), "forgotten");

  assert.equal(session.standing, undefined);
  assert.equal(session.begin(welcome(false), 0), "anew");
});

/** A tab's own storage, which a copied tab starts with a copy of. */
class Drawer {
  constructor(readonly kept = new Map<string, string>()) {}
  getItem = (key: string) => this.kept.get(key) ?? null;
  setItem = (key: string, value: string) => void this.kept.set(key, value);
  removeItem = (key: string) => void this.kept.delete(key);
}

/** The locks of a browser: each is one tab's until that is gone. */
class Locks {
  readonly held = new Set<string>();

  async request(name: string, _options: unknown, callback?: unknown): Promise<never> {
    if (this.held.has(name)) throw new DOMException("it is held", "AbortError");
    this.held.add(name);
    return (callback as () => Promise<never>)();
  }
}

test("a tab is the same device when it is loaded again, and a copy of it another one", async () => {
  const storage = new Drawer();
  const locks = new Locks();
  const claim = (drawer: Drawer) => claimTab({ storage: drawer, locks: locks as never });
  const first = await claim(storage);
  first.memory.save({ sessionId: "secret", heard: 1, calls: [] });
  const copied = new Drawer(new Map(storage.kept));

  const copy = await claim(copied);
  assert.deepEqual([copy.isCopy, copy.memory.load()], [true, undefined]);
  assert.notEqual(copy.deviceId, first.deviceId);

  locks.held.clear(); // both are gone
  const again = await claim(storage);
  assert.deepEqual([again.deviceId, again.isCopy], [first.deviceId, false]);
  assert.equal(again.memory.load()?.sessionId, "secret");
});
