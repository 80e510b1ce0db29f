/** One device at the service: one stream after the other, one session, nothing lost. */

import { setTimeout as wait } from "node:timers/promises";
import {
  type ChannelCredentials,
  type ClientDuplexStream,
  type Metadata,
  type StatusObject,
  status,
} from "@grpc/grpc-js";
import {
  type ConnectRequest,
  type ConnectResponse,
  type Draining,
  ErrorCode,
  SignalingServiceClient,
  type Welcome,
} from "../gen/signaling/v1/signaling.js";
import { Outbox, type Payload } from "./outbox.js";

const ACK_DELAY = 200; // ms; an ack waits this long for a request to ride on
const ACK_EVERY = 32; // responses; or for this many
const MIN_BACKOFF = 500; // ms; a wait is drawn from 0 to this, doubled by every failure
const MAX_BACKOFF = 30_000; // ms
const WELCOME_TIMEOUT = 20_000; // ms; seconds of it are normal where thousands come at once
const CHANNEL_OPTIONS = {
  "grpc.keepalive_time_ms": 15_000, // finds out that the network is gone
  "grpc.keepalive_timeout_ms": 5_000,
  "grpc.use_local_subchannel_pool": 1, // a new client is a new connection, to any node
};
// to come again would change nothing; ABORTED: a newer stream of this device took over
const STAY_AWAY = [
  status.ABORTED,
  status.PERMISSION_DENIED,
  status.INVALID_ARGUMENT,
  status.FAILED_PRECONDITION,
];

type Stream = ClientDuplexStream<ConnectRequest, ConnectResponse>;

export interface Options {
  address: string;
  credentials: ChannelCredentials;
  /** Who this is; asked before every stream, so that a new token is used. */
  identity: () => Metadata;
  agent: string;
  /** Every response once and in order, acks left out. */
  onResponse: (response: ConnectResponse) => void;
  /** A stream has ended, and there will be another one. */
  onDisconnected: (status: StatusObject) => void;
}

export class TurnedAwayError extends Error {
  constructor(readonly status: StatusObject) {
    super(`${nameOf(status)}: ${status.details}`);
  }
}

export function nameOf(end: StatusObject): string {
  return status[end.code] ?? String(end.code);
}

export class Client {
  readonly #options: Options;
  readonly #outbox = new Outbox();
  readonly #closed = new AbortController();
  readonly #timers = new Map<"welcome" | "ack" | "leave", NodeJS.Timeout>();
  #sessionId: string | undefined; // none: this process remembers nothing
  #processed = 0; // the highest response seq the app is done with
  #acked = 0; // the highest one acknowledged
  #stream: Stream | undefined;
  #isOpen = false; // the welcome was there: requests may be written
  #isLeaving = false;
  #failures = 0;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Send a request: once, whatever happens to the connection. */
  send(callId: string, payload: Payload): void {
    this.#outbox.add(callId, payload);
    this.#flush();
  }

  /** Leave politely: what was sent is flushed, then `run` returns. */
  close(): void {
    this.#closed.abort();
    this.#leave();
  }

