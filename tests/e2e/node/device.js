/**
 * A device: one session with the service, its numbers and its acknowledgements.
 *
 * Every number the service sends is checked. A broken promise throws where the
 * message arrived, which ends the scenario.
 *
 * A stream that is lost comes back: the session is resumed, and what the
 * service had not acknowledged is sent again. A scenario in which no stream may
 * be lost leaves `onlost` as it is.
 *
 * @module device
 */
import { ABORTED, identity, newStub, OK } from "./contract.js";
import { deferred, ensure } from "./scenario.js";

const ACK_AFTER_MESSAGES = 32;
const ACK_AFTER_MS = 200;
const WELCOME_MS = 5_000; // what the service gives a hello, too
const BACKOFF_MS = 500;
const BACKOFF_LIMIT_MS = 30_000;

/** One running app or tab of a user. */
export class Device {
  #address;
  #keepaliveMs;
  #stub;
  #stream;
  #isOpen = false; // welcomed: what is sent goes out at once
  #isClosing = false;
  #sessionId;
  #sent = 0;
  #unacknowledged = []; // requests, in order
  #processed = 0; // by us, of the service's
  #acknowledged = 0; // what we last told it
  #ackTimer;
  #welcomeTimer;
  #attempt = 0; // streams lost since the last welcome
  #calls = new Map();
  #welcome = deferred();
  #settled = [];
  #ended = deferred();

  /**
   * @param {string} userId
   * @param {string} deviceId
   */
  constructor(userId, deviceId) {
    this.userId = userId;
    this.deviceId = deviceId;
    /** Called with the response when a call comes in. */
    this.onring = (response) => {
      throw new Error(`${this}: nobody expected call ${response.callId}`);
    };
    /** Called with the gRPC status of a stream that was lost. */
    this.onlost = ({ code, details }) => {
      throw new Error(`${this}: the stream ended ${code} ${details}`);
    };
    /** Called with every `Welcome`. */
    this.onwelcome = () => {};
  }

  toString() {
    return `${this.userId}/${this.deviceId}`;
  }

  /**
   * Opens the session, and keeps it open from now on.
   *
   * @param {string} address
   * @param {{keepaliveMs?: number}} [options] how often an idle connection is pinged
   * @returns {Promise<object>} the first `Welcome`
   */
  connect(address, { keepaliveMs } = {}) {
    this.#address = address;
    this.#keepaliveMs = keepaliveMs;
    this.#open();
    return this.#welcome.promise;
  }

  /**
   * Sends a numbered request, with whatever there is to acknowledge: now, or
   * when the stream is back.
   *
   * @param {string} callId
   * @param {object} payload the one member of the request
   * @returns {number} its `seq`; an `error` names it in `inReplyTo`
   */
  request(callId, payload) {
    this.#sent += 1;
    const request = { seq: this.#sent, callId, ...payload };
    this.#unacknowledged.push(request);
    if (this.#isOpen) this.#write(request);
    return this.#sent;
  }

  /**
   * Gives the responses of a call to a handler.
   *
   * @param {string} callId
   * @param {(response: object) => void} handler
   */
  listen(callId, handler) {
    this.#calls.set(callId, handler);
  }

  /**
   * Resolves once the service has acknowledged all that was sent.
   *
   * @returns {Promise<void>}
   */
  settled() {
    const settled = deferred();
    this.#settled.push(settled);
    this.#settle();
    return settled.promise;
  }

  /**
   * Drops the stream politely, and resolves when the service ended it with OK.
   *
   * @returns {Promise<void>}
   */
  async close() {
    this.#isClosing = true;
    this.#acknowledge();
    this.#stream.end();
    const status = await this.#ended.promise;
    ensure(status.code === OK, `${this}: ended ${status.code} ${status.details}`);
    this.#stub.close();
  }

  #open() {
    this.#stub = newStub(this.#address, this.#keepaliveMs);
    const stream = this.#stub.Connect(identity(this.userId, this.deviceId));
    this.#stream = stream;
    stream.on("data", (response) => {
      if (stream === this.#stream) this.#receive(response);
    });
    stream.on("error", () => {}); // told by the status, too
    stream.on("status", (status) => {
      if (stream === this.#stream) this.#onStatus(status);
    });
    this.#acknowledged = this.#processed;
    const hello = { agent: "e2e", labels: { runtime: "node" }, sessionId: this.#sessionId };
    stream.write({ hello, ack: this.#processed });
    // a path that swallows everything refuses nothing
    this.#welcomeTimer = setTimeout(() => stream.cancel(), WELCOME_MS);
  }

  #receive(response) {
    this.#take(response.ack);
    if (response.seq !== 0) this.#count(response.seq);
    switch (response.payload) {
      case "welcome":
        this.#onWelcome(response.welcome);
        break;
      case undefined: // a bare ack, or a member that is newer than this client
      case "iceServers":
      case "draining":
        break;
      default:
        this.#dispatch(response);
    }
  }

  #onWelcome(welcome) {
    const isReturn = this.#sessionId !== undefined;
    // no scenario here is away for longer than the window
    ensure(welcome.resumed === isReturn, `${this}: resumed is ${welcome.resumed}`);
    clearTimeout(this.#welcomeTimer);
    this.#sessionId = welcome.sessionId;
    this.#attempt = 0;
    this.#isOpen = true;
    this.onwelcome(welcome);
    for (const request of this.#unacknowledged) this.#write(request);
    this.#welcome.resolve(welcome);
  }

  #dispatch(response) {
    const handler = this.#calls.get(response.callId);
    if (handler !== undefined) {
      handler(response);
      return;
    }
    ensure(response.payload === "offer", `${this}: ${response.payload} of an unknown call`);
    this.onring(response);
  }

  #take(ack) {
    ensure(ack <= this.#sent, `${this}: ack ${ack}, but only ${this.#sent} were sent`);
    while (this.#unacknowledged[0]?.seq <= ack) this.#unacknowledged.shift();
    this.#settle();
  }

  /** A hello says what was processed, so that nothing comes twice on the next stream either. */
  #count(seq) {
    ensure(seq === this.#processed + 1, `${this}: seq ${seq} after ${this.#processed}`);
    this.#processed = seq;
    if (this.#processed - this.#acknowledged >= ACK_AFTER_MESSAGES) {
      this.#acknowledge();
    } else {
      this.#ackTimer ??= setTimeout(() => this.#acknowledge(), ACK_AFTER_MS);
    }
  }

  #acknowledge() {
    if (this.#isOpen && this.#processed > this.#acknowledged) this.#write({});
  }

  #write(request) {
    this.#stopAckTimer();
    this.#acknowledged = this.#processed;
    this.#stream.write({ ...request, ack: this.#processed });
  }

  #stopAckTimer() {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
  }

  #settle() {
    if (this.#unacknowledged.length > 0) return;
    for (const settled of this.#settled.splice(0)) settled.resolve();
  }

  #onStatus(status) {
    this.#isOpen = false;
    this.#stopAckTimer();
    clearTimeout(this.#welcomeTimer);
    if (this.#isClosing) {
      this.#ended.resolve(status);
      return;
    }
    this.onlost(status);
    if (status.code !== ABORTED) this.#comeBack(); // replaced by a newer one: stay away
  }

  /** Opens a new stream after a backoff with full jitter: not all devices at once. */
  #comeBack() {
    this.#stub.close();
    const limit = Math.min(BACKOFF_MS * 2 ** this.#attempt, BACKOFF_LIMIT_MS);
    this.#attempt += 1;
    setTimeout(() => this.#open(), Math.random() * limit);
  }
}
