/** What a browser tells of its network and of the tab. */

/** The parts of a browser that are listened to; none of them elsewhere. */
export interface Page {
  readonly window: EventTarget;
  readonly document: EventTarget & { readonly visibilityState: string };
}

/** Who wants to know. */
export interface PageListener {
  offline(): void;
  online(): void;
  /** The tab is looked at. */
  shown(): void;
  /** The page goes: it is closed, loaded again, or kept in case the person comes back. */
  hidden(): void;
}

/** The page that this runs in, if it does. */
export function thisPage(): Page | undefined {
  return typeof window === "undefined" || typeof document === "undefined"
    ? undefined
    : { window, document };
}

/** Tells `listener` until what it returns is called. */
export function watch({ window, document }: Page, listener: PageListener): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  window.addEventListener("offline", () => listener.offline(), { signal });
  window.addEventListener("online", () => listener.online(), { signal });
  window.addEventListener("pageshow", () => listener.shown(), { signal });
  window.addEventListener("pagehide", () => listener.hidden(), { signal });
  const look = (): void => {
    if (document.visibilityState === "visible") listener.shown();
  };
  document.addEventListener("visibilitychange", look, { signal });
  return () => stop.abort();
}
