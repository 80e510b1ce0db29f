/** What an app hears: typed events, each told to everybody who listens. */

export type Listener<T extends unknown[]> = (...particulars: T) => void;

/**
 * Listeners by the name of an event.
 *
 * `Events` maps each name to what its listeners are called with. What a listener throws is the
 * app's mistake and stops nobody else: it is reported as an uncaught error.
 */
export class Emitter<Events extends { [Name in keyof Events]: unknown[] }> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();

  /** Calls `listener` with every such event from now on; returns what stops it. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /** Calls `listener` with the next such event alone; returns what stops it. */
  once<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const stop = this.on(name, (...particulars) => {
      stop();
      listener(...particulars);
    });
    return stop;
  }

  /** Tells everybody who listens now. The library's part, as nobody else's is. */
  emit<Name extends keyof Events>(name: Name, ...particulars: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as Listener<Events[Name]>)(...particulars);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
