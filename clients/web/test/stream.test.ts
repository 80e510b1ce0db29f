/** One stream, over a socket that the test holds the other end of, in a time of its own. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { create, fromBinary, toBinary, type MessageInitShape } from "@bufbuild/protobuf";

import {
  ConnectRequestSchema,
  ConnectResponseSchema,
  type ConnectRequest,
  type ConnectResponse,
} from "../src/gen/signaling/v1/signaling_pb.js";
import { Session } from "../src/session.js";
import type { Socket } from "../src/socket.js";
import { Status } from "../src/status.js";
import { Stream, type End } from "../src/stream.js";
import { Clock } from "./clock.js";

/** A browser's socket, without a network. */
class HeldSocket implements Socket {
  static protocols: string[] = [];
  static made: HeldSocket;
  binaryType = "";
  onopen: Socket["onopen"] = null;
  onmessage: Socket["onmessage"] = null;
  onerror: Socket["onerror"] = null;
  onclose: Socket["onclose"] = null;
  isClosed = false;
  readonly sent: ConnectRequest[] = [];

  constructor(_url: string, protocols: string[]) {
    HeldSocket.protocols = protocols;
    HeldSocket.made = this;
  }

  send(data: Uint8Array): void {
    this.sent.push(fromBinary(ConnectRequestSchema, data));
  }

  close(): void {
    this.isClosed = true;
  }
}

type Response = MessageInitShape<typeof ConnectResponseSchema>;

/** A stream at the service's side of which the test is. */
class Held {
  readonly clock = new Clock();
  readonly session = new Session("app/1", {});
  readonly heard: ConnectResponse[] = [];
  readonly ends: End[] = [];
  readonly stream: Stream;
  readonly socket: HeldSocket;

  constructor(token?: string) {
    const credentials =
      token === undefined ? { userId: "alice (home)", deviceId: "tab" } : { token };
    const target = {
      url: "ws://service/",
      credentials,
      tokenIn: "first-message",
      WebSocket: HeldSocket,
    } as const;
    this.stream = new Stream(this.session, this.clock.timing, target, {
      hear: (response) => {
        this.heard.push(response);
        const { payload, ack } = response;
        if (payload.case === "welcome") this.session.begin(payload.value, ack);
      },
      observe: () => {},
      ended: (end) => this.ends.push(end),
    });
    this.socket = HeldSocket.made;
    this.socket.onopen?.({});
  }

  say(response: Response): void {
    const bytes = toBinary(ConnectResponseSchema, create(ConnectResponseSchema, response));
    this.socket.onmessage?.({ data: bytes.buffer });
  }

  welcome(): void {
    this.say({ payload: { case: "welcome", value: { sessionId: "secret" } } });
  }

  /** What the device has sent since it was last asked. */
  sent(): ConnectRequest[] {
    return this.socket.sent.splice(0);
  }
}

function progress(seq: number): Response {
  return { seq, callId: "call", payload: { case: "progress", value: {} } };
}

test("who a device is goes among the subprotocols, percent-encoded, and the hello first", () => {
  const held = new Held();

  assert.deepEqual(HeldSocket.protocols, [
    "signaling.v1",
    "user-id.alice%20%28home%29",
    "device-id.tab",
  ]);
  const [hello] = held.sent();
  assert.deepEqual([hello?.seq, hello?.payload.case], [0, "hello"]);
});

test("a token goes ahead of the hello, in a message and not in any header", () => {
  const held = new Held("secret-token");

  assert.deepEqual(HeldSocket.protocols, ["signaling.v1"]);
  const [refresh, hello] = held.sent();
  assert(refresh?.payload.case === "refresh");
  assert.deepEqual([refresh.seq, refresh.payload.value.accessToken], [0, "secret-token"]);
  assert.equal(hello?.payload.case, "hello");
});

test("what is heard is acknowledged alone after 200 ms", () => {
  const held = new Held();
  held.welcome();
  held.sent();

  held.say(progress(1));
  held.clock.pass(199);
  assert.deepEqual(held.sent(), []);
  held.clock.pass(1);

  assert.deepEqual(held.sent(), [create(ConnectRequestSchema, { ack: 1 })]);
});

