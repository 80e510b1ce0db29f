/** Two devices at the real service. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  CallRole,
  EndReason,
  ErrorCode,
  OfflinePolicy,
  PermissionDeniedError,
  RejectReason,
  ReplacedError,
  RequestRefusedError,
  TooLargeError,
  UnauthenticatedError,
  type Memory,
  type Remembered,
} from "../src/index.js";
import { device, next, serving, two } from "./service.js";
import { Issuer } from "./tokens.js";

const OFFER = "v=0\r\na=ice-ufrag:one\r\n";
const ANSWER = "v=0\r\na=ice-ufrag:two\r\n";

/** A memory that a "reloaded" client shares with the one before. */
class Shared implements Memory {
  kept: Remembered | undefined;
  load = () => this.kept;
  save = (remembered: Remembered) => void (this.kept = structuredClone(remembered));
  clear = () => void (this.kept = undefined);
}

test("a whole call: it rings, is answered, carries messages, and ends at both sides", async (t) => {
  const { alice, bob } = await two(t);

  const call = alice.call({ userId: "bob" }, { metadata: { name: "Alice" } });
  call.offer(OFFER);
  const [taken] = await next(bob, "incoming");
  assert.deepEqual(taken.metadata, { name: "Alice" });
  assert.equal(taken.description, OFFER);
  assert.deepEqual(taken.peer, { userId: "alice", deviceId: "alice-tab" });

  taken.ringing();
  assert.deepEqual(await next(call, "ringing"), [{ userId: "bob", deviceId: "bob-tab" }]);
  taken.answer(ANSWER);
  await Promise.all([next(taken, "won"), next(call, "answered")]);
  assert.equal(call.isEstablished && taken.isEstablished, true);

  call.sendMessage("text/plain", "hello?");
  const [{ contentType, body }] = await next(taken, "message");
  assert.deepEqual([contentType, new TextDecoder().decode(body)], ["text/plain", "hello?"]);
  taken.hangup("bye");
  const end = { reason: EndReason.HANGUP, endedBy: { userId: "bob", deviceId: "bob-tab" } };
  assert.deepEqual(await call.whenEnded, { ...end, text: "bye" });
  assert.deepEqual(await taken.whenEnded, { ...end, text: "bye" });
  assert.deepEqual([alice.calls.size, bob.calls.size], [0, 0]);
});

test("a peer connection hears its part of a call in order, also what came before", async (t) => {
  const { alice, bob } = await two(t);
  const call = alice.call({ userId: "bob" });
  call.offer(OFFER);
  const [taken] = await next(bob, "incoming");
  taken.answer(ANSWER);
  taken.sendCandidates([{ candidate: "candidate:1 ufrag two", sdpMid: "0" }]);
  taken.hangup();
  await call.whenEnded;

  const kinds: string[] = [];
  call.read(({ kind }) => kinds.push(kind));

  assert.deepEqual(kinds, ["answer", "candidates", "ended"]);
});

test("who says no is heard, and so is that nobody is there", async (t) => {
  const { alice, bob } = await two(t);
  bob.on("incoming", (taken) => taken.reject(RejectReason.BUSY_EVERYWHERE));

  const busy = alice.call({ userId: "bob" });
  busy.offer(OFFER);
  assert.equal((await busy.whenEnded).reason, EndReason.BUSY);

  const nobody = alice.call({ userId: "carol" }, { offlinePolicy: OfflinePolicy.FAIL });
  nobody.offer(OFFER);
  assert.equal((await nobody.whenEnded).reason, EndReason.UNAVAILABLE);

  const cancelled = alice.call({ userId: "carol" });
  cancelled.offer(OFFER);
  await next(cancelled, "waiting");
  cancelled.hangup();
  assert.equal((await cancelled.whenEnded).reason, EndReason.CANCELLED);
});

