/** The real service, as a process of its own. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { TestContext } from "node:test";

import { WebSocket } from "ws";

import {
  SignalingClient,
  type Call,
  type CallEvents,
  type ClientEvents,
  type ClientOptions,
  type SocketConstructor,
} from "../src/index.js";

const COMMAND = (process.env["SIGNALING_COMMAND"] ?? "signaling-service").split(" ");
const EAGER = { minBackoff: 50, maxBackoff: 50 }; // ms; a test does not wait long

/** A running service. */
export class Service {
  constructor(
    private readonly process: ChildProcess,
    /** For clients. */
    readonly url: string,
  ) {}

  /** Asks it to stop: it drains. */
  drain(): void {
    this.process.kill("SIGTERM");
  }

  /** Ends it at once. */
  kill(): Promise<void> {
    return end(this.process);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

/** Starts a service for one test, at any port unless one is given. */
export async function serving(
  t: TestContext,
  { port = "0", options = [] }: { port?: string; options?: string[] } = {},
): Promise<Service> {
  const [command = "", ...first] = COMMAND;
  const listen = ["--listen", "127.0.0.1:0", "--websocket-listen", `127.0.0.1:${port}`];
  const child = spawn(
    command,
    [...first, "serve", ...listen, "--metrics-listen", "off", ...options],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  t.after(() => end(child));
  return new Service(child, `ws://${await addressOf(child)}/`);
}

async function addressOf(child: ChildProcess): Promise<string> {
  assert(child.stderr);
  const lines = createInterface({ input: child.stderr });
  for await (const line of lines) {
    const entry = JSON.parse(line) as { event?: string; websocket_address?: string };
    if (entry.event === "serving" && entry.websocket_address) {
      child.stderr.resume(); // what follows is read, or the service would wait
      return entry.websocket_address;
    }
  }
  throw new Error("the service does not serve");
}

/** A client for one test that takes its user and device at their word. */
export function device(
  t: TestContext,
  service: Service,
  userId: string,
  options: Partial<ClientOptions> = {},
): SignalingClient {
  const client = new SignalingClient({
    url: service.url,
    credentials: { userId, deviceId: `${userId}-tab` },
    timing: EAGER,
    WebSocket: WebSocket as unknown as SocketConstructor,
    ...options,
  });
  t.after(() => client.close());
  return client;
}

/** Alice and Bob, connected to a service of their own. */
export async function two(
  t: TestContext,
): Promise<{ service: Service; alice: SignalingClient; bob: SignalingClient }> {
  const service = await serving(t);
  const [alice, bob] = [device(t, service, "alice"), device(t, service, "bob")];
  await Promise.all([alice.connect(), bob.connect()]);
  return { service, alice, bob };
}

/** A promise of the next such event: what its listener is called with. */
export function next<Name extends keyof ClientEvents>(
  source: SignalingClient,
  name: Name,
): Promise<ClientEvents[Name]>;
export function next<Name extends keyof CallEvents>(
  source: Call,
  name: Name,
): Promise<CallEvents[Name]>;
export function next(
  source: { once(name: never, listener: (...particulars: unknown[]) => void): () => void },
  name: string,
): Promise<unknown[]> {
  return new Promise((resolve) => {
    source.once(name as never, (...particulars) => resolve(particulars));
  });
}

const POLL = 20; // ms
const TIMEOUT = 20_000; // ms; for what happens at once, on a busy machine

/** Waits until something is so. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + TIMEOUT;
  while (!isSo()) {
    assert(performance.now() < deadline, `there was not ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL));
  }
}
