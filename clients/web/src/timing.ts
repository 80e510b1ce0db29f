/** How long a client waits, and how: the only place where it meets the clock and chance. */

/** Milliseconds, unless it says otherwise. The defaults are those of the contract. */
export interface Timing {
  /** The first wait is drawn from 0 to this, doubled by every failure. */
  readonly minBackoff: number;
  readonly maxBackoff: number;
  /** An ack waits this long for a request to ride on. */
  readonly ackDelay: number;
  /** A welcome takes seconds where thousands come at once. */
  readonly welcomeTimeout: number;
  /** A request without an ack for so long: the connection only looks alive. */
  readonly ackTimeout: number;
  /** The service flushes for 5 s when a client leaves. */
  readonly leaveTimeout: number;
  /** Candidates that were gathered within so long travel together. */
  readonly trickleDelay: number;
  /** The time now, in ms since the epoch. */
  now(): number;
  /** From 0 to 1, as `Math.random`. */
  random(): number;
  /** Calls `act` after a while; returns what stops it. */
  later(delay: number, act: () => void): () => void;
}

const MAX_DOUBLINGS = 16; // of the first wait; by then any sensible most is reached

export const TIMING: Timing = {
  minBackoff: 500,
  maxBackoff: 30_000,
  ackDelay: 200,
  welcomeTimeout: 20_000,
  ackTimeout: 15_000,
  leaveTimeout: 6_000,
  trickleDelay: 30,
  now: () => Date.now(),
  random: () => Math.random(),
  later: (delay, act) => {
    const timer = setTimeout(act, delay);
    return () => clearTimeout(timer);
  },
};

/** How long to wait after so many failures in a row: drawn, so nobody comes in step. */
export function backoff(timing: Timing, failures: number): number {
  const most = timing.minBackoff * 2 ** Math.min(failures, MAX_DOUBLINGS);
  return timing.random() * Math.min(timing.maxBackoff, most);
}

/** At least so long, at most twice: who was refused together does not come together. */
export function spread(timing: Timing, delay: number): number {
  return delay * (1 + timing.random());
}
