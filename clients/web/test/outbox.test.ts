/** What a device has for the service. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";

import { ConnectRequestSchema, type ConnectRequest } from "../src/gen/signaling/v1/signaling_pb.js";
import { Outbox } from "../src/outbox.js";

type Payload = ConnectRequest["payload"]["case"];

function request(kind: Payload, callId = "call"): ConnectRequest {
  const value = kind === "offer" ? { recipientUserId: "bob" } : {};
  return create(ConnectRequestSchema, { callId, payload: { case: kind, value } as never });
}

function outboxOf(...kinds: Payload[]): Outbox {
  const outbox = new Outbox();
  for (const kind of kinds) outbox.add(request(kind));
  return outbox;
}

/** What it would write now: numbers and payloads. */
function written(outbox: Outbox): string[] {
  const found = [];
  for (let next = outbox.next(); next; next = outbox.next()) {
    found.push(`${next.seq} ${next.payload.case}`);
  }
  return found;
}

test("requests are numbered from 1, in the app's order, and written once", () => {
  const outbox = outboxOf("offer", "candidates");

  assert.deepEqual(written(outbox), ["1 offer", "2 candidates"]);
  assert.deepEqual(written(outbox), []);
});

test("a resume sends what lies above the service's ack, and nothing else", () => {
  const outbox = outboxOf("offer", "candidates", "hangup");
  written(outbox);

  outbox.resume(1);

  assert.deepEqual(written(outbox), ["2 candidates", "3 hangup"]);
});

test("a refresh is not sent again: the new stream came with credentials of its own", () => {
  const outbox = outboxOf("refresh", "hangup");
  written(outbox);

  outbox.resume(0);

  assert.deepEqual(written(outbox), ["1 hangup"]);
});

test("what could not be stored waits, goes alone, and then the others", () => {
  const outbox = outboxOf("offer", "candidates");
  written(outbox);

  assert(outbox.refuse(1, 1000));
  outbox.acknowledge(2);
  outbox.add(request("hangup"));
  assert.deepEqual(written(outbox), []);
  outbox.goOn();
  assert.deepEqual(written(outbox), ["3 offer"]);

  assert(outbox.hasOvertaken(2)); // its call was not there
  outbox.acknowledge(3);
  assert.deepEqual(written(outbox), ["4 candidates", "5 hangup"]);
});

test("a refused request that the welcome's ack names was stored, and is not sent again", () => {
  const outbox = outboxOf("offer");
  written(outbox);
  outbox.refuse(1, 1000);

  outbox.resume(1);

  assert.deepEqual(written(outbox), []);
});

test("an offer that is held back and hung up is taken back, but not its hangup", () => {
  const outbox = outboxOf("offer");
  written(outbox);
  outbox.refuse(1, 1000);
  outbox.add(request("hangup"));

  assert(outbox.cancel("call"));

  outbox.acknowledge(1);
  outbox.goOn();
  assert.deepEqual(written(outbox), ["2 hangup"]);
});

test("about a call that is over nothing more is sent", () => {
  const outbox = outboxOf("candidates");
  outbox.add(request("candidates", "another"));

  outbox.forget("call");

  assert.deepEqual(written(outbox), ["1 candidates"]);
});

test("a refusal knows what was refused", () => {
  const outbox = outboxOf("offer", "answer");
  written(outbox);

  assert.deepEqual(
    [1, 2, 3].map((seq) => outbox.nameOf(seq)),
    ["call", "answer", ""],
  );
});