  /**
   * Stay connected until `close`.
   *
   * @throws TurnedAwayError when to connect again would change nothing.
   */
  async run(): Promise<void> {
    let rejected: string | undefined; // the identity that the stream before was turned away with
    while (!this.#closed.signal.aborted) {
      const metadata = this.#options.identity();
      const identity = JSON.stringify(metadata.getMap());
      const end = await this.#connect(metadata);
      if (STAY_AWAY.includes(end.code)) throw new TurnedAwayError(end);
      if (end.code !== status.UNAUTHENTICATED) {
        rejected = undefined;
      } else if (rejected === undefined && identity !== this.#newIdentity()) {
        rejected = identity; // there is a new token by now: that one may do, once
      } else {
        throw new TurnedAwayError(end);
      }
      if (this.#closed.signal.aborted) return;
      this.#options.onDisconnected(end);
      if (!this.#isLeaving) await this.#backOff(); // a drain had its wait already
    }
  }

  #newIdentity(): string {
    return JSON.stringify(this.#options.identity().getMap());
  }

  /** One stream, from its hello to the status it ends with. */
  #connect(metadata: Metadata): Promise<StatusObject> {
    const { address, credentials, agent } = this.#options;
    const service = new SignalingServiceClient(address, credentials, CHANNEL_OPTIONS);
    const stream = service.connect(metadata);
    this.#stream = stream;
    this.#isOpen = this.#isLeaving = false;
    this.#after("welcome", WELCOME_TIMEOUT, () => stream.cancel());
    stream.on("data", (response: ConnectResponse) => {
      if (stream === this.#stream) this.#receive(stream, response);
    });
    stream.on("error", () => undefined); // the status says the same
    const hello = { sessionId: this.#sessionId, agent, labels: {} };
    this.#write({ payload: { $case: "hello", value: hello } });
    return new Promise((resolve) => {
      stream.once("status", (end) => {
        this.#stream = undefined;
        this.#isOpen = false;
        for (const timer of this.#timers.values()) clearTimeout(timer);
        this.#timers.clear();
        service.close();
        resolve(end);
      });
    });
  }

  #receive(stream: Stream, response: ConnectResponse): void {
    const { payload, seq } = response;
    if (payload?.$case === "welcome") {
      if (!this.#begin(stream, response.ack, payload.value)) return;
    } else if (payload?.$case === "draining") {
      this.#after("leave", milliseconds(payload.value.reconnectAfter), () => this.#leave());
    } else if (payload?.$case === "error" && seq === 0 && isAway(payload.value.code)) {
      this.#outbox.refuse(payload.value.inReplyTo);
      stream.cancel(); // the service cannot reach its data: come back, and send it again
      return;
    }
    this.#outbox.acknowledge(response.ack);
    if (seq !== 0 && seq <= this.#processed) return; // once more after a resume
    // a payload that is unknown here is none: it is acknowledged and ignored
    if (payload !== undefined) this.#options.onResponse(response);
    this.#owe(seq);
    this.#flush();
  }

  /** Go on where the session stands, or start anew; false if neither is possible on this stream. */
  #begin(stream: Stream, ack: number, welcome: Welcome): boolean {
    clearTimeout(this.#timers.get("welcome"));
    this.#failures = 0;
    if (welcome.resumed && this.#outbox.hasLost(ack)) {
      this.#sessionId = undefined; // it has forgotten what it had acknowledged
      this.#startAnew();
      stream.cancel();
      return false;
    }
    if (!welcome.resumed && this.#sessionId !== undefined) this.#startAnew();
    this.#sessionId = welcome.sessionId;
    this.#acked = this.#processed;
    this.#outbox.resume(ack);
    this.#isOpen = true;
    return true;
  }

  #startAnew(): void {
    this.#outbox.clear();
    this.#processed = this.#acked = 0;
  }

  /** Write what is due; every request carries an ack. */
  #flush(): void {
    if (!this.#isOpen || this.#isLeaving) return;
    for (const request of this.#outbox.take()) this.#write(request);
  }

  #write(request: Partial<ConnectRequest>): void {
    this.#acked = this.#processed;
    this.#stream?.write({ seq: 0, callId: "", ...request, ack: this.#processed });
  }

  #owe(seq: number): void {
    this.#processed = Math.max(this.#processed, seq);
    const owed = this.#processed - this.#acked;
    if (owed >= ACK_EVERY) this.#ack();
    else if (owed > 0 && !this.#timers.has("ack")) {
      this.#after("ack", ACK_DELAY, () => this.#ack());
    }
  }

  #ack(): void {
    if (this.#isOpen && !this.#isLeaving && this.#processed > this.#acked) this.#write({});
  }

  #leave(): void {
    this.#flush();
    this.#ack();
    this.#isLeaving = true;
    this.#stream?.end();
  }

  async #backOff(): Promise<void> {
    const most = Math.min(MAX_BACKOFF, MIN_BACKOFF * 2 ** this.#failures);
    this.#failures += 1;
    await wait(Math.random() * most, undefined, { signal: this.#closed.signal }).catch(
      () => undefined, // closed meanwhile
    );
  }

  #after(name: "welcome" | "ack" | "leave", delay: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      act();
    }, delay);
    this.#timers.set(name, timer);
  }
}

function isAway(code: ErrorCode): boolean {
  return code === ErrorCode.ERROR_CODE_UNAVAILABLE;
}

function milliseconds(duration: Draining["reconnectAfter"]): number {
  return duration === undefined ? 0 : duration.seconds * 1000 + duration.nanos / 1e6;
}
