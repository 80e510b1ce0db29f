/** Requests that the service has not acknowledged: they are kept, and sent again. */

import type { ConnectRequest } from "../gen/signaling/v1/signaling.js";

export type Payload = NonNullable<ConnectRequest["payload"]>;

export class Outbox {
  #last = 0; // the highest seq given out
  #written = 0; // the highest one written to this stream
  #acknowledged = 0;
  #kept: ConnectRequest[] = [];
  #refused: ConnectRequest[] = []; // nobody knows whether these were stored

  add(callId: string, payload: Payload): void {
    this.#last += 1;
    this.#kept.push({ seq: this.#last, ack: 0, callId, payload });
  }

  /** What this stream has not carried yet, in order. */
  take(): ConnectRequest[] {
    const due = this.#kept.filter((request) => request.seq > this.#written);
    this.#written = this.#last;
    return due;
  }

  acknowledge(ack: number): void {
    this.#acknowledged = Math.max(this.#acknowledged, ack);
    this.#kept = this.#kept.filter((request) => request.seq > ack);
  }

  /** The service could not reach its data, and does not know what became of this request. */
  refuse(seq: number): void {
    this.#refused.push(...this.#kept.filter((request) => request.seq === seq));
  }

  /** Whether a service that has processed requests up to `ack` has forgotten some. */
  hasLost(ack: number): boolean {
    return ack < this.#acknowledged;
  }

  /** Go on over a new stream: everything above `ack` is due once more. */
  resume(ack: number): void {
    this.acknowledge(ack);
    this.#written = ack;
    for (const { seq, callId, payload } of this.#refused.splice(0)) {
      // one that a stored request has overtaken takes a new number
      if (seq < ack && payload !== undefined) this.add(callId, payload);
    }
  }

  /** A new session: its requests are numbered from 1, and the old ones are about calls that are gone. */
  clear(): void {
    this.#last = this.#written = this.#acknowledged = 0;
    this.#kept = [];
    this.#refused = [];
  }
}
