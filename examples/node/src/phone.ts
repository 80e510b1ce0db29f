/** What an app does with the service: it places a call, or takes those that come. */

import { randomUUID } from "node:crypto";
import {
  type CallEnded,
  type CallProgress,
  type ConnectResponse,
  type Device,
  EndReason,
  ErrorCode,
  OfflinePolicy,
  PeerConnectionState,
  ProgressKind,
  ReconnectRole,
  type RequestError,
  Routing,
  type SdpOffer,
  type Welcome,
} from "../gen/signaling/v1/signaling.js";
import { type Description, describe } from "./description.js";
import type { Payload } from "./outbox.js";

const TEXT = "text/plain";

interface Call {
  local: Description;
  isAnswered: boolean;
  isConnected: boolean;
}

export interface Line {
  send: (callId: string, payload: Payload) => void;
  /** Tell the person what happens. */
  tell: (event: string, details: object) => void;
  /** A call is over; its end was told. */
  onOver: () => void;
}

export class Phone {
  readonly #line: Line;
  readonly #calls = new Map<string, Call>();
  readonly #backlog = new Map<string, ConnectResponse>(); // offers that may be history
  #lastSeq = 0; // up to here what comes is backlog

  constructor(line: Line) {
    this.#line = line;
  }

  call(userId: string): void {
    const callId = randomUUID();
    const local = describe();
    this.#calls.set(callId, { local, isAnswered: false, isConnected: false });
    this.#line.send(callId, { $case: "offer", value: offerTo(userId, local) });
    this.#line.tell("calling", { call: callId, user: userId });
  }

  /** Say something to whoever takes part in a call. */
  say(text: string): void {
    for (const callId of this.#calls.keys()) {
      const value = { contentType: TEXT, body: Buffer.from(text) };
      this.#line.send(callId, { $case: "appMessage", value });
      this.#line.tell("said", { call: callId, text });
    }
  }

  /** Hang up whatever there is; whether there was anything. */
  hangUp(): boolean {
    for (const callId of this.#calls.keys()) {
      this.#line.send(callId, { $case: "hangup", value: {} });
    }
    return this.#calls.size > 0;
  }

  receive(response: ConnectResponse): void {
    const { callId, payload, sender } = response;
    switch (payload?.$case) {
      case "welcome":
        return this.#begin(payload.value);
      case "offer":
        this.#offered(response, payload.value);
        break;
      case "ended":
        this.#over(callId, payload.value);
        break;
      case "error":
        this.#refused(callId, payload.value);
        break;
      default:
        this.#inCall(callId, payload, sender);
    }
    if (response.seq >= this.#lastSeq) this.#ringBacklog();
  }

  #begin(welcome: Welcome): void {
    this.#lastSeq = welcome.lastSeq;
    this.#line.tell("connected", { resumed: welcome.resumed });
    if (welcome.resumed) return;
    this.#backlog.clear();
    for (const { callId, ended } of welcome.calls) {
      if (ended !== undefined && this.#calls.has(callId)) this.#over(callId, ended);
    }
    for (const callId of [...this.#calls.keys()]) this.#lost(callId);
  }

  #offered(response: ConnectResponse, offer: SdpOffer): void {
    const call = this.#calls.get(response.callId);
    if (call === undefined) {
      this.#backlog.set(response.callId, response);
      return;
    }
    call.local = describe(); // the peer renegotiates; an offer of our own is rolled back
    this.#answer(response.callId, call, offer);
    this.#sendCandidates(response.callId, call);
  }

  /** What was offered and has not ended in the backlog rings now. */
  #ringBacklog(): void {
    for (const [callId, { payload, sender }] of this.#backlog) {
      this.#backlog.delete(callId);
      if (payload?.$case === "offer") this.#ring(callId, payload.value, sender);
    }
  }

  #ring(callId: string, offer: SdpOffer, sender: Device | undefined): void {
    const call = { local: describe(), isAnswered: false, isConnected: false };
    this.#calls.set(callId, call);
    this.#line.tell("incoming", { call: callId, from: nameOf(sender) });
    this.#line.send(callId, { $case: "ringing", value: {} });
    this.#answer(callId, call, offer); // a person would be asked
  }

