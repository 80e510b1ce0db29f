/** A call, as an app holds it. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";

import { duration } from "./durations.js";
import { Emitter, type Listener } from "./emitter.js";
import type { RequestRefusedError } from "./errors.js";
import type { CallEnd, CallEvents, Description, DeviceName, Signal } from "./events.js";
import {
  CallRole,
  ConnectRequestSchema,
  EndReason,
  ErrorCode,
  OfflinePolicy,
  RejectReason,
  type Routing,
  type ConnectRequest,
} from "./gen/signaling/v1/signaling_pb.js";

const MAX_UNREAD = 1000; // signals of a call; whoever lets so many wait has stopped listening
const CANDIDATES_PER_MESSAGE = 32;

/** Whom to call: all devices of a user, or one. */
export interface Callee {
  readonly userId: string;
  readonly deviceId?: string;
}

/** What a caller may choose. */
export interface CallOptions {
  /** For the called app, such as a display name or "video"; at most 1 KiB. */
  readonly metadata?: Readonly<Record<string, string>>;
  /** In ms, 5,000 to 180,000. */
  readonly ringTimeout?: number;
  /** Which devices ring. */
  readonly routing?: Routing;
  /** What happens when none is connected. */
  readonly offlinePolicy?: OfflinePolicy;
  /** A UUID; one is drawn unless it is given. */
  readonly callId?: string;
}

/** What the library knows of a call when it begins. */
export interface CallBeginning {
  readonly callId: string;
  readonly role: CallRole.CALLER | CallRole.CALLEE;
  /** The caller's offer; none where this device calls. */
  readonly description?: Description;
  readonly peer?: DeviceName;
  readonly callee?: Callee;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly options?: CallOptions;
  /** Restored after the tab was loaded again: it was answered. */
  readonly isEstablished?: boolean;
  /** Its last exchange of offer and answer. */
  readonly negotiation?: number;
}

/** How a call reaches the service. */
export interface Line {
  /** @throws ClientError the request cannot be sent */
  send(request: ConnectRequest): void;
  /** For a peer connection that is made now. */
  readonly iceServers: readonly RTCIceServer[];
  /** Something has changed that is to be remembered. */
  changed(call: Call): void;
}

type Payload = NonNullable<MessageInitShape<typeof ConnectRequestSchema>["payload"]>;

/**
 * One call of this device.
 *
 * What an app does here is sent once, in order, and also after the connection broke or the
 * service could not store it. Once the call is over nothing has an effect any more.
 */
export class Call {
  /** The call's name for everyone. */
  readonly callId: string;
  /** Whether this device has called or was called. */
  readonly role: CallRole.CALLER | CallRole.CALLEE;
  /** What the caller has said beside its offer. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Resolves when the call is over. */
  readonly whenEnded: Promise<CallEnd>;

  readonly #line: Line;
  readonly #beginning: CallBeginning;
  readonly #emitter = new Emitter<CallEvents>();
  #peer: DeviceName | undefined;
  #end: CallEnd | undefined;
  #isOffered: boolean;
  #isEstablished: boolean;
  #negotiation: number; // the last exchange of offer and answer that the service has named
  #offers = 0; // of this device since then, which the service counts unless it refuses them
  #toAnswer = 1; // the peer's newest offer
  #unread: Signal[] = [];
  #reader: ((signal: Signal) => void) | undefined;
  #hold: (() => void)[] | undefined;
  #settle: (end: CallEnd) => void = () => {};

