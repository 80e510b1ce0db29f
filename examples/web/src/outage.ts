/** A network that is down for a while: nobody connects before it is over. */

export class Outage {
  #end: Promise<void> = Promise.resolve();

  /** Resolves when there is a network: at once, unless there is an outage. */
  get over(): Promise<void> {
    return this.#end;
  }

  /** Lets it begin; `tick` hears how many seconds are left, 0 at its end. */
  begin(seconds: number, tick: (left: number) => void): void {
    const endAt = performance.now() + seconds * 1000;
    tick(seconds);
    this.#end = new Promise((resolve) => {
      const timer = setInterval(() => {
        const left = Math.max(0, Math.ceil((endAt - performance.now()) / 1000));
        tick(left);
        if (left > 0) return;
        clearInterval(timer);
        resolve();
      }, 250);
    });
  }
}
