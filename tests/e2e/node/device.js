/**
 * A device: one stream to the service, its numbers and its acknowledgements.
 *
 * Every number the service sends is checked. A broken promise throws where the
 * message arrived, which ends the scenario.
 *
 * A device here does not come back when its stream is lost: that it never is,
 * is part of what the scenarios claim.
 *
 * @module device
 */
import { identity, newStub, OK } from "./contract.js";
import { deferred, ensure } from "./scenario.js";

const ACK_AFTER_MESSAGES = 32;
const ACK_AFTER_MS = 200;

/** One running app or tab of a user. */
export class Device {
  #stub;
  #stream;
  #sent = 0;
  #acked = 0; // by the service, of ours
  #processed = 0; // by us, of the service's
  #acknowledged = 0; // what we last told it
  #ackTimer;
  #calls = new Map();
  #welcome = deferred();
  #settled = [];
  #status = deferred();

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
  }

  toString() {
    return `${this.userId}/${this.deviceId}`;
  }

  /**
   * Opens the stream and says hello.
   *
   * @param {string} address
   * @returns {Promise<object>} the `Welcome`
   */
  connect(address) {
    this.#stub = newStub(address);
    this.#stream = this.#stub.Connect(identity(this.userId, this.deviceId));
    this.#stream.on("data", (response) => this.#receive(response));
    this.#stream.on("error", () => {}); // told by the status, too
    this.#stream.on("status", (status) => this.#onStatus(status));
    this.#stream.write({ hello: { agent: "e2e", labels: { runtime: "node" } } });
    return this.#welcome.promise;
  }

  /**
   * Sends a numbered request, with whatever there is to acknowledge.
   *
   * @param {string} callId
   * @param {object} payload the one member of the request
   * @returns {number} its `seq`; an `error` names it in `inReplyTo`
   */
  request(callId, payload) {
    this.#sent += 1;
    this.#write({ seq: this.#sent, callId, ...payload });
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
    this.#acknowledge();
    this.#stream.end();
    const status = await this.#status.promise;
    ensure(status.code === OK, `${this}: ended ${status.code} ${status.details}`);
    this.#stub.close();
  }

  #receive(response) {
    this.#take(response.ack);
    if (response.seq !== 0) this.#count(response.seq);
    switch (response.payload) {
      case "welcome":
        this.#welcome.resolve(response.welcome);
        break;
      case undefined: // a bare ack, or a member that is newer than this client
      case "iceServers":
      case "draining":
        break;
      default:
        this.#dispatch(response);
    }
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
    this.#acked = Math.max(this.#acked, ack);
    this.#settle();
  }

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
    if (this.#processed > this.#acknowledged) this.#write({});
  }

  #write(request) {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#acknowledged = this.#processed;
    this.#stream.write({ ack: this.#processed, ...request });
  }

  #settle() {
    if (this.#acked < this.#sent) return;
    for (const settled of this.#settled.splice(0)) settled.resolve();
  }

  #onStatus(status) {
    clearTimeout(this.#ackTimer);
    this.#status.resolve(status);
    if (status.code !== OK) {
      throw new Error(`${this}: the stream ended ${status.code} ${status.details}`);
    }
  }
}
