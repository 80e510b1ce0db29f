/** An RTCPeerConnection, wired to a call by the client rules of the contract. */
import type { Call } from "./call.js";
import { Emitter, type Listener } from "./emitter.js";
import type { Description, Reconnect, Signal } from "./events.js";
import {
  CallRole,
  ErrorCode,
  ReconnectRole,
  RejectReason,
} from "./gen/signaling/v1/signaling_pb.js";
import type { RequestRefusedError } from "./errors.js";
import type { PeerEvents, PeerOptions } from "./peer-options.js";
import { fingerprintIn, ufragOf, ufragsIn } from "./sdp.js";
import { TIMING, type Timing } from "./timing.js";
import { Trickle } from "./trickle.js";

const REPORTED: readonly RTCPeerConnectionState[] = [
  "connecting",
  "connected",
  "disconnected",
  "failed",
];

/**
 * One side of a call's media.
 *
 * It keeps the rules: an answer counts from `won` on, an offer that crosses the peer's is rolled
 * back, candidates are batched and held until they can be used, the connection's state is
 * reported, and ICE restarted when the service says so. A peer that begins anew, because its
 * page was loaded again or its stack cannot restart ICE, is known by its certificate: then this
 * side begins anew, too. When the call ends, the connection is closed.
 */
export class PeerCall {
  readonly call: Call;

  readonly #options: PeerOptions;
  readonly #timing: Timing;
  readonly #emitter = new Emitter<PeerEvents>();
  readonly #trickle: Trickle;
  #connection: RTCPeerConnection;
  #policy: RTCIceTransportPolicy | undefined; // what the service advises
  #answer: RTCSessionDescriptionInit | undefined; // sent, but not applied before it has won
  #held: RTCIceCandidateInit[] = []; // until there is a remote description
  #isRefused = false; // the last offer was, and would be again
  #isStarted = false;
  #isClosed = false;
  #begin = (): void => {};
  #steps: Promise<void>; // one at a time: a candidate must not overtake its description

  /** For one call; `start` begins. The connection is there at once. */
  constructor(call: Call, options: PeerOptions = {}) {
    this.call = call;
    this.#options = options;
    this.#timing = { ...TIMING, ...options.timing };
    this.#trickle = new Trickle(this.#timing, (candidates) => call.sendCandidates(candidates));
    this.#steps = new Promise((resolve) => (this.#begin = resolve));
    this.#connection = this.#create();
    for (const track of options.stream?.getTracks() ?? []) this.#add(track);
    call.read((signal) => this.#hear(signal));
    if (call.end) this.close();
  }

  /** The one there is now. */
  get connection(): RTCPeerConnection {
    return this.#connection;
  }

  /** Calls `listener` with every such event from now on; returns what stops it. */
  on<Name extends keyof PeerEvents>(name: Name, listener: Listener<PeerEvents[Name]>): () => void {
    return this.#emitter.on(name, listener);
  }

  /**
   * Offers, answers, or, in a call that this tab was in before, offers anew. Resolves when the
   * description is on its way. When it cannot be made, the call is hung up or rejected, and the
   * browser's error is thrown.
   */
  async start(): Promise<void> {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.#emitter.emit("connection", this.#connection);
    try {
      await this.#first();
    } catch (error) {
      if (this.call.role === CallRole.CALLER || this.call.isEstablished) this.call.hangup();
      else this.call.reject(RejectReason.UNSUPPORTED);
      throw error;
    } finally {
      this.#begin();
    }
  }

  /** Restarts ICE: new candidates, a new path. Nothing is heard of it but a pause. */
  restart(): void {
    this.#enqueue(async () => {
      this.#connection.setConfiguration(this.#configuration());
      if (this.#connection.signalingState === "stable") await this.#offer(true);
    });
  }

