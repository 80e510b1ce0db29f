/** Time and chance for tests: it passes when they say. */
import { TIMING, type Timing } from "../src/timing.js";

export class Clock {
  readonly waits: { at: number; act: () => void }[] = [];
  readonly delays: number[] = [];
  #now = 0;

  /** With it the draw is always the most. */
  readonly timing: Timing = {
    ...TIMING,
    now: () => this.#now,
    random: () => 1,
    later: (delay, act) => {
      const wait = { at: this.#now + delay, act };
      this.delays.push(delay);
      this.waits.push(wait);
      return () => this.#remove(wait);
    },
  };

  /** Lets so many ms pass. */
  pass(delay: number): void {
    this.#now += delay;
    for (let due = this.#due(); due; due = this.#due()) {
      this.#remove(due);
      due.act();
    }
  }

  #due() {
    return this.waits.find(({ at }) => at <= this.#now);
  }

  #remove(wait: { at: number; act: () => void }): void {
    const at = this.waits.indexOf(wait);
    if (at >= 0) this.waits.splice(at, 1);
  }
}
