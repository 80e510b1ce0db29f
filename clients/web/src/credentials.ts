/** Who a device is: by its word, or by a token that is renewed while it is connected. */
import { backoff, type Timing } from "./timing.js";

/** A token of your backend's. */
export interface Token {
  readonly token: string;
  /** ms since the epoch, or a date; without it a JWT's own `exp`. */
  readonly expiresAt?: number | Date;
}

/** What a service takes at its word, as on one's own machine. */
export interface Identity {
  readonly userId: string;
  readonly deviceId: string;
}

export type Credentials = Token | Identity;

/** Asked before every connection. What it throws counts as a drop: it is asked again later. */
export type CredentialSource = Credentials | (() => Credentials | Promise<Credentials>);

/** Where a token goes: ahead of the hello, or among the subprotocols, where proxies see it. */
export type TokenPlace = "first-message" | "subprotocol";

export const SUBPROTOCOL = "signaling.v1";

// of the time that a token has left it is renewed after so much: drawn, so nobody comes in step
const EARLIEST = 0.7;
const LATEST = 0.9;
const MIN_WAIT = 1000; // ms; between two questions, whatever a source says
const MAX_WAIT = 2 ** 31 - 1; // ms; what a browser's timer can wait

/** Asks a source. */
export async function ask(source: CredentialSource): Promise<Credentials> {
  return typeof source === "function" ? await source() : source;
}

/** Whether these would be refused like those. */
export function areSame(some: Credentials, others: Credentials): boolean {
  if ("token" in some) return "token" in others && some.token === others.token;
  return "userId" in others && some.userId === others.userId && some.deviceId === others.deviceId;
}

/** What a WebSocket offers, with whatever credentials go there. */
export function subprotocols(credentials: Credentials, place: TokenPlace): string[] {
  if ("userId" in credentials) {
    const { userId, deviceId } = credentials;
    return [SUBPROTOCOL, `user-id.${encoded(userId)}`, `device-id.${encoded(deviceId)}`];
  }
  return place === "subprotocol" ? [SUBPROTOCOL, `bearer.${credentials.token}`] : [SUBPROTOCOL];
}

/** What goes ahead of the hello, if anything does. */
export function firstToken(credentials: Credentials, place: TokenPlace): string | undefined {
  return "token" in credentials && place === "first-message" ? credentials.token : undefined;
}

/** Percent-encoded as far as a subprotocol has to be: a token of RFC 9110 §5.6.2. */
function encoded(id: string): string {
  return encodeURIComponent(id).replace(
    /[()]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** When a token expires, in ms since the epoch; undefined if nobody says: it is not renewed. */
export function expiry({ token, expiresAt }: Token): number | undefined {
  if (expiresAt !== undefined) return Number(expiresAt);
  try {
    const claims = token.split(".")[1] ?? "";
    const { exp } = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))) as {
      exp?: unknown;
    };
    return typeof exp === "number" ? exp * 1000 : undefined;
  } catch {
    return undefined; // it is no JWT: the operator's proxy may want something else
  }
}

/** Renews the token of one stream ahead of each expiry. */
export class Renewal {
  #stop: (() => void) | undefined;
  #isOver = false;
  #failures = 0;

  /**
   * @param source asked for the next token
   * @param refresh told each new one
   */
  constructor(
    private readonly source: CredentialSource,
    private readonly timing: Timing,
    private readonly refresh: (token: string) => void,
  ) {}

  /** Begins to wait for the expiry of what the stream came with. */
  begin(credentials: Credentials): void {
    if (this.#isOver || !("token" in credentials)) return;
    const expiresAt = expiry(credentials);
    if (expiresAt === undefined) return;
    const { timing } = this;
    const left = expiresAt - timing.now();
    const share = EARLIEST + timing.random() * (LATEST - EARLIEST);
    const wait = this.#failures > 0 ? backoff(timing, this.#failures) : left * share;
    this.#stop = timing.later(Math.min(Math.max(wait, MIN_WAIT), MAX_WAIT), () => {
      void this.#renew(credentials);
    });
  }

  /** The stream is over. */
  end(): void {
    this.#isOver = true;
    this.#stop?.();
  }

  async #renew(last: Token): Promise<void> {
    let next: Credentials;
    try {
      next = await ask(this.source);
      this.#failures = 0;
    } catch {
      this.#failures += 1; // a network's, or a backend's: the old token counts on, ask again
      next = last;
    }
    if (this.#isOver) return;
    if ("token" in next && next.token !== last.token) this.refresh(next.token);
    this.begin(next);
  }
}
