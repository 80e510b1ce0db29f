/**
 * What a device has for the service, in the app's order, numbered as it is written. No I/O.
 *
 * A request is kept until the service has acknowledged it. One that the service could not store,
 * because its backend was away, counts as received and is sent again under a new number:
 *
 * - It waits as long as the service asks for, and until all that was written has its answer. Then
 *   the first request goes alone, and the others once that one is stored. What was on its way
 *   already and is refused because its call's offer was not stored is sent again behind that.
 * - A resume counts on from the last number that the service has stored: each request once, in
 *   the app's order, whether it was refused or just not acknowledged.
 * - A refused request may be stored after all: then its number is the ack of the welcome. Below
 *   that nobody can know, and it is sent, at worst a second time.
 */
import { clone } from "@bufbuild/protobuf";

import { ConnectRequestSchema, type ConnectRequest } from "./gen/signaling/v1/signaling_pb.js";

const REMEMBERED = 1024; // requests; a refusal comes long before so many have followed
const KEPT = 64; // acknowledged requests; a later one's ack may come before a refusal

/** A request, and what became of it. */
interface Item {
  readonly place: number; // in the app's order
  readonly name: string;
  request: ConnectRequest;
  wasRefused: boolean;
  isOver: boolean; // its call is: it is sent no more
}

/** The requests of one session. */
export class Outbox {
  /** In ms; how long the service wants to be left alone, undefined if it does not. */
  pause: number | undefined;

  #placed = 0;
  #sent = 0; // the highest seq given out
  #waiting: Item[] = []; // to be written, by place
  #unacked: Item[] = []; // written and unanswered, by seq
  #acknowledged: Item[] = [];
  readonly #refused = new Map<number, Item>(); // by the seq it had, from the last ack on
  readonly #names = new Map<number, string>(); // what the last requests were
  #isHeld = false; // one was refused, and none has been stored since
  #probe = 0; // the seq of the one that went alone

  /** Whether there is a request that may be written. */
  get hasNext(): boolean {
    const isFree = !this.#isHeld || (this.pause === undefined && this.#unacked.length === 0);
    return isFree && this.#waiting.length > 0;
  }

  /** Whether something was written that has no ack yet. */
  get isUnanswered(): boolean {
    return this.#unacked.length > 0;
  }

  /** Lets a request get on its way. */
  add(request: ConnectRequest): void {
    const place = ++this.#placed;
    const item = { place, name: nameOf(request), request, wasRefused: false, isOver: false };
    this.#waiting.push(item);
  }

  /** The request to write now, with its number. */
  next(): ConnectRequest | undefined {
    const item = this.hasNext ? this.#waiting.shift() : undefined;
    if (item === undefined) return undefined;
    this.#unacked.push(item);
    item.request.seq = ++this.#sent;
    this.#names.set(this.#sent, item.name);
    this.#names.delete(this.#sent - REMEMBERED);
    if (this.#isHeld) this.#probe = this.#sent;
    return item.request;
  }

  /** What a request was: "call" for a first offer, else its payload's member. */
  nameOf(seq: number): string {
    return this.#names.get(seq) ?? "";
  }

  // what the service says

  /** Everything up to `ack` has its answer. */
  acknowledge(ack: number): void {
    while (this.#unacked[0] !== undefined && this.#unacked[0].request.seq <= ack) {
      this.#acknowledged.push(...this.#unacked.splice(0, 1));
    }
    this.#acknowledged.splice(0, this.#acknowledged.length - KEPT);
    for (const seq of this.#refused.keys()) if (seq < ack) this.#refused.delete(seq);
    if (this.#probe > 0 && this.#probe <= ack) this.release();
  }

  /** A stream begins, and the service has stored `ack`: all that was not goes out again. */
  resume(ack: number): void {
    const stored = this.#refused.get(ack);
    this.acknowledge(ack);
    for (const item of this.#unacked.splice(0)) {
      // the new stream came with credentials of its own
      if (item.name !== "refresh") this.#sendAgain(item);
    }
    this.#waiting = this.#waiting.filter((item) => item !== stored);
    for (const seq of this.#names.keys()) if (seq > ack) this.#names.delete(seq);
    this.#sent = ack;
    this.#refused.clear();
    this.release();
  }

  /** The session is gone, and so is everything that it had to say. */
  clear(): void {
    this.#waiting = [];
    this.#unacked = [];
    this.#acknowledged = [];
    this.#names.clear();
    this.#refused.clear();
  }

  /** A request could not be stored; returns whether it is sent again, after `pause` ms. */
  refuse(seq: number, pause: number): boolean {
    const item = this.#take(seq);
    if (item === undefined) return false; // too long ago
    item.wasRefused = true;
    this.#refused.set(seq, item);
    if (this.#refused.size > REMEMBERED) this.#refused.delete([...this.#refused.keys()][0] ?? 0);
    this.#isHeld = true;
    this.#probe = 0;
    this.pause = pause;
    this.#sendAgain(item);
    return true;
  }

  /** A request has no call; returns whether it is sent again, behind its call's offer. */
  hasOvertaken(seq: number): boolean {
    const item = this.#take(seq);
    if (item === undefined) return false;
    const isBehind = this.#about(item.request.callId, "call").some(
      (offer) => offer.wasRefused && !(offer.request.seq > 0 && offer.request.seq < seq),
    );
    if (isBehind) this.#sendAgain(item);
    return isBehind;
  }

  // what ends the waiting

  /** The pause is over. */
  goOn(): void {
    this.pause = undefined;
  }

  /** Holds nothing back any longer. */
  release(): void {
    this.#isHeld = false;
    this.#probe = 0;
    this.pause = undefined;
  }

  /** The service knows that a call is over: nothing more is sent about it. */
  forget(callId: string): void {
    this.#drop(callId);
  }

  /**
   * Takes back the offer of a call that was hung up while its offer was held back. The hangup
   * still goes out, because the offer may have been stored. Returns whether it did.
   */
  cancel(callId: string): boolean {
    const offers = this.#about(callId, "call");
    const isHeld = this.#isHeld && offers.some((item) => this.#waiting.includes(item));
    const hangup = isHeld ? this.#about(callId, "hangup")[0] : undefined;
    if (hangup === undefined) return false;
    this.#drop(callId, hangup);
    return true;
  }

  #about(callId: string, name: string): Item[] {
    return [...this.#waiting, ...this.#unacked, ...this.#acknowledged].filter(
      (item) => item.name === name && item.request.callId === callId,
    );
  }

  /** Takes out a request that was written. */
  #take(seq: number): Item | undefined {
    for (const items of [this.#unacked, this.#acknowledged]) {
      const at = items.findIndex((item) => item.request.seq === seq);
      if (at >= 0) return items.splice(at, 1)[0];
    }
    return undefined;
  }

  #sendAgain(item: Item): void {
    if (item.isOver) return;
    item.request = clone(ConnectRequestSchema, item.request); // somebody may have kept the first
    item.request.seq = 0;
    const at = this.#waiting.findIndex((other) => other.place > item.place);
    this.#waiting.splice(at < 0 ? this.#waiting.length : at, 0, item);
  }

  #drop(callId: string, but?: Item): void {
    for (const item of [...this.#waiting, ...this.#unacked, ...this.#acknowledged]) {
      if (item.request.callId === callId && item !== but) item.isOver = true;
    }
    this.#waiting = this.#waiting.filter((item) => !item.isOver);
  }
}

function nameOf({ payload }: ConnectRequest): string {
  const isCall = payload.case === "offer" && payload.value.recipientUserId !== "";
  return isCall ? "call" : (payload.case ?? "");
}
