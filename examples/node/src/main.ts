/**
 * A device in a terminal. A JSON line says what happens; a line that is typed is said to the other
 * side. Ctrl-D hangs up and leaves.
 */

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { ChannelCredentials, Metadata } from "@grpc/grpc-js";
import { Client, nameOf, TurnedAwayError } from "./client.js";
import { Phone } from "./phone.js";

const USAGE =
  "node build/src/main.js call USER | listen [--address HOST:PORT] [--as USER/DEVICE | --token-file FILE] [--tls-ca FILE]";
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    address: { type: "string", default: "127.0.0.1:50051" },
    as: { type: "string", default: "alice/node" },
    "token-file": { type: "string" },
    "tls-ca": { type: "string" },
  },
});

/** Who this is: whom the token names, or at our word. */
function identity(): Metadata {
  const metadata = new Metadata();
  const file = values["token-file"];
  const [user = "", device = ""] = values.as?.split("/") ?? [];
  if (file !== undefined) {
    metadata.set("authorization", `Bearer ${readFileSync(file, "utf8").trim()}`);
  } else {
    metadata.set("user-id", user);
    metadata.set("device-id", device);
  }
  return metadata;
}

function credentials(): ChannelCredentials {
  const file = values["tls-ca"];
  if (file === undefined) return ChannelCredentials.createInsecure();
  return ChannelCredentials.createSsl(readFileSync(file));
}

function tell(event: string, details: object): void {
  process.stdout.write(`${JSON.stringify({ event, ...details })}\n`);
}

async function main(command: string | undefined, user: string | undefined): Promise<number> {
  if (command === "call" ? user === undefined : command !== "listen") {
    console.error(USAGE);
    return 2;
  }
  let hasCalled = false;
  let isLeaving = false;
  const phone = new Phone({
    send: (callId, payload) => client.send(callId, payload),
    tell,
    onOver: () => {
      if (isLeaving || user !== undefined) client.close();
    },
  });
  const client = new Client({
    address: values.address ?? "",
    credentials: credentials(),
    identity,
    agent: "example-node/0.1",
    onResponse: (response) => {
      phone.receive(response);
      if (user !== undefined && !hasCalled) phone.call(user); // the first one is the welcome
      hasCalled = true;
    },
    onDisconnected: (status) => tell("disconnected", { status: nameOf(status) }),
  });
  const typed = createInterface({ input: process.stdin });
  typed.on("line", (text) => phone.say(text));
  typed.on("close", () => {
    isLeaving = true;
    if (!phone.hangUp()) client.close(); // else its end is waited for
  });
  try {
    await client.run();
    return 0;
  } catch (error) {
    if (!(error instanceof TurnedAwayError)) throw error;
    tell("turned_away", { status: nameOf(error.status) });
    return 1;
  } finally {
    typed.close();
    process.stdin.destroy();
  }
}

process.exitCode = await main(...(positionals as [string?, string?]));