  /** createAnswer and send; setLocalDescription waits until the answer has won. */
  #answer(callId: string, call: Call, { negotiation }: SdpOffer): void {
    const description = { $case: "sdp", value: call.local.sdp } as const;
    this.#line.send(callId, { $case: "answer", value: { description, negotiation } });
  }

  #inCall(callId: string, payload: ConnectResponse["payload"], sender: Device | undefined): void {
    const call = this.#calls.get(callId);
    if (call === undefined) return;
    const of = { call: callId, from: nameOf(sender) };
    switch (payload?.$case) {
      case "progress":
        this.#progress(callId, call, payload.value);
        break;
      case "answer":
        this.#line.tell("answered", of);
        if (!call.isAnswered) this.#start(callId, call);
        break;
      case "candidates":
        this.#line.tell("candidates", { ...of, count: payload.value.candidates.length });
        this.#report(callId, call); // a path was found, as if there were media
        break;
      case "connectionState":
        this.#line.tell("peer_state", { ...of, state: PeerConnectionState[payload.value.state] });
        break;
      case "appMessage":
        this.#line.tell("app_message", { ...of, text: Buffer.from(payload.value.body).toString() });
        break;
      case "reconnect":
        this.#line.tell("reconnect", { call: callId, role: ReconnectRole[payload.value.role] });
        if (payload.value.role === ReconnectRole.RECONNECT_ROLE_OFFER) this.#restart(callId, call);
    }
  }

  #progress(callId: string, call: Call, { kind, device }: CallProgress): void {
    this.#line.tell("progress", { call: callId, kind: ProgressKind[kind], device: nameOf(device) });
    if (kind === ProgressKind.PROGRESS_KIND_WON) this.#start(callId, call);
  }

  /** The call is answered: setLocalDescription, and candidates as they are gathered. */
  #start(callId: string, call: Call): void {
    call.isAnswered = true;
    this.#sendCandidates(callId, call);
  }

  #sendCandidates(callId: string, call: Call): void {
    const value = { candidates: call.local.candidates };
    this.#line.send(callId, { $case: "candidates", value });
  }

  #report(callId: string, call: Call): void {
    if (call.isConnected) return;
    call.isConnected = true;
    const value = { state: PeerConnectionState.PEER_CONNECTION_STATE_CONNECTED };
    this.#line.send(callId, { $case: "connectionState", value });
  }

  #restart(callId: string, call: Call): void {
    call.local = describe();
    call.isConnected = false;
    this.#line.send(callId, { $case: "offer", value: offerTo("", call.local) });
    this.#sendCandidates(callId, call);
  }

  #refused(callId: string, error: RequestError): void {
    this.#line.tell("refused", { call: callId, code: ErrorCode[error.code], detail: error.detail });
    if (error.ended !== undefined) this.#over(callId, error.ended);
    else if (error.code === ErrorCode.ERROR_CODE_CALL_NOT_FOUND) this.#lost(callId);
  }

  #over(callId: string, { reason, endedBy }: CallEnded): void {
    this.#backlog.delete(callId);
    if (!this.#calls.delete(callId)) return; // told already, or it never rang here
    const why = { reason: EndReason[reason], by: nameOf(endedBy) };
    this.#line.tell("ended", { call: callId, ...why });
    this.#line.onOver();
  }

  /** The service cannot say how it ended. */
  #lost(callId: string): void {
    if (!this.#calls.delete(callId)) return;
    this.#line.tell("lost", { call: callId });
    this.#line.onOver();
  }
}

/** An offer; to nobody in particular it renegotiates a call. */
function offerTo(userId: string, { sdp }: Description): SdpOffer {
  return {
    recipientUserId: userId,
    description: { $case: "sdp", value: sdp },
    negotiation: 0, // the service counts
    routing: Routing.ROUTING_ALL_DEVICES,
    offlinePolicy: OfflinePolicy.OFFLINE_POLICY_WAIT,
    metadata: {},
  };
}

function nameOf(device: Device | undefined): string | undefined {
  return device === undefined ? undefined : `${device.userId}/${device.deviceId}`;
}
