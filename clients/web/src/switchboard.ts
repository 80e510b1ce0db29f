/** Which call a response belongs to, and what the app is told of it. No I/O. */
import {
  Call,
  STATES,
  type CallBeginning,
  type Callee,
  type CallOptions,
  type Line,
} from "./call.js";
import type { Emitter } from "./emitter.js";
import { RequestRefusedError } from "./errors.js";
import type { CallEnd, CallEvents } from "./events.js";
import {
  CallRole,
  CallState,
  EndReason,
  ErrorCode,
  ProgressKind,
  type CallProgress,
  type ConnectResponse,
  type RequestError,
  type SdpOffer,
  type Welcome,
} from "./gen/signaling/v1/signaling_pb.js";
import type { RememberedCall } from "./memory.js";
import type { ClientEvents } from "./news.js";
import {
  adviceOf,
  candidatesOf,
  descriptionOf,
  deviceName,
  endOf,
  iceServersOf,
  messageOf,
} from "./responses.js";
import type { Session } from "./session.js";

const GONE: readonly ErrorCode[] = [ErrorCode.CALL_NOT_FOUND, ErrorCode.NOT_A_PARTY];

/** What a progress is called among a call's events. */
const PROGRESS = {
  [ProgressKind.RINGING]: "ringing",
  [ProgressKind.BUSY]: "busy",
  [ProgressKind.REJECTED]: "rejected",
  [ProgressKind.AWAY]: "away",
  [ProgressKind.BACK]: "back",
} as const satisfies Partial<Record<ProgressKind, keyof CallEvents>>;

/** The calls of a device. */
export class Switchboard {
  /** For a peer connection that is made now. */
  iceServers: RTCIceServer[] = [];
  /** Bytes of one request; until a welcome says what the limit is. */
  messageBytes = 64 * 1024;

  readonly #session: Session;
  readonly #news: Emitter<ClientEvents>;
  readonly #line: Line;
  readonly #calls = new Map<string, Call>();
  #backlog: { call: Call; isRestored: boolean }[] = []; // to be told of once all of it is heard
  #lastSeq = 0; // up to it everything is backlog

  constructor(session: Session, news: Emitter<ClientEvents>, line: Line) {
    this.#session = session;
    this.#news = news;
    this.#line = line;
  }

  /** The calls that are not over, by their id. */
  get calls(): ReadonlyMap<string, Call> {
    return this.#calls;
  }

