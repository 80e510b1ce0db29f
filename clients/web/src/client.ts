/** A device, as an app holds it: it stays connected whatever happens to its streams. */
import { create, toBinary } from "@bufbuild/protobuf";

import type { Call, Callee, CallOptions } from "./call.js";
import { areSame, ask, Renewal, type Credentials } from "./credentials.js";
import { Emitter, type Listener } from "./emitter.js";
import {
  ClosedError,
  ContractError,
  finalError,
  TooLargeError,
  type ClientError,
} from "./errors.js";
import {
  CallRole,
  ConnectRequestSchema,
  RejectReason,
  type ConnectRequest,
  type ConnectResponse,
  type Welcome,
} from "./gen/signaling/v1/signaling_pb.js";
import type { Memory, RememberedCall } from "./memory.js";
import type { ClientEvents, ClientState } from "./news.js";
import type { ClientOptions } from "./options.js";
import { thisPage, watch } from "./page.js";
import { deferred } from "./deferred.js";
import { Session } from "./session.js";
import { Status } from "./status.js";
import { Stream, type End, type Target } from "./stream.js";
import { Switchboard } from "./switchboard.js";
import { backoff, TIMING, type Timing } from "./timing.js";
import { uuid } from "./uuid.js";

const NUMBERS_BYTES = 12; // what `seq` and `ack` add to a request at most

/**
 * One device of a user.
 *
 * `connect` connects it, and it connects again whenever the connection breaks, after a wait that
 * grows; what was sent and not acknowledged is sent again, what was heard is not heard twice.
 * It stops at `close`, or when to connect again would change nothing: `closed` says why.
 */
