/**
 * A call of one device: an RTCPeerConnection of libwebrtc, signaled through the
 * device's stream by the client rules of the contract.
 *
 * @module peer
 */
import wrtc from "@roamhq/wrtc";

import { Channel } from "./channel.js";
import { configuration } from "./ice.js";
import { Ear, Tone } from "./media.js";
import { selectedPair } from "./pair.js";
import { deferred, ensure } from "./scenario.js";
import { Trickle, ufragOf } from "./trickle.js";

// @roamhq/wrtc may keep an event to itself until the connection is next asked for anything
const STATE_POLL_MS = 100;
const REPORTED_STATES = new Set(["connecting", "connected", "disconnected", "failed"]);

/** One side of one call. */
export class Peer {
  #device;
  #iceServers;
  #connection;
  #channel = new Channel();
  #tone = new Tone();
  #ear;
  #trickle;
  #steps = Promise.resolve();
  #state;
  #statePoll = setInterval(() => this.#onConnectionState(), STATE_POLL_MS);
  #isOver = false;
  #ufrag; // of the description that was sent last
  #answer; // created and sent, but not applied before it has won
  #answerSeq;
  #negotiated = [];
  #milestones = {
    connected: deferred(),
    heard: deferred(),
    won: deferred(),
    refused: deferred(),
    ended: deferred(),
  };

  /**
   * @param {import("./device.js").Device} device
   * @param {string} callId
   * @param {object[]} [iceServers] `IceServer`s of the service to begin with
   */
  constructor(device, callId, iceServers = []) {
    this.#device = device;
    this.#iceServers = iceServers;
    this.callId = callId;
    /** Called with the name of what happened in the call, and its particulars. */
    this.onevent = () => {};
    /** Local candidates by their generation: ufrag → set of `address:port`. */
    this.gathered = new Map();
    /** Negotiations that this side's own offer lost to the other side's. */
    this.glares = 0;
    this.#trickle = new Trickle((candidates) => this.#send({ candidates: { candidates } }));
    this.#connection = this.#newConnection();
    device.listen(callId, (response) => this.#enqueue(() => this.#handle(response)));
  }

  /** Resolves when ICE and DTLS are up. */
  get connected() {
    return this.#milestones.connected.promise;
  }

  /** Resolves when audio has been heard and the data channel is open. */
  get talking() {
    return Promise.all([this.#milestones.heard.promise, this.#channel.opened]);
  }

  /** Resolves when this side's answer has won. */
  get won() {
    return this.#milestones.won.promise;
  }

  /** Resolves with the `RequestError` when this side's first answer has lost. */
  get refused() {
    return this.#milestones.refused.promise;
  }

  /** Resolves with the `CallEnded`. */
  get ended() {
    return this.#milestones.ended.promise;
  }

  /** How many local candidates were gathered, and so trickled. */
  get candidates() {
    return [...this.gathered.values()].reduce((sum, { size }) => sum + size, 0);
  }

  /** Whether ICE was ever started. */
  get started() {
    return this.gathered.size > 0;
  }

  /** @param {string} recipientUserId */
  call(recipientUserId) {
    return this.#enqueue(async () => {
      this.#channel.adopt(this.#connection.createDataChannel("data"));
      await this.#offer({}, { recipientUserId });
    });
  }

  /** Tells the caller that this device rings. */
  ring() {
    this.#send({ ringing: {} });
  }

  /**
   * Makes an answer, and neither sends nor applies it.
   *
   * @param {object} ring the response that brought the offer
   */
  prepare({ offer }) {
    return this.#enqueue(() => this.#createAnswer(offer));
  }

  /** Sends the prepared answer, in this very turn of the event loop. */
  accept() {
    this.#answerSeq = this.#send({ answer: this.#answer.message });
  }

  /** Restarts ICE with an offer inside the call. */
  restart() {
    return this.#enqueue(() => this.#offer({ iceRestart: true }, {}));
  }

  /** Resolves when an offer and its answer are next applied. */
  negotiated() {
    const negotiated = deferred();
    this.#negotiated.push(negotiated);
    return negotiated.promise;
  }

  hangup() {
    this.#send({ hangup: {} });
  }

  /**
   * Sends a text to the other side's app, through the service.
   *
   * @param {string} text
   */
  say(text) {
    this.#send({ appMessage: { contentType: "text/plain", body: Buffer.from(text) } });
  }

  /**
   * Sends a word over the data channel and resolves when it has come back.
   *
   * @param {string} word
   */
  echo(word) {
    return this.#channel.echo(word);
  }

  /** @returns {Promise<import("./pair.js").Pair | undefined>} undefined while there is none */
  selectedPair() {
    return selectedPair(this.#connection);
  }

  #newConnection() {
    const connection = new wrtc.RTCPeerConnection(configuration(this.#iceServers));
    connection.addTrack(this.#tone.track);
    connection.ontrack = ({ track }) => {
      this.#ear ??= new Ear(track, (isHeard) => this.#onSound(isHeard));
    };
    connection.ondatachannel = ({ channel }) => this.#channel.adopt(channel);
    connection.onicecandidate = ({ candidate }) => this.#onCandidate(candidate);
    connection.onconnectionstatechange = () => this.#onConnectionState();
    return connection;
  }

  /** One step at a time: a candidate must not overtake the description it belongs to. */
  #enqueue(step) {
    const done = this.#steps.then(step);
    this.#steps = done;
    return done;
  }

  #send(payload) {
    return this.#device.request(this.callId, payload);
  }

  async #handle(response) {
    if (this.#isOver) {
      this.#onAfterEnd(response);
      return;
    }
    switch (response.payload) {
      case "offer":
        await this.#onOffer(response.offer);
        break;
      case "answer":
        await this.#onAnswer(response.answer);
        break;
      case "candidates":
        for (const candidate of response.candidates.candidates) await this.#onRemote(candidate);
        break;
      case "progress":
        this.onevent("progress", { kind: response.progress.kind });
        if (response.progress.kind === "PROGRESS_KIND_WON") await this.#onWon();
        break;
      case "reconnect":
        await this.#onReconnect(response.reconnect);
        break;
      case "connectionState":
        this.onevent("peer_state", { state: response.connectionState.state });
        break;
      case "appMessage":
        this.onevent("said", { text: response.appMessage.body.toString() });
        break;
      case "error":
        this.#onError(response.error);
        break;
      case "ended":
        this.#onEnded(response.ended);
        break;
      default: // for the app alone
    }
  }

  async #offer(options, members) {
    const description = await this.#connection.createOffer(options);
    this.#describe(description);
    this.#send({ offer: { ...members, sdp: description.sdp } });
    // applied second: no candidate can be sent before its description
    await this.#connection.setLocalDescription(description);
  }

  /** Takes note of the ICE generation of a description before it is sent. */
  #describe({ sdp }) {
    // else it would carry the very candidates with which trickle is tested
    ensure(!sdp.includes("a=candidate"), "a description brings candidates of its own");
    const [, ufrag] = sdp.match(/a=ice-ufrag:(\S+)/);
    if (ufrag !== this.#ufrag) this.#trickle.drop(); // stale, as soon as it is sent
    this.#ufrag = ufrag;
  }

  async #onOffer(offer) {
    if (this.#connection.signalingState === "have-local-offer") {
      await this.#connection.setLocalDescription({ type: "rollback" });
    }
    await this.#createAnswer(offer);
    this.#send({ answer: this.#answer.message });
    // inside a call nobody else can answer, so there is nothing to wait for
    await this.#applyAnswer();
  }

  async #createAnswer({ sdp, negotiation }) {
    await this.#connection.setRemoteDescription({ type: "offer", sdp });
    const description = await this.#connection.createAnswer();
    this.#describe(description);
    this.#answer = { description, message: { sdp: description.sdp, negotiation } };
  }

  async #applyAnswer() {
    const { description } = this.#answer;
    this.#answer = undefined;
    await this.#connection.setLocalDescription(description);
    this.#onNegotiated();
  }

  async #onWon() {
    if (this.#answer === undefined) return;
    this.#milestones.won.resolve();
    await this.#applyAnswer();
  }

  /** Does what the service advises: with fresh servers, and from the side that it names. */
  async #onReconnect({ role, attempt, transportPolicy, iceServers }) {
    this.#connection.setConfiguration(configuration(iceServers, transportPolicy));
    this.onevent("reconnect", { role, attempt, transportPolicy, iceServers });
    if (role === "RECONNECT_ROLE_OFFER") await this.#offer({ iceRestart: true }, {});
  }

  async #onAnswer({ sdp }) {
    await this.#connection.setRemoteDescription({ type: "answer", sdp });
    this.#onNegotiated();
  }

  #onNegotiated() {
    this.onevent("negotiated");
    for (const negotiated of this.#negotiated.splice(0)) negotiated.resolve();
  }

  async #onRemote({ candidate, sdpMid, sdpMLineIndex, usernameFragment }) {
    if (candidate === "") return; // libwebrtc makes nothing of end-of-candidates
    await this.#connection.addIceCandidate({
      candidate,
      sdpMid: sdpMid ?? null,
      sdpMLineIndex: sdpMLineIndex ?? null,
      usernameFragment,
    });
  }

  #onError({ code, detail }) {
    ensure(code === "ERROR_CODE_GLARE", `${this.#device}: ${code} ${detail}`);
    this.glares += 1; // the other side's offer says what to do
  }

  #onEnded(ended) {
    this.#isOver = true;
    this.#milestones.ended.resolve(ended);
    this.onevent("ended", { reason: ended.reason });
    clearInterval(this.#statePoll);
    this.#trickle.drop();
    this.#tone.stop();
    this.#ear?.stop();
    this.#connection.close();
  }

  /** Nothing of a call comes after its end, but for the refusal of what crossed it. */
  #onAfterEnd({ payload, error }) {
    ensure(error?.ended != null, `${this.#device}: ${payload} after the end`);
    ensure(error.code === "ERROR_CODE_WRONG_STATE", `${this.#device}: ${error.code}`);
    if (error.inReplyTo === this.#answerSeq) this.#milestones.refused.resolve(error);
  }

  #onCandidate(candidate) {
    if (candidate === null) {
      if (this.gathered.has(this.#ufrag)) this.#trickle.complete(this.#ufrag);
      return;
    }
    const ufrag = ufragOf(candidate.candidate);
    if (this.#isOver || ufrag !== this.#ufrag) return; // gathered too late
    if (!this.gathered.has(ufrag)) this.gathered.set(ufrag, new Set());
    this.gathered.get(ufrag).add(`${candidate.address}:${candidate.port}`);
    this.#trickle.add(candidate);
  }

  #onSound(isHeard) {
    if (isHeard) this.#milestones.heard.resolve();
    this.onevent(isHeard ? "heard" : "silent");
  }

  #onConnectionState() {
    const state = this.#connection.connectionState;
    if (state === this.#state || !REPORTED_STATES.has(state)) return;
    this.#state = state;
    this.onevent("state", { state });
    this.#send({ connectionState: { state: `PEER_CONNECTION_STATE_${state.toUpperCase()}` } });
    if (state === "connected") this.#milestones.connected.resolve();
  }
}