  /** What a tab that is loaded again has to know of them. */
  get remembered(): RememberedCall[] {
    return [...this.#calls.values()].map((call) => {
      const { callId, role, peer, isEstablished, negotiation } = call;
      return { callId, role, ...(peer && { peer }), isEstablished, negotiation };
    });
  }

  /** Begins a call; it reaches the service with its offer. */
  place(callId: string, callee: Callee, options: CallOptions): Call {
    const metadata = options.metadata ?? {};
    return this.#add({ callId, role: CallRole.CALLER, callee, options, metadata });
  }

  /** Takes up a call that this tab was in before it was loaded again. */
  restore(remembered: RememberedCall): void {
    const call = this.#add(remembered);
    call.hold();
    this.#backlog.push({ call, isRestored: true });
  }

  /** Acts on one response; each once and in order. */
  hear(response: ConnectResponse): void {
    const { payload } = response;
    if (payload.case === "iceServers") {
      this.#serve(payload.value.servers);
      this.#news.emit("iceServers", this.iceServers);
    } else if (payload.case === "offer" && payload.value.negotiation <= 1) {
      this.#ring(response, payload.value);
    } else if (payload.case === "error") {
      this.#refuse(response, payload.value);
    } else {
      this.#passOn(response);
    }
    this.#announce();
  }

  /** A stream begins; returns whether the session's calls were lost. */
  begin(welcome: Welcome, wasLost: boolean): void {
    this.#lastSeq = welcome.lastSeq;
    this.messageBytes = welcome.limits?.messageBytes || this.messageBytes;
    this.#serve(welcome.iceServers);
    if (wasLost) this.#startAnew(welcome);
  }

  /** Tells of calls that came, after all that had happened to them while nobody was there. */
  announceBacklog(): void {
    this.#announce();
  }

  /** Ends every call without a word of the service. */
  lose(cause: "session" | "closed"): void {
    for (const call of [...this.#calls.values()]) {
      this.#end(call, { reason: EndReason.UNSPECIFIED, cause });
    }
  }

  /** Ends a call that was hung up before the service could store its offer. */
  cancel(callId: string): void {
    const call = this.#calls.get(callId);
    if (call === undefined || !this.#session.outbox.cancel(callId)) return;
    this.#calls.delete(callId);
    call.deliverEnd({ reason: EndReason.CANCELLED });
  }

  /** A call is over without the service. */
  drop(call: Call): void {
    this.#calls.delete(call.callId);
  }

  #add(beginning: CallBeginning): Call {
    const call = new Call(beginning, this.#line);
    this.#calls.set(call.callId, call);
    return call;
  }

  /** The calls went with the old session; of some the service knows how they ended. */
  #startAnew(welcome: Welcome): void {
    for (const { callId, state, ended } of welcome.calls) {
      const call = this.#calls.get(callId);
      if (call && ended && state === CallState.ENDED) this.#end(call, endOf(ended));
    }
    this.lose("session");
    // what rings still will be offered again
    this.#backlog = this.#backlog.filter(({ call }) => call.end?.cause === undefined);
  }

  #ring({ callId, sender }: ConnectResponse, offer: SdpOffer): void {
    const call = this.#add({
      callId,
      role: CallRole.CALLEE,
      description: descriptionOf(offer),
      peer: deviceName(sender),
      metadata: { ...offer.metadata },
    });
    call.hold();
    this.#backlog.push({ call, isRestored: false });
  }

  #announce(): void {
    if (this.#session.heard < this.#lastSeq) return;
    for (const { call, isRestored } of this.#backlog.splice(0)) {
      this.#news.emit(call.end ? "missed" : isRestored ? "restored" : "incoming", call);
      call.open();
    }
  }

  #refuse({ seq, callId }: ConnectResponse, error: RequestError): void {
    if (this.#session.sendsAgain(seq, error)) {
      this.cancel(callId);
      return;
    }
    const request = this.#session.outbox.nameOf(error.inReplyTo);
    const refused = new RequestRefusedError(request, error);
    const call = this.#calls.get(callId);
    if (call === undefined) {
      if (callId === "") this.#news.emit("refused", refused); // else it came second: it is over
      return;
    }
    call.deliver("refused", refused);
    call.signal({ kind: "refused", error: refused });
    if (error.ended) this.#end(call, endOf(error.ended));
    else if (request === "call" || GONE.includes(error.code)) {
      this.#end(call, { reason: EndReason.UNSPECIFIED, cause: "refused", error: refused });
    }
  }

  #passOn({ callId, sender, payload }: ConnectResponse): void {
    const call = this.#calls.get(callId);
    if (call === undefined) return;
    switch (payload.case) {
      case "offer":
      case "answer": {
        const { negotiation } = payload.value;
        if (payload.case === "answer" && !call.isEstablished) this.#answered(call, sender);
        const description = descriptionOf(payload.value);
        call.signal({ kind: payload.case, description, negotiation });
        break;
      }
      case "candidates":
        call.signal({ kind: "candidates", candidates: candidatesOf(payload.value.candidates) });
        break;
      case "reconnect":
        if (payload.value.iceServers.length > 0) this.#serve(payload.value.iceServers);
        call.deliver("reconnect", adviceOf(payload.value));
        call.signal({ kind: "reconnect", advice: adviceOf(payload.value) });
        break;
      case "progress":
        this.#progress(call, payload.value);
        break;
      case "connectionState":
        call.deliver("peerState", STATES[payload.value.state] || "new");
        break;
      case "appMessage":
        call.deliver("message", messageOf(payload.value));
        break;
      case "ended":
        this.#end(call, endOf(payload.value));
        break;
      default: // a newer service's: acknowledged, and ignored
    }
  }

  #answered(call: Call, sender: ConnectResponse["sender"]): void {
    call.establish(deviceName(sender));
    call.deliver("answered", deviceName(sender));
  }

  #progress(call: Call, { kind, device }: CallProgress): void {
    if (kind === ProgressKind.WAITING) call.deliver("waiting");
    else if (kind === ProgressKind.WON) {
      call.establish(undefined);
      call.deliver("won");
      call.signal({ kind: "won" });
    } else if (kind in PROGRESS) {
      call.deliver(PROGRESS[kind as keyof typeof PROGRESS], deviceName(device));
    }
  }

  #end(call: Call, end: CallEnd): void {
    this.#calls.delete(call.callId);
    if (call.end === undefined) this.#session.outbox.forget(call.callId);
    call.deliverEnd(end);
  }

  #serve(servers: Parameters<typeof iceServersOf>[0]): void {
    this.iceServers = iceServersOf(servers);
  }
}
