/** What survives when a tab is loaded again, so that it may come back to its calls. */
import type { DeviceName } from "./events.js";
import type { CallRole } from "./gen/signaling/v1/signaling_pb.js";
import type { Standing } from "./session.js";

/** A call that a tab was in. */
export interface RememberedCall {
  readonly callId: string;
  readonly role: CallRole.CALLER | CallRole.CALLEE;
  readonly peer?: DeviceName;
  /** Whether it was answered. Only then can it go on: by an offer of a new peer connection. */
  readonly isEstablished: boolean;
  /** Its last exchange of offer and answer. */
  readonly negotiation: number;
}

/** A session, and the calls that live in it. The session's id is a secret: keep it in the tab. */
export interface Remembered extends Standing {
  readonly calls: readonly RememberedCall[];
}

/** Where a client keeps it. */
export interface Memory {
  load(): Remembered | undefined;
  save(remembered: Remembered): void;
  clear(): void;
}

/** Memory in a tab's `sessionStorage`, or whatever is like it. */
export class StoredMemory implements Memory {
  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem" | "removeItem">,
    private readonly key: string,
  ) {}

  load(): Remembered | undefined {
    const text = this.storage.getItem(this.key);
    try {
      return text === null ? undefined : (JSON.parse(text) as Remembered);
    } catch {
      return undefined; // it is not ours: begin anew
    }
  }

  save(remembered: Remembered): void {
    this.storage.setItem(this.key, JSON.stringify(remembered));
  }

  clear(): void {
    this.storage.removeItem(this.key);
  }
}
