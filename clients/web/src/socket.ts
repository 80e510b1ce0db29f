/** What of a browser's WebSocket a client needs: another one may stand in its place. */

// each stack has event classes of its own, and they are not assignable to each other
type Handler = ((event: any) => void) | null;

export interface Socket {
  binaryType: string;
  onopen: Handler;
  onmessage: Handler;
  onerror: Handler;
  onclose: Handler;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number): void;
}

/** `WebSocket` itself, in a browser. */
export type SocketConstructor = new (url: string, protocols: string[]) => Socket;
