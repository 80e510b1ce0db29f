/**
 * What a device remembers between its streams: numbers, acks, and what is still to arrive.
 *
 * No I/O: messages in, messages out. The rules are those of XEP-0198. A request is kept until the
 * service has stored it (see `Outbox`); a response that was heard before is not heard again.
 */
import { create } from "@bufbuild/protobuf";

import { milliseconds } from "./durations.js";
import {
  ConnectRequestSchema,
  ErrorCode,
  type ConnectRequest,
  type ConnectResponse,
  type RequestError,
  type Welcome,
} from "./gen/signaling/v1/signaling_pb.js";
import { Outbox } from "./outbox.js";

const ACK_EVERY = 32; // responses; so many are acknowledged at once
const RETRY_AFTER = 1000; // ms; where a service does not say when to send again

/** Where a session stands: all it takes to resume it, also in a new process. */
export interface Standing {
  /** A secret, good for this device alone. */
  readonly sessionId: string;
  /** The highest response seq that was heard. */
  readonly heard: number;
}

/** What a welcome makes of a session. */
export type Beginning = "fresh" | "resumed" | "anew" | "forgotten";

/** One device's session, over as many streams as it takes. */
export class Session {
  readonly outbox = new Outbox();

  readonly #agent: string;
  readonly #labels: Readonly<Record<string, string>>;
  #id: string | undefined; // none: this process remembers nothing
  #wasWelcomed = false; // in this process
  #heard = 0; // the highest response seq
  #acked = 0; // the highest one acknowledged
  #stored = 0; // the highest request seq that the service has acknowledged

  constructor(agent: string, labels: Readonly<Record<string, string>>, standing?: Standing) {
    this.#agent = agent;
    this.#labels = labels;
    this.#id = standing?.sessionId;
    this.#heard = standing?.heard ?? 0;
  }

  /** The highest number of a response that was heard. */
  get heard(): number {
    return this.#heard;
  }

  /** Where it stands; undefined before the first welcome. */
  get standing(): Standing | undefined {
    return this.#id === undefined ? undefined : { sessionId: this.#id, heard: this.#heard };
  }

  /** Whether something was heard that is not acknowledged. */
  get owesAck(): boolean {
    return this.#heard > this.#acked;
  }

  /** Whether so much was heard that an ack goes out alone. */
  get isAckDue(): boolean {
    return this.#heard - this.#acked >= ACK_EVERY;
  }

  // what goes out

  /** The first request of a stream. */
  hello(): ConnectRequest {
    const id = this.#id === undefined ? {} : { sessionId: this.#id };
    const value = { ...id, agent: this.#agent, labels: { ...this.#labels } };
    return create(ConnectRequestSchema, { payload: { case: "hello", value }, ack: this.#heard });
  }

  /** The next request to write to the stream, with the ack that rides on it. */
  nextRequest(): ConnectRequest | undefined {
    const request = this.outbox.next();
    if (request !== undefined) request.ack = this.#acked = this.#heard;
    return request;
  }

  /** An ack that nothing else carries. */
  bareAck(): ConnectRequest {
    this.#acked = this.#heard;
    return create(ConnectRequestSchema, { ack: this.#acked });
  }

  // what comes in

  /**
   * Goes on where a welcome says. "anew": an older session was lost with it. "forgotten": the
   * service resumes a session of which it has lost what it had stored; connect again, now
   * without a session.
   */
  begin(welcome: Welcome, ack: number): Beginning {
    if (welcome.resumed && ack < this.#stored) {
      this.#id = undefined;
      return "forgotten";
    }
    const beginning = welcome.resumed ? "resumed" : this.#wasWelcomed ? "anew" : "fresh";
    if (beginning === "anew") this.outbox.clear();
    if (beginning !== "resumed") this.#heard = 0;
    this.#wasWelcomed = true;
    this.#id = welcome.sessionId;
    this.#acked = this.#heard;
    this.#stored = ack;
    this.outbox.resume(ack);
    return beginning;
  }

  /** Notes a response; returns false for one that was heard before. */
  hear(response: ConnectResponse): boolean {
    this.#stored = Math.max(this.#stored, response.ack);
    this.outbox.acknowledge(response.ack);
    if (response.seq === 0) return true;
    if (response.seq <= this.#heard) return false;
    this.#heard = response.seq;
    return true;
  }

  /**
   * Whether what an error refuses is sent again: then nobody has to hear of it. It is when the
   * service could not store it, or had not got the call's offer for that reason.
   */
  sendsAgain(seq: number, error: RequestError): boolean {
    if (error.code === ErrorCode.UNAVAILABLE && seq === 0) {
      const pause = milliseconds(error.retryAfter) || RETRY_AFTER;
      return this.outbox.refuse(error.inReplyTo, pause);
    }
    return error.code === ErrorCode.CALL_NOT_FOUND && this.outbox.hasOvertaken(error.inReplyTo);
  }
}