test("or after 32 messages, or on whatever is sent", () => {
  const held = new Held();
  held.welcome();
  held.sent();

  for (let seq = 1; seq <= 32; seq += 1) held.say(progress(seq));
  assert.deepEqual(held.sent(), [create(ConnectRequestSchema, { ack: 32 })]);

  held.say(progress(33));
  held.session.outbox.add(
    create(ConnectRequestSchema, { callId: "call", payload: { case: "ringing", value: {} } }),
  );
  held.stream.wake();
  const [ringing] = held.sent();
  assert.deepEqual([ringing?.seq, ringing?.ack], [1, 33]);
  held.clock.pass(1000);
  assert.deepEqual(held.sent(), []);
});

test("a message that comes twice is heard once", () => {
  const held = new Held();
  held.welcome();

  held.say(progress(1));
  held.say(progress(1));

  assert.deepEqual(
    held.heard.map(({ seq }) => seq),
    [0, 1],
  );
});

test("nothing but the hello is sent before the welcome", () => {
  const held = new Held();
  held.sent();
  held.session.outbox.add(create(ConnectRequestSchema, { payload: { case: "hangup", value: {} } }));

  held.stream.wake();
  assert.deepEqual(held.sent(), []);
  held.welcome();

  assert.deepEqual(
    held.sent().map(({ payload }) => payload.case),
    ["hangup"],
  );
});

test("without a welcome within 20 s the stream is given up", () => {
  const held = new Held();

  held.clock.pass(20_000);

  assert.deepEqual(held.ends, [{ status: Status.UNAVAILABLE, detail: "no welcome came" }]);
  assert(held.socket.isClosed);
});

test("without any word for 15 s after a request the connection only looked alive", () => {
  const held = new Held();
  held.welcome();
  held.session.outbox.add(create(ConnectRequestSchema, { payload: { case: "hangup", value: {} } }));
  held.stream.wake();

  held.clock.pass(14_999);
  assert.deepEqual(held.ends, []);
  held.clock.pass(1);

  assert.deepEqual(held.ends, [{ status: Status.UNAVAILABLE, detail: "no ack came" }]);
});

test("close codes are gRPC's statuses", () => {
  for (const [code, status] of [
    [4016, Status.UNAUTHENTICATED],
    [4010, Status.ABORTED],
    [1000, Status.OK],
    [1009, Status.RESOURCE_EXHAUSTED],
    [1006, Status.UNAVAILABLE],
    [4999, Status.UNAVAILABLE],
  ] as const) {
    const held = new Held();
    held.socket.onclose?.({ code, reason: "why" });
    assert.deepEqual(held.ends, [{ status, detail: "why" }]);
  }
});

test("a service that drains is left after the wait that it asks for, and then at once", () => {
  const held = new Held();
  held.welcome();
  held.say(progress(1));
  held.sent();
  const reconnectAfter = { seconds: 3n, nanos: 0 };
  held.say({ payload: { case: "draining", value: { reconnectAfter } } });

  held.clock.pass(2_999);
  assert.deepEqual(held.ends, []);
  held.clock.pass(1);

  assert.deepEqual(held.sent().at(-1)?.ack, 1);
  assert.deepEqual(held.ends, [{ status: Status.OK, detail: "the service drains", pause: 0 }]);
});

test("a service that ends the stream while it drains is given the rest of that wait", () => {
  const held = new Held();
  held.welcome();
  const reconnectAfter = { seconds: 3n, nanos: 0 };
  held.say({ payload: { case: "draining", value: { reconnectAfter } } });
  held.clock.pass(1_000);

  held.socket.onclose?.({ code: 4014, reason: "draining" });

  assert.equal(held.ends[0]?.pause, 2_000);
});

test("what is no message of the protocol ends the stream", () => {
  const held = new Held();

  held.socket.onmessage?.({ data: new Uint8Array([255, 255]).buffer });

  assert.equal(held.ends.length, 1);
});
