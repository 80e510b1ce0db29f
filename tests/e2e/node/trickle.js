/**
 * Trickle: candidates that are gathered close together travel together.
 *
 * @module trickle
 */

// ten candidates in one message cost a fifth of ten messages; nobody notices 20 ms
const BATCH_WINDOW_MS = 20;
const CANDIDATES_PER_MESSAGE = 32;

/**
 * The ICE generation that a candidate line names.
 *
 * @param {string} line
 * @returns {string | undefined}
 */
export function ufragOf(line) {
  return line.match(/ ufrag (\S+)/)?.[1];
}

/** Collects the candidates of one RTCPeerConnection and sends them in batches. */
export class Trickle {
  #send;
  #batch = [];
  #timer;
  #completeUfrag;
  #lastCompleteUfrag;

  /** @param {(candidates: object[]) => void} send takes 1 to 32 `IceCandidate` */
  constructor(send) {
    this.#send = send;
  }

  /**
   * Takes one gathered candidate.
   *
   * @param {{candidate: string, sdpMid: string, sdpMLineIndex: number}} candidate
   */
  add({ candidate, sdpMid, sdpMLineIndex }) {
    const usernameFragment = ufragOf(candidate);
    this.#batch.push({ candidate, sdpMid, sdpMLineIndex, usernameFragment });
    this.#arm();
  }

  /**
   * Gathering is complete: end-of-candidates goes behind the last candidate.
   * Said twice of one generation it is sent once.
   *
   * @param {string} ufrag the generation
   */
  complete(ufrag) {
    if (ufrag === this.#lastCompleteUfrag) return;
    this.#completeUfrag = this.#lastCompleteUfrag = ufrag;
    this.#arm();
  }

  /** Forgets what was not sent: its description was rolled back, or the call is over. */
  drop() {
    clearTimeout(this.#timer);
    this.#timer = this.#completeUfrag = undefined;
    this.#batch = [];
  }

  #arm() {
    this.#timer ??= setTimeout(() => this.#flush(), BATCH_WINDOW_MS);
  }

  #flush() {
    const batch = this.#batch;
    if (this.#completeUfrag !== undefined) {
      batch.push({ candidate: "", usernameFragment: this.#completeUfrag });
    }
    this.drop();
    for (let at = 0; at < batch.length; at += CANDIDATES_PER_MESSAGE) {
      this.#send(batch.slice(at, at + CANDIDATES_PER_MESSAGE));
    }
  }
}