  /** Closes the connection and leaves the call alone; `Call.hangup` ends both. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#trickle.drop();
    this.#abandon();
    this.#begin();
    this.#emitter.emit("closed");
  }

  // the connection

  #create(): RTCPeerConnection {
    const create = this.#options.createConnection ?? ((given) => new RTCPeerConnection(given));
    const connection = create(this.#configuration());
    connection.ontrack = (event) => this.#emitter.emit("track", event);
    connection.onicecandidate = ({ candidate }) => this.#trickle.add(candidate);
    connection.onconnectionstatechange = () => this.#report();
    connection.onnegotiationneeded = () => this.#enqueue(() => this.#negotiate(connection));
    return connection;
  }

  #configuration(): RTCConfiguration {
    const { configuration = {} } = this.#options;
    const servers = this.call.iceServers;
    const policy = this.#policy ?? configuration.iceTransportPolicy;
    return {
      ...configuration,
      iceServers: servers.length > 0 ? servers : (configuration.iceServers ?? []),
      ...(policy && { iceTransportPolicy: policy }),
    };
  }

  #add(track: MediaStreamTrack): void {
    const { stream } = this.#options;
    this.#connection.addTrack(track, ...(stream ? [stream] : []));
  }

  /** The peer begins anew, and its new certificate is no match for this connection. */
  #renew(): void {
    const tracks = this.#connection.getSenders().flatMap(({ track }) => track ?? []);
    this.#trickle.drop();
    this.#abandon();
    this.#connection = this.#create();
    for (const track of tracks) this.#add(track);
    this.#emitter.emit("connection", this.#connection);
  }

  #abandon(): void {
    const connection = this.#connection;
    connection.ontrack = connection.onicecandidate = null;
    connection.onconnectionstatechange = connection.onnegotiationneeded = null;
    connection.close();
    this.#held = [];
  }

  #report(): void {
    const state = this.#connection.connectionState;
    this.#emitter.emit("state", state);
    if (this.call.isEstablished && REPORTED.includes(state)) this.call.report(state);
  }

  // one step after the other

  #enqueue(step: () => Promise<void>): void {
    this.#steps = this.#steps
      .then(() => (this.#isClosed ? undefined : step()))
      .catch((error: unknown) => {
        if (!this.#isClosed) this.#emitter.emit("error", error); // else it was cut short
      });
  }

  #hear(signal: Signal): void {
    if (signal.kind === "ended") this.close();
    else this.#enqueue(() => this.#act(signal));
  }

  async #act(signal: Exclude<Signal, { kind: "ended" }>): Promise<void> {
    switch (signal.kind) {
      case "offer":
        return this.#onOffer(signal.description, signal.negotiation);
      case "answer":
        return this.#onAnswer(signal.description);
      case "candidates":
        return this.#onCandidates(signal.candidates);
      case "won":
        return this.#onWon();
      case "reconnect":
        return this.#onReconnect(signal.advice);
      case "refused":
        return this.#onRefused(signal.error);
    }
  }

  async #first(): Promise<void> {
    if (this.#isClosed) return;
    if (this.call.role === CallRole.CALLER || this.call.isEstablished) await this.#offer(false);
    else await this.#accept(plain(this.call.description ?? ""), 1);
  }

  /** The browser wants an exchange: a track has come or gone, or was asked to. */
  async #negotiate(connection: RTCPeerConnection): Promise<void> {
    const isIdle =
      connection === this.#connection &&
      connection.remoteDescription !== null &&
      connection.signalingState === "stable";
    if (isIdle && this.call.isEstablished && !this.#isRefused) await this.#offer(false);
  }

  async #offer(iceRestart: boolean): Promise<void> {
    const connection = this.#connection;
    if (iceRestart) {
      this.#emitter.emit("restart");
      if ("restartIce" in connection) connection.restartIce(); // outlives a rollback
    }
    const offer = await connection.createOffer({ iceRestart });
    this.#trickle.describe(offer.sdp ?? "");
    await connection.setLocalDescription(offer);
    if (this.#isClosed) return;
    this.call.offer(offer.sdp ?? "");
    this.#trickle.release();
  }

  async #onOffer(description: Description, negotiation: number): Promise<void> {
    const sdp = plain(description);
    if (this.#isStranger(sdp)) this.#renew();
    else if (this.#connection.signalingState === "have-local-offer") await this.#rollBack();
    this.#connection.setConfiguration(this.#configuration());
    await this.#accept(sdp, negotiation);
    await this.#applyAnswer(); // inside a call nobody else can answer
  }

  /** Makes an answer, and sends it. */
  async #accept(sdp: string, negotiation: number): Promise<void> {
    const connection = this.#connection;
    await this.#setRemote({ type: "offer", sdp });
    this.#answer = await connection.createAnswer();
    if (!this.#isClosed) this.call.answer(this.#answer.sdp ?? "", negotiation);
  }

  async #onWon(): Promise<void> {
    await this.#applyAnswer();
  }

  async #applyAnswer(): Promise<void> {
    const answer = this.#answer;
    this.#answer = undefined;
    if (answer === undefined || this.#isClosed) return;
    this.#trickle.describe(answer.sdp ?? "");
    this.#trickle.release(); // the answer was sent
    await this.#connection.setLocalDescription(answer);
  }

  async #onAnswer(description: Description): Promise<void> {
    if (this.#connection.signalingState !== "have-local-offer") return; // it was rolled back
    const sdp = plain(description);
    this.#isRefused = false;
    if (this.#isStranger(sdp)) {
      this.#renew();
      await this.#offer(false);
    } else await this.#setRemote({ type: "answer", sdp });
  }

  async #onReconnect({ role, transportPolicy }: Reconnect): Promise<void> {
    this.#policy = transportPolicy;
    this.#connection.setConfiguration(this.#configuration());
    if (role !== ReconnectRole.OFFER) return;
    if (this.#connection.signalingState === "have-local-offer") await this.#rollBack();
    await this.#offer(true);
  }

  /** With GLARE the peer's offer says what to do; what else is refused is not offered again. */
  async #onRefused(error: RequestRefusedError): Promise<void> {
    if (error.request !== "offer" || error.code === ErrorCode.GLARE) return;
    if (this.#connection.signalingState === "have-local-offer") await this.#rollBack();
    this.#isRefused = error.retryAfter === undefined;
    if (error.retryAfter !== undefined) {
      const connection = this.#connection;
      this.#timing.later(error.retryAfter, () => this.#enqueue(() => this.#negotiate(connection)));
    }
    this.#emitter.emit("error", error);
  }

  async #rollBack(): Promise<void> {
    this.#trickle.drop();
    await this.#connection.setLocalDescription({ type: "rollback" });
  }

  #isStranger(sdp: string): boolean {
    const known = this.#connection.remoteDescription;
    return known !== null && fingerprintIn(known.sdp) !== fingerprintIn(sdp);
  }

  async #setRemote(description: RTCSessionDescriptionInit): Promise<void> {
    await this.#connection.setRemoteDescription(description);
    await this.#onCandidates(this.#held.splice(0));
  }

  async #onCandidates(candidates: readonly RTCIceCandidateInit[]): Promise<void> {
    const connection = this.#connection;
    const { remoteDescription } = connection;
    if (remoteDescription === null) {
      this.#held.push(...candidates);
      return;
    }
    const current = ufragsIn(remoteDescription.sdp);
    for (const candidate of candidates) {
      const ufrag = ufragOf(candidate);
      if (ufrag && !current.has(ufrag)) continue; // of a generation of the past
      await addCandidate(connection, candidate);
    }
  }
}

async function addCandidate(
  connection: RTCPeerConnection,
  candidate: RTCIceCandidateInit,
): Promise<void> {
  if (candidate.candidate === "") return; // end-of-candidates: nothing depends on it in browsers
  await connection.addIceCandidate(candidate);
}

function plain(description: Description): string {
  if (typeof description === "string") return description;
  throw new TypeError("a sealed description: open it, and wire the connection with Call.read");
}