  constructor(beginning: CallBeginning, line: Line) {
    this.#beginning = beginning;
    this.#line = line;
    this.callId = beginning.callId;
    this.role = beginning.role;
    this.metadata = beginning.metadata ?? {};
    this.#peer = beginning.peer;
    this.#isEstablished = beginning.isEstablished ?? false;
    this.#negotiation = beginning.negotiation ?? (beginning.description === undefined ? 0 : 1);
    this.#isOffered = this.#isEstablished || beginning.role === CallRole.CALLEE;
    this.whenEnded = new Promise((resolve) => (this.#settle = resolve));
  }

  /** What the caller has offered; undefined where this device calls. */
  get description(): Description | undefined {
    return this.#beginning.description;
  }

  /** The caller, or the device that has answered. */
  get peer(): DeviceName | undefined {
    return this.#peer;
  }

  /** How it ended; undefined while it lives. */
  get end(): CallEnd | undefined {
    return this.#end;
  }

  /** Whether a device has answered, and it is this one or it is the peer. */
  get isEstablished(): boolean {
    return this.#isEstablished;
  }

  /** Which exchange of offer and answer is the last: 1, 2, 3 and so on. */
  get negotiation(): number {
    return this.#negotiation + this.#offers;
  }

  /** Whether its offer was sent or received. */
  get isOffered(): boolean {
    return this.#isOffered;
  }

  /** STUN and TURN servers for a peer connection that is made now. */
  get iceServers(): RTCIceServer[] {
    return [...this.#line.iceServers];
  }

  /** Calls `listener` with every such event from now on; returns what stops it. */
  on<Name extends keyof CallEvents>(name: Name, listener: Listener<CallEvents[Name]>): () => void {
    return this.#emitter.on(name, listener);
  }

  /** Calls `listener` with the next such event alone; returns what stops it. */
  once<Name extends keyof CallEvents>(
    name: Name,
    listener: Listener<CallEvents[Name]>,
  ): () => void {
    return this.#emitter.once(name, listener);
  }

  /**
   * Reads what a peer connection has to hear, in order, and what came before: one reader, which
   * is `PeerCall` unless an app brings a WebRTC stack of its own.
   */
  read(reader: (signal: Signal) => void): void {
    this.#reader = reader;
    for (const signal of this.#unread.splice(0)) reader(signal);
  }

  /**
   * Offers: the first time it calls, later it renegotiates, as on an ICE restart. Refused with
   * GLARE: roll back, answer the peer's.
   *
   * @throws ClosedError TooLargeError
   */
  offer(description: Description): void {
    const first = this.#isOffered ? {} : this.#firstOffer();
    this.#request({ case: "offer", value: { ...first, description: described(description) } });
    this.#isOffered = true;
    this.#offers += 1;
    this.#line.changed(this);
  }

  /** Says that a person can see or hear it. */
  ringing(): void {
    this.#request({ case: "ringing", value: {} });
  }

  /** Answers an offer, the newest unless it is named: on the first one wait for `won`. */
  answer(description: Description, negotiation = this.#toAnswer): void {
    this.#request({
      case: "answer",
      value: { description: described(description), negotiation },
    });
  }

  /** Does not take the call; the reason says whether other devices go on ringing. */
  reject(reason: RejectReason = RejectReason.DECLINED): void {
    this.#request({ case: "reject", value: { reason } });
  }

  /** Cancels, declines or ends the call, whichever it is. */
  hangup(text?: string): void {
    if (!this.#isOffered) {
      this.deliverEnd({ reason: EndReason.CANCELLED, ...(text === undefined ? {} : { text }) });
      return;
    }
    this.#request({ case: "hangup", value: text === undefined ? {} : { text } });
  }

  /** Sends the peer's app what the two have agreed on: a string as UTF-8, at most 4 KiB. */
  sendMessage(contentType: string, body: string | Uint8Array): void {
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    this.#request({ case: "appMessage", value: { contentType, body: bytes } });
  }

  /** Sends what was gathered within some 20 to 50 ms, in order. */
  sendCandidates(candidates: readonly RTCIceCandidateInit[]): void {
    for (let begin = 0; begin < candidates.length; begin += CANDIDATES_PER_MESSAGE) {
      const part = candidates.slice(begin, begin + CANDIDATES_PER_MESSAGE).map(candidateInit);
      this.#request({ case: "candidates", value: { candidates: part } });
    }
  }

  /** Says what RTCPeerConnection.connectionState is: the service helps when it fails. */
  report(state: RTCPeerConnectionState): void {
    const value = { state: STATES.indexOf(state) };
    this.#request({ case: "connectionState", value });
  }

  // the client's part

  /** Lets what happens wait until `open`: an app has yet to be told of the call. */
  hold(): void {
    this.#hold = [];
  }

  /** Tells what has waited. */
  open(): void {
    const waiting = this.#hold ?? [];
    this.#hold = undefined;
    for (const tell of waiting) tell();
  }

  /** Tells the app. */
  deliver<Name extends keyof CallEvents>(name: Name, ...particulars: CallEvents[Name]): void {
    if (this.#end !== undefined) return;
    const tell = (): void => this.#emitter.emit(name, ...particulars);
    if (this.#hold === undefined) tell();
    else this.#hold.push(tell);
  }

  /** Tells the peer connection. */
  signal(signal: Signal): void {
    if (this.#end !== undefined || !this.#counts(signal)) return;
    if (this.#reader !== undefined) this.#reader(signal);
    else if (this.#unread.push(signal) > MAX_UNREAD) this.#giveUp();
  }

  /** The answer that counts is this device's, or it is the peer's. */
  establish(peer: DeviceName | undefined): void {
    this.#peer = peer ?? this.#peer;
    this.#isEstablished = true;
    this.#line.changed(this);
  }

  /** Ends it: the last word of a call. */
  deliverEnd(end: CallEnd): void {
    if (this.#end !== undefined) return;
    this.signal({ kind: "ended", end });
    const tell = (): void => this.#emitter.emit("ended", end);
    this.#end = end;
    if (this.#hold === undefined) tell();
    else this.#hold.push(tell);
    this.#line.changed(this);
    this.#settle(end);
  }

  /** Keeps count as the service does; returns false for an answer to an offer of the past. */
  #counts(signal: Signal): boolean {
    if (signal.kind === "answer") {
      if (signal.negotiation < this.negotiation) return false;
      this.#negotiation = signal.negotiation;
      this.#offers = 0;
    } else if (signal.kind === "offer") {
      this.#negotiation = this.#toAnswer = signal.negotiation;
    } else if (signal.kind === "refused" && wasOffer(signal.error)) this.#offers -= 1;
    return true;
  }

  #giveUp(): void {
    this.hangup();
    this.#unread = [];
    this.deliverEnd({ reason: EndReason.UNSPECIFIED, cause: "unread" });
  }

  #firstOffer() {
    const { callee, options } = this.#beginning;
    if (callee === undefined) throw new Error("only a caller has a first offer to make");
    return {
      recipientUserId: callee.userId,
      ...(callee.deviceId === undefined ? {} : { recipientDeviceId: callee.deviceId }),
      ...(options?.metadata && { metadata: options.metadata }),
      ...(options?.routing && { routing: options.routing }),
      ...(options?.offlinePolicy && { offlinePolicy: options.offlinePolicy }),
      ...(options?.ringTimeout && { ringTimeout: duration(options.ringTimeout) }),
    };
  }

  #request(payload: Payload): void {
    if (this.#end !== undefined) return;
    this.#line.send(create(ConnectRequestSchema, { callId: this.callId, payload }));
  }
}

/** W3C's words at the places of the wire's values. */
export const STATES: readonly (RTCPeerConnectionState | "")[] = [
  "",
  "new",
  "connecting",
  "connected",
  "disconnected",
  "failed",
  "closed",
];

/** Also one that this tab has sent before it was loaded again. */
function wasOffer({ request, code }: RequestRefusedError): boolean {
  return request === "offer" || code === ErrorCode.GLARE;
}

function described(description: Description) {
  return typeof description === "string"
    ? ({ case: "sdp", value: description } as const)
    : ({ case: "sealed", value: description } as const);
}

function candidateInit(init: RTCIceCandidateInit) {
  const { candidate = "", sdpMid, sdpMLineIndex, usernameFragment } = init;
  return {
    candidate,
    ...(sdpMid != null && { sdpMid }),
    ...(sdpMLineIndex != null && { sdpMLineIndex }),
    ...(usernameFragment != null && { usernameFragment }),
  };
}
