/** What an app may set for a client. */
import type { CredentialSource, TokenPlace } from "./credentials.js";
import type { Memory } from "./memory.js";
import type { Page } from "./page.js";
import type { SocketConstructor } from "./socket.js";
import type { Timing } from "./timing.js";

export interface ClientOptions {
  /** `wss:`, or `ws:` on loopback; any path. Never put credentials there. */
  readonly url: string | URL;
  /** Who this is: asked before every connection, and again before a token expires. */
  readonly credentials: CredentialSource;
  /** "first-message" unless a proxy wants to see the token among the subprotocols. */
  readonly tokenIn?: TokenPlace;
  /** Name and version of the app, at most 256 bytes. */
  readonly agent?: string;
  /** What the operator wants to know of a device, at most 1 KiB. */
  readonly labels?: Readonly<Record<string, string>>;
  /** What survives when the tab is loaded again; see `claimTab`. */
  readonly memory?: Memory;
  /** How to wait; a test brings its own. */
  readonly timing?: Partial<Timing>;
  /** In the place of the browser's; outside of browsers, such as `ws`. */
  readonly WebSocket?: SocketConstructor;
  /** In the place of the browser's window and document. */
  readonly page?: Page;
}
