/** Trickle (RFC 8838): candidates that are gathered close together travel together. */
import { ufragOf, ufragsIn } from "./sdp.js";
import type { Timing } from "./timing.js";

/** Collects the local candidates of one generation after the other, and sends them in batches. */
export class Trickle {
  #ufrags = new Set<string>(); // of the description that they belong to
  #batch: RTCIceCandidateInit[] = [];
  #isComplete = true;
  #isHeld = false;
  #stop: (() => void) | undefined;

  constructor(
    private readonly timing: Timing,
    private readonly send: (candidates: RTCIceCandidateInit[]) => void,
  ) {}

  /**
   * A local description is about to be set: of another generation nothing is sent any more, and
   * of its own nothing before `release`, when the description itself is on its way.
   */
  describe(sdp: string): void {
    const ufrags = ufragsIn(sdp);
    if ([...ufrags].every((ufrag) => this.#ufrags.has(ufrag))) return;
    this.drop();
    this.#ufrags = ufrags;
    this.#isComplete = false;
    this.#isHeld = true;
  }

  /** The description was sent: its candidates may follow. */
  release(): void {
    this.#isHeld = false;
    if (this.#batch.length > 0) this.#arm();
  }

  /** Takes one gathered candidate; null says that there are no more. */
  add(candidate: RTCIceCandidateInit | null): void {
    if (candidate === null || candidate.candidate === "") this.#complete();
    else this.#take(candidate);
  }

  /** Forgets what was not sent: the description was rolled back, or the call is over. */
  drop(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#batch = [];
    this.#ufrags = new Set();
    this.#isComplete = true;
  }

  #take({ candidate, sdpMid, sdpMLineIndex, usernameFragment }: RTCIceCandidateInit): void {
    const ufrag = ufragOf({
      candidate: candidate ?? "",
      usernameFragment: usernameFragment ?? null,
    });
    if (!this.#ufrags.has(ufrag)) return; // gathered too late
    this.#put({
      candidate: candidate ?? "",
      sdpMid: sdpMid ?? null,
      sdpMLineIndex: sdpMLineIndex ?? null,
      usernameFragment: ufrag,
    });
  }

  /** End-of-candidates goes behind the last candidate, once for each generation. */
  #complete(): void {
    if (this.#isComplete) return;
    this.#isComplete = true;
    const [usernameFragment = ""] = this.#ufrags;
    this.#put({ candidate: "", usernameFragment });
  }

  #put(candidate: RTCIceCandidateInit): void {
    this.#batch.push(candidate);
    if (!this.#isHeld) this.#arm();
  }

  #arm(): void {
    this.#stop ??= this.timing.later(this.timing.trickleDelay, () => {
      this.#stop = undefined;
      this.send(this.#batch.splice(0));
    });
  }
}