export class SignalingClient {
  readonly #options: ClientOptions;
  readonly #timing: Timing;
  readonly #memory: Memory | undefined;
  readonly #emitter = new Emitter<ClientEvents>();
  readonly #session: Session;
  readonly #switchboard: Switchboard;
  readonly #ready = deferred(); // the first welcome
  #remembered: readonly RememberedCall[] = []; // of the tab before it was loaded again
  #state: ClientState = "new";
  #stream: Stream | undefined;
  #renewal: Renewal | undefined;
  #denied: { credentials: Credentials; end: End } | undefined; // since the last welcome
  #round = 0; // which try it is: an answer for an older one comes too late
  #failures = 0;
  #wasWelcomed = false; // by this stream
  #isClosing = false;
  #retryAfter: number | undefined; // ms; what `interrupt` wants
  #stopWaiting = (): void => {};
  #stopWatching = (): void => {};

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#memory = options.memory;
    const remembered = this.#memory?.load();
    const isLive = remembered?.calls.some(({ isEstablished }) => isEstablished) ?? false;
    if (isLive) this.#remembered = remembered?.calls ?? [];
    this.#session = new Session(
      options.agent ?? "",
      options.labels ?? {},
      isLive ? remembered : undefined,
    );
    const client = this;
    this.#switchboard = new Switchboard(this.#session, this.#emitter, {
      send: (request) => this.#request(request),
      changed: (call) => this.#changed(call),
      get iceServers() {
        return client.iceServers;
      },
    });
  }

  /** How it stands. */
  get state(): ClientState {
    return this.#state;
  }

  /** The calls that are not over, by their id. */
  get calls(): ReadonlyMap<string, Call> {
    return this.#switchboard.calls;
  }

  /** STUN and TURN servers for a peer connection made now; none before the first welcome. */
  get iceServers(): readonly RTCIceServer[] {
    return this.#switchboard.iceServers;
  }

  /** Calls `listener` with every such event from now on; returns what stops it. */
  on<N extends keyof ClientEvents>(name: N, listener: Listener<ClientEvents[N]>): () => void {
    return this.#emitter.on(name, listener);
  }

  /** Calls `listener` with the next such event alone; returns what stops it. */
  once<N extends keyof ClientEvents>(name: N, listener: Listener<ClientEvents[N]>): () => void {
    return this.#emitter.once(name, listener);
  }

  /**
   * Connects, and goes on connecting. Resolves when the device was connected for the first time;
   * rejects with a `ClientError` when it will not be.
   */
  connect(): Promise<void> {
    if (this.#state === "new") {
      const page = this.#options.page ?? thisPage();
      if (page) this.#stopWatching = watch(page, this.#pageListener());
      this.#open();
    }
    return this.#ready.promise;
  }

  /**
   * Begins a call. It reaches the service with its offer: `PeerCall.start`, or `Call.offer`.
   *
   * @throws ClosedError
   */
  call(callee: Callee, options: CallOptions = {}): Call {
    this.#checkOpen();
    return this.#switchboard.place(options.callId ?? uuid(), callee, options);
  }

  /**
   * Renews the credentials of the stream: same user, same device. A token that the service does
   * not take is a `refused`, and the old one counts on; somebody else's ends the client.
   *
   * @throws ClosedError
   */
  refresh(accessToken: string): void {
    this.#checkOpen();
    const payload = { case: "refresh", value: { accessToken } } as const;
    this.#request(create(ConnectRequestSchema, { payload }));
  }

  /** Drops the connection, as a bad network would, and comes back after so many ms at least. */
  interrupt(retryAfter?: number): void {
    this.#retryAfter = retryAfter;
    this.#drop("interrupted");
    this.#retryAfter = undefined;
  }

  /** Hangs up, flushes and disconnects. What rings goes on ringing at the user's other devices. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    for (const call of [...this.calls.values()]) {
      if (call.role === CallRole.CALLER || call.isEstablished) call.hangup();
    }
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => this.once("closed", () => resolve()));
    if (this.#stream?.isOpen) this.#stream.leave();
    else this.#stop(undefined);
    await closed;
  }

  // staying connected

  #open(): void {
    this.#stopWaiting();
    const round = ++this.#round;
    this.#become("connecting");
    ask(this.#options.credentials).then(
      (credentials) => {
        if (round === this.#round) this.#dial(credentials);
      },
      (error: unknown) => {
        const detail = `no credentials: ${String(error)}`;
        if (round === this.#round) this.#ended({ status: Status.UNAVAILABLE, detail });
      },
    );
  }

  #dial(credentials: Credentials): void {
    if (this.#denied && areSame(this.#denied.credentials, credentials)) {
      this.#ended(this.#denied.end); // it would be the same again
      return;
    }
    this.#wasWelcomed = false;
    const target = this.#target(credentials);
    try {
      this.#stream = new Stream(this.#session, this.#timing, target, {
        hear: (response) => this.#hear(response, credentials),
        observe: (message) => this.#emitter.emit("wire", message),
        ended: (end) => {
          if (end.status === Status.UNAUTHENTICATED) this.#deny(credentials, end);
          else this.#ended(end);
        },
      });
    } catch (error) {
      this.#stop(new ContractError(`no WebSocket: ${String(error)}`)); // a URL that is none
    }
  }

  #target(credentials: Credentials): Target {
    const { url, tokenIn = "first-message", WebSocket: Given } = this.#options;
    return { url: String(url), credentials, tokenIn, WebSocket: Given ?? WebSocket };
  }

  /** Unauthenticated: ask for other credentials once, and stop when that was it. */
  #deny(credentials: Credentials, end: End): void {
    const isAnew = this.#wasWelcomed || this.#denied === undefined;
    this.#denied = { credentials, end };
    this.#ended(end, isAnew);
  }

  #ended(end: End, isForgiven = false): void {
    this.#stream = undefined;
    this.#renewal?.end();
    const error = isForgiven ? undefined : finalError(end.status, end.detail);
    if (error || this.#isClosing) {
      this.#stop(this.#isClosing ? undefined : error);
      return;
    }
    this.#failures = this.#wasWelcomed ? 1 : this.#failures + 1;
    this.#wasWelcomed = false;
    const retryAfter = end.pause ?? this.#retryAfter ?? backoff(this.#timing, this.#failures - 1);
    this.#become("waiting");
    const { status, detail } = end;
    this.#stopWaiting = this.#timing.later(retryAfter, () => this.#open());
    this.#emitter.emit("disconnected", { status, detail, retryAfter });
  }

  #hear(response: ConnectResponse, credentials: Credentials): void {
    if (response.payload.case !== "welcome") {
      this.#switchboard.hear(response);
    } else if (this.#begin(response.payload.value, response.ack)) {
      this.#denied = undefined;
      this.#renewal = new Renewal(this.#options.credentials, this.#timing, (token) =>
        this.refresh(token),
      );
      this.#renewal.begin(credentials);
    }
    if (response.seq > 0) this.#remember();
  }

  #begin(welcome: Welcome, ack: number): boolean {
    const beginning = this.#session.begin(welcome, ack);
    if (beginning === "forgotten") {
      this.#stream?.drop("the service has lost what it had stored");
      return false;
    }
    this.#wasWelcomed = true;
    this.#switchboard.begin(welcome, beginning === "anew");
    if (welcome.resumed) this.#restore();
    this.#remembered = [];
    this.#become("connected");
    this.#emitter.emit("connected", { resumed: welcome.resumed, calls: welcome.calls });
    this.#ready.resolve();
    this.#switchboard.announceBacklog();
    this.#remember();
    return true;
  }

  /** Takes up the calls of the tab before; those that cannot go on it leaves. */
  #restore(): void {
    for (const remembered of this.#remembered) {
      if (remembered.isEstablished) this.#switchboard.restore(remembered);
      else this.#abandon(remembered);
    }
  }

  #abandon({ callId, role }: RememberedCall): void {
    const hangup = { case: "hangup", value: {} } as const;
    const reject = { case: "reject", value: { reason: RejectReason.BUSY } } as const;
    const payload = role === CallRole.CALLER ? hangup : reject;
    this.#request(create(ConnectRequestSchema, { callId, payload }));
  }

  /** Lets a request get on its way. Without effect once the client is closing. */
  #request(request: ConnectRequest): void {
    if (this.#isClosing || this.#state === "closed") return;
    const size = toBinary(ConnectRequestSchema, request).length + NUMBERS_BYTES;
    const limit = this.#switchboard.messageBytes;
    if (size > limit) throw new TooLargeError(`${size} bytes, ${limit} are allowed`);
    this.#session.outbox.add(request);
    this.#stream?.wake();
    if (request.payload.case === "hangup") this.#switchboard.cancel(request.callId);
  }

  #changed(call: Call): void {
    if (call.end) this.#switchboard.drop(call);
    this.#remember();
  }

  #remember(): void {
    const { standing } = this.#session;
    if (this.#memory === undefined || standing === undefined || this.#isClosing) return;
    this.#memory.save({ ...standing, calls: this.#switchboard.remembered });
  }

  #stop(error: ClientError | undefined): void {
    this.#round += 1;
    this.#isClosing = true;
    this.#stopWaiting();
    this.#stopWatching();
    this.#renewal?.end();
    this.#memory?.clear();
    this.#become("closed");
    this.#ready.reject(error ?? new ClosedError("the client has stopped"));
    this.#switchboard.lose("closed");
    this.#emitter.emit("closed", error);
  }

  #drop(detail: string): void {
    if (this.#stream) this.#stream.drop(detail);
    else if (this.#state === "connecting") {
      this.#round += 1; // the credentials come too late
      this.#ended({ status: Status.UNAVAILABLE, detail });
    }
  }

  #become(state: ClientState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#emitter.emit("state", state);
  }

  #checkOpen(): void {
    if (this.#isClosing) throw new ClosedError("the client has stopped");
  }

  /** What the browser tells: a network that is back is used at once. */
  #pageListener() {
    const retry = (): void => {
      if (this.#state === "waiting") this.#open();
    };
    return {
      offline: () => this.#drop("the browser is offline"),
      online: retry,
      shown: retry,
      hidden: () => this.#leavePage(),
    };
  }

  /** The page goes. A tab with a memory may come back to its calls, another one cannot. */
  #leavePage(): void {
    if (this.#memory === undefined) void this.close();
    else this.#drop("the page is left");
  }
}