test("what is refused is a typed error with the service's code", async (t) => {
  const service = await serving(t);
  const alice = device(t, service, "alice");
  await alice.connect();

  const call = alice.call({ userId: "bob" }, { ringTimeout: 1 });
  call.offer(OFFER);

  const { cause, error } = await call.whenEnded;
  assert.equal(cause, "refused");
  assert(error instanceof RequestRefusedError);
  assert.deepEqual([error.request, error.code], ["call", ErrorCode.INVALID_MESSAGE]);
  assert.throws(() => alice.call({ userId: "bob" }).offer("x".repeat(70_000)), TooLargeError);
});

test("a connection that breaks is resumed: what was said meanwhile arrives once", async (t) => {
  const { alice, bob } = await two(t);
  const call = alice.call({ userId: "bob" });
  call.offer(OFFER);
  const [taken] = await next(bob, "incoming");
  taken.answer(ANSWER);
  await next(call, "answered");
  const heard: string[] = [];
  taken.on("message", ({ contentType }) => heard.push(contentType));

  bob.interrupt(100);
  await next(call, "away");
  for (const each of ["1", "2", "3"]) call.sendMessage(each, "");
  taken.sendMessage("from away", "");
  const [connected] = await next(bob, "connected");
  const [message] = await next(call, "message");

  assert.deepEqual(connected, { resumed: true, calls: [] });
  assert.equal(message.contentType, "from away");
  taken.hangup();
  await taken.whenEnded;
  assert.deepEqual(heard, ["1", "2", "3"]);
});

test("a call that was given up while a device was away never rings there", async (t) => {
  const { alice, bob } = await two(t);
  bob.on("incoming", () => assert.fail("it rings"));
  const drop = bob.on("wire", (message) => {
    if (message.$typeName !== "signaling.v1.ConnectResponse") return;
    if (message.payload.case !== "offer") return;
    drop();
    bob.interrupt(200); // before it is heard: it comes again
  });

  const call = alice.call({ userId: "bob" });
  call.offer(OFFER);
  await next(bob, "disconnected");
  call.hangup();
  await call.whenEnded;

  const [missed] = await next(bob, "missed");
  assert.deepEqual([missed.callId, missed.end?.reason], [call.callId, EndReason.CANCELLED]);
});

test("the same device elsewhere: the older client stops, and stays away", async (t) => {
  const service = await serving(t);
  const older = device(t, service, "alice");
  await older.connect();
  const closed = next(older, "closed");

  await device(t, service, "alice").connect();

  const [error] = await closed;
  assert(error instanceof ReplacedError);
  assert.equal(older.state, "closed");
  assert.throws(() => older.call({ userId: "bob" }));
});

test("a service that drains is left, and come back to", async (t) => {
  const service = await serving(t, { options: ["--drain-deadline", "2"] });
  const alice = device(t, service, "alice");
  await alice.connect();

  service.drain();
  await next(alice, "disconnected");

  const port = new URL(service.url).port;
  const back = next(alice, "connected");
  await serving(t, { port });
  assert.equal((await back)[0].resumed, false);
});

test("a service that has lost its memory: the calls end, and the device begins anew", async (t) => {
  const { service, alice, bob } = await two(t);
  const call = alice.call({ userId: "bob" });
  call.offer(OFFER);
  await next(bob, "incoming");

  await service.kill();
  const back = next(alice, "connected");
  await serving(t, { port: new URL(service.url).port });

  assert.equal((await back)[0].resumed, false);
  assert.deepEqual(await call.whenEnded, { reason: EndReason.UNSPECIFIED, cause: "session" });
  const another = alice.call({ userId: "carol" }, { offlinePolicy: OfflinePolicy.FAIL });
  another.offer(OFFER);
  assert.equal((await another.whenEnded).reason, EndReason.UNAVAILABLE);
});

