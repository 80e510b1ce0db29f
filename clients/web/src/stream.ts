/** One WebSocket of a session, from its hello until it ends. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";

import { firstToken, subprotocols, type Credentials, type TokenPlace } from "./credentials.js";
import { milliseconds } from "./durations.js";
import {
  ConnectRequestSchema,
  ConnectResponseSchema,
  type ConnectRequest,
  type ConnectResponse,
} from "./gen/signaling/v1/signaling_pb.js";
import type { Session } from "./session.js";
import type { Socket, SocketConstructor } from "./socket.js";
import { Status, statusOf } from "./status.js";
import { spread, type Timing } from "./timing.js";

/** How a stream ended. */
export interface End {
  readonly status: Status;
  readonly detail: string;
  /** In ms; how long a service that drains wants the device to wait yet. */
  readonly pause?: number;
}

/** Where a stream leads, and who opens it. */
export interface Target {
  readonly url: string;
  readonly credentials: Credentials;
  readonly tokenIn: TokenPlace;
  readonly WebSocket: SocketConstructor;
}

/** Who is told what a stream brings. */
export interface Audience {
  /** Called with every response that was not heard before, in order. */
  hear(response: ConnectResponse): void;
  /** Called with every message as it is written or read. */
  observe(message: ConnectRequest | ConnectResponse): void;
  /** Called once, and last. */
  ended(end: End): void;
}

/** The timers of a stream, one of each kind. */
type Wait = "welcome" | "ack" | "answer" | "retry" | "drain" | "leave";

const NORMAL_CLOSURE = 1000;

/** Carries a session's requests and responses until the stream ends. */
export class Stream {
  readonly #socket: Socket;
  readonly #waits = new Map<Wait, () => void>();
  #isOpen = false; // there was a welcome
  #isOver = false;
  #isLeaving = false;
  #leaveAt: number | undefined; // a service that drains set it

  constructor(
    private readonly session: Session,
    private readonly timing: Timing,
    private readonly target: Target,
    private readonly audience: Audience,
  ) {
    const { url, credentials, tokenIn, WebSocket } = target;
    this.#socket = new WebSocket(url, subprotocols(credentials, tokenIn));
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#greet();
    this.#socket.onmessage = ({ data }: { data: unknown }) => this.#read(data);
    this.#socket.onerror = () => {}; // the close that follows says all there is
    this.#socket.onclose = ({ code, reason }: { code: number; reason: string }) =>
      this.#end(statusOf(code), reason);
    this.#wait("welcome", timing.welcomeTimeout, () => this.drop("no welcome came"));
  }

  /** Whether there was a welcome, and the end is yet to come. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#isOver;
  }

  /** Writes what the session has for the service, once there was a welcome. */
  wake(): void {
    if (!this.isOpen || this.#isLeaving) return;
    for (let next = this.session.nextRequest(); next; next = this.session.nextRequest()) {
      this.#write(next);
    }
    this.#expectAck();
  }

  /** Flushes, acknowledges, and closes: the service has got all of it when the stream ends. */
  leave(): void {
    if (this.isOpen && !this.#isLeaving) this.#flush();
    this.#isLeaving = true;
    this.#wait("leave", this.timing.leaveTimeout, () => this.#end(Status.OK, "left"));
    this.#socket.close(NORMAL_CLOSURE);
  }

  /** Ends at once, without a word: what is on its way may be lost, and is sent again. */
  drop(detail: string): void {
    this.#end(Status.UNAVAILABLE, detail);
  }

  #greet(): void {
    const { credentials, tokenIn } = this.target;
    const accessToken = firstToken(credentials, tokenIn);
    if (accessToken !== undefined) {
      const refresh = { case: "refresh", value: { accessToken } } as const;
      this.#write(create(ConnectRequestSchema, { payload: refresh }));
    }
    this.#write(this.session.hello());
  }

  #read(data: unknown): void {
    if (this.#isOver) return;
    let response: ConnectResponse;
    try {
      response = fromBinary(ConnectResponseSchema, new Uint8Array(data as ArrayBuffer));
    } catch {
      this.drop("what came is no ConnectResponse");
      return;
    }
    this.audience.observe(response);
    if (!this.#isOver) this.#receive(response); // else whoever looked on has ended it
  }

  #receive(response: ConnectResponse): void {
    const { payload } = response;
    if (payload.case === "welcome") this.#open();
    if (payload.case === "draining") this.#drain(milliseconds(payload.value.reconnectAfter));
    if (this.session.hear(response)) this.audience.hear(response);
    if (this.#isOver) return; // whoever heard it has ended it
    if (this.session.isAckDue) this.#ack();
    else if (this.session.owesAck) this.#wait("ack", this.timing.ackDelay, () => this.#ack());
    this.#stop("answer"); // the connection lives
    this.#expectAck();
    this.#goOnSending();
  }

  #open(): void {
    this.#isOpen = true;
    this.#stop("welcome");
  }

  /** Writes what a response has made free, now or when the service wants it. */
  #goOnSending(): void {
    const { outbox } = this.session;
    if (outbox.pause === undefined) {
      this.wake();
      return;
    }
    this.#wait("retry", spread(this.timing, outbox.pause), () => {
      outbox.goOn();
      this.wake();
    });
  }

  #drain(after: number): void {
    this.#leaveAt ??= this.timing.now() + after;
    this.#wait("drain", after, () => {
      this.#flush();
      this.#end(Status.OK, "the service drains");
    });
  }

  #flush(): void {
    this.session.outbox.release(); // it is the last chance
    this.wake();
    if (this.session.owesAck) this.#write(this.session.bareAck());
  }

  #ack(): void {
    this.#stop("ack");
    if (this.session.owesAck) this.#write(this.session.bareAck());
  }

  /** A browser does not say when a connection is dead: the service acks within 200 ms. */
  #expectAck(): void {
    if (!this.session.outbox.isUnanswered) return;
    this.#wait("answer", this.timing.ackTimeout, () => this.drop("no ack came"));
  }

  #write(request: ConnectRequest): void {
    this.audience.observe(request);
    this.#socket.send(toBinary(ConnectRequestSchema, request));
  }

  #end(status: Status, detail: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const stop of this.#waits.values()) stop();
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close(NORMAL_CLOSURE); // without effect where that was the end
    const leaveAt = this.#leaveAt;
    const pause = leaveAt === undefined ? {} : { pause: Math.max(leaveAt - this.timing.now(), 0) };
    this.audience.ended({ status, detail, ...pause });
  }

  /** Does something later, unless it is to be done already. */
  #wait(kind: Wait, delay: number, act: () => void): void {
    if (this.#waits.has(kind) || this.#isOver) return;
    const stop = this.timing.later(delay, () => {
      this.#waits.delete(kind);
      act();
    });
    this.#waits.set(kind, stop);
  }

  #stop(kind: Wait): void {
    this.#waits.get(kind)?.();
    this.#waits.delete(kind);
  }
}