test("a tab that is loaded again takes up the call that it was in", async (t) => {
  const service = await serving(t);
  const memory = new Shared();
  const [first, bob] = [device(t, service, "alice", { memory }), device(t, service, "bob")];
  await Promise.all([first.connect(), bob.connect()]);
  const call = first.call({ userId: "bob" });
  call.offer(OFFER);
  const [taken] = await next(bob, "incoming");
  taken.answer(ANSWER);
  await next(call, "answered");
  const { kept } = memory;
  first.interrupt(60_000); // the page is gone, and with it the client
  await next(taken, "away");

  const again = device(t, service, "alice", { memory: Object.assign(new Shared(), { kept }) });
  const back = next(taken, "back");
  const restored = next(again, "restored");
  await again.connect();

  const [same] = await restored;
  await back;
  assert.deepEqual([same.callId, same.role], [call.callId, CallRole.CALLER]);
  const offered = new Promise<void>((resolve) => {
    taken.read(({ kind }) => (kind === "offer" ? resolve() : undefined));
  });
  same.offer(OFFER);
  await offered;
  same.hangup();
  assert.equal((await taken.whenEnded).reason, EndReason.HANGUP);
});

test("a tab that was in no call, or is loaded too late, begins anew", async (t) => {
  const service = await serving(t);
  const memory = new Shared();
  await device(t, service, "alice", { memory }).connect();
  assert.deepEqual(memory.kept?.calls, []);

  const lost = { sessionId: "lost", heard: 7 };
  const established = { callId: "gone", role: CallRole.CALLER, isEstablished: true } as const;
  memory.kept = { ...lost, calls: [{ ...established, negotiation: 1 }] };
  const again = device(t, service, "alice", { memory });
  again.on("restored", () => assert.fail("there is nothing to restore"));
  const [connected] = await Promise.all([next(again, "connected"), again.connect()]);
  assert.equal(connected[0].resumed, false);
});

for (const tokenIn of ["first-message", "subprotocol"] as const) {
  test(`a token gets a device in as ${tokenIn}; after a bad one another is asked for`, async (t) => {
    const issuer = new Issuer(t);
    const service = await serving(t, { options: issuer.options });
    const seconds = [-60, 3600, -60, -61];
    const credentials = () => ({ token: issuer.token("alice", "tab", seconds.shift()) });
    const alice = device(t, service, "alice", { credentials, tokenIn });

    await alice.connect();
    assert.equal(seconds.length, 2);

    const closed = next(alice, "closed");
    alice.interrupt();
    const [error] = await closed;
    assert(error instanceof UnauthenticatedError);
    assert.deepEqual(seconds, []);
  });
}

test("a token is renewed in the stream before it expires; somebody else's ends it", async (t) => {
  const issuer = new Issuer(t);
  const service = await serving(t, { options: issuer.options });
  const soon = { token: issuer.token("alice", "tab", 60), expiresAt: Date.now() };
  const tokens = [soon, { token: issuer.token("alice", "tab", 3600) }];
  const credentials = () => tokens.shift() ?? assert.fail("asked too often");
  const alice = device(t, service, "alice", { credentials });
  alice.on("refused", (error) => assert.fail(error));
  const acked = new Promise<void>((resolve) => {
    alice.on("wire", (message) => {
      if (message.$typeName === "signaling.v1.ConnectResponse" && message.ack === 1) resolve();
    });
  });

  await alice.connect();
  await acked;

  const closed = next(alice, "closed");
  alice.refresh(issuer.token("mallory", "tab"));
  assert((await closed)[0] instanceof PermissionDeniedError);
});

test("a browser that is offline drops the connection, and comes back at once when online", async (t) => {
  const service = await serving(t);
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const timing = { minBackoff: 3_600_000, maxBackoff: 3_600_000, random: () => 1 };
  const alice = device(t, service, "alice", { timing, page: { window, document } });
  await alice.connect();

  window.dispatchEvent(new Event("offline"));
  assert.equal(alice.state, "waiting");
  const back = next(alice, "connected");
  window.dispatchEvent(new Event("online"));

  assert.equal((await back)[0].resumed, true);
});

test("a page that is closed hangs up, unless the tab has a memory", async (t) => {
  const service = await serving(t);
  const window = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const page = { window, document };
  const [alice, bob] = [device(t, service, "alice", { page }), device(t, service, "bob")];
  await Promise.all([alice.connect(), bob.connect()]);
  alice.call({ userId: "bob" }).offer(OFFER);
  const [taken] = await next(bob, "incoming");

  window.dispatchEvent(new Event("pagehide"));

  assert.equal((await taken.whenEnded).reason, EndReason.CANCELLED);
});
